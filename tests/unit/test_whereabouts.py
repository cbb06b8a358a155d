"""A command in a shell that was told nothing finds the stack of its run folder, as long as that lives."""

from __future__ import annotations

import os

import psutil
import pytest

from atipico.engines.embedded import state, whereabouts
from atipico.engines.embedded.parts import port


@pytest.fixture
def stack(tmp_path, monkeypatch):
    """Tells what a supervisor, which is this very process unless told, would of its parts."""
    monkeypatch.setattr(os, "environ", {**os.environ, "ATIPICO_RUN": str(tmp_path)})
    for part in ("STORE", "PAGE"):
        os.environ.pop(f"ATIPICO_{part}_PORT", None)

    def tell(**changed: object) -> None:
        itself = {"pid": os.getpid(), "create_time": psutil.Process().create_time()}
        given = {"ATIPICO_STORE_PORT": "31001", "ATIPICO_PAGE_PORT": "31002", "ATIPICO_HOME": "/elsewhere"}
        state.write(tmp_path, {**itself, "parts": {}, "found_at": whereabouts.told(given), **changed})

    return tell


def test_a_living_stack_is_found_at_the_ports_that_it_was_given(stack):
    stack()

    whereabouts.find()

    assert (port("store"), port("page")) == (31001, 31002)
    assert os.environ.get("ATIPICO_HOME") != "/elsewhere"


def test_a_port_that_the_shell_names_goes_before(stack):
    stack()
    os.environ["ATIPICO_STORE_PORT"] = "31009"

    whereabouts.find()

    assert (port("store"), port("page")) == (31009, 31002)


@pytest.mark.parametrize("gone", [{"create_time": 1.0}, {"pid": None, "create_time": None}])
def test_what_a_stack_told_that_is_gone_counts_no_longer(stack, gone):
    stack(**gone)

    whereabouts.find()

    assert port("store") == 8086


def test_parts_without_their_supervisor_are_found_too(stack):
    itself = {"pid": os.getpid(), "create_time": psutil.Process().create_time()}
    stack(pid=None, create_time=None, parts={"store": itself})

    whereabouts.find()

    assert port("store") == 31001


def test_whom_to_trust_is_told_too(stack, tmp_path):
    os.environ["ATIPICO_TLS_CERT"] = str(tmp_path / "cert.pem")
    stack()
    del os.environ["ATIPICO_TLS_CERT"]

    whereabouts.find()

    assert os.environ["ATIPICO_TLS_CA"] == str(tmp_path / "cert.pem")
