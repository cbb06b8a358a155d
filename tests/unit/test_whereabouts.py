"""A command in a shell that was told nothing finds the stack of its run folder, as long as that lives."""

from __future__ import annotations

import os
import sys

import pytest

from atipico import tls
from atipico.config import run_dir
from atipico.engines.embedded import processes, state, whereabouts
from atipico.engines.embedded.parts import port


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A run folder where a supervisor told of its parts."""
    monkeypatch.setattr(os, "environ", {**os.environ, "ATIPICO_RUN": str(tmp_path)})
    for part in ("STORE", "PAGE"):
        os.environ.pop(f"ATIPICO_{part}_PORT", None)

    def tell() -> None:
        given = {"ATIPICO_STORE_PORT": "31001", "ATIPICO_PAGE_PORT": "31002", "ATIPICO_HOME": "/elsewhere"}
        state.write(run_dir(), {"parts": {}, "found_at": whereabouts.told(given)})

    return tell


@pytest.fixture
def living(tmp_path, told):
    """One process of that folder, without its supervisor."""
    command = [sys.executable, "-c", "import time; time.sleep(300)"]
    part = processes.start(processes.marked(command, run_dir(), "store"), tmp_path / "log")
    yield told
    processes.stop([part], 5.0)


def test_a_living_stack_is_found_at_the_ports_that_it_was_given(living):
    living()

    whereabouts.find()

    assert (port("store"), port("page")) == (31001, 31002)
    assert os.environ.get("ATIPICO_HOME") != "/elsewhere"


def test_a_port_that_the_shell_names_goes_before(living):
    living()
    os.environ["ATIPICO_STORE_PORT"] = "31009"

    whereabouts.find()

    assert (port("store"), port("page")) == (31009, 31002)


def test_what_a_stack_told_that_is_gone_counts_no_longer(told):
    told()

    whereabouts.find()

    assert port("store") == 8086


@pytest.mark.parametrize("shell", ["", "its.pem"])
def test_whom_to_trust_is_told_too_and_what_the_shell_names_goes_before(living, tmp_path, shell):
    os.environ["ATIPICO_TLS_CERT"] = str(tmp_path / "cert.pem")
    living()
    os.environ["ATIPICO_TLS_CERT"] = shell and str(tmp_path / shell)

    whereabouts.find()

    assert tls.authority() == tmp_path / (shell or "cert.pem")
