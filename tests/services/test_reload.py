"""`atipico model reload`: whatever the classifier is doing when it is asked, it serves the newest models then."""

from __future__ import annotations

import shutil
import signal
import threading
from pathlib import Path

import pytest
import requests

from atipico.classifier import again
from atipico.classifier.again import Again
from atipico.learn.register import register
from atipico.registry.asked import ask, asked
from running_part import RunningPart
from trained import small
from waiting import until

LARGEST = 2**20


@pytest.fixture(scope="module")
def versions(tmp_path_factory) -> Path:
    """Two versions of a model, to be copied where they are wanted."""
    folder = tmp_path_factory.mktemp("versions")
    register(small(), folder)
    register(small(seed=1), folder)
    return folder


@pytest.fixture
def folder(versions, tmp_path) -> Path:
    """A folder of models with small@1."""
    shutil.copytree(versions / "small" / "1", tmp_path / "models" / "small" / "1")
    return tmp_path / "models"


def put(versions: Path, folder: Path, version: int) -> None:
    """Have a version there, at once and whole."""
    shutil.copytree(versions / "small" / str(version), folder / f".{version}")
    (folder / f".{version}").rename(folder / "small" / str(version))


def test_models_are_read_when_that_is_asked_for_and_not_otherwise(folder, versions, tmp_path):
    reader = Again(folder, LARGEST, tmp_path)
    put(versions, folder, 2)

    before = (reader.look(), reader.shelf.get("small").id)
    number = ask(tmp_path)
    after = (reader.look(), reader.shelf.get("small").id, reader.shelf.asked)

    assert before == (False, "small@1")
    assert after == (True, "small@2", number)
    assert not reader.look()


def test_what_is_asked_for_while_models_are_read_is_done_after_it(folder, versions, tmp_path, monkeypatch):
    reader, read = Again(folder, LARGEST, tmp_path), again.open_shelf
    ask(tmp_path)

    def read_slowly(*given):
        found = read(*given)
        if (number := asked(tmp_path)) == first:  # registered and asked for behind what was just read
            put(versions, folder, 2)
            assert ask(tmp_path) > number
        return found

    first = asked(tmp_path)
    monkeypatch.setattr(again, "open_shelf", read_slowly)
    served = [reader.look() and reader.shelf.get("small").id for _ in range(3)]

    assert served == ["small@1", "small@2", False]


def test_a_later_request_has_a_higher_number_also_where_the_clock_went_back(tmp_path, monkeypatch):
    first = ask(tmp_path)
    monkeypatch.setattr("time.time_ns", lambda: 5)

    assert ask(tmp_path) > first


def test_a_folder_that_cannot_be_read_just_then_is_read_later(folder, versions, tmp_path, monkeypatch):
    reader, read, tries = Again(folder, LARGEST, tmp_path), again.open_shelf, []

    def fails_at_first(*given):
        tries.append(given)
        if len(tries) < 3:
            raise OSError(5, "Input/output error")
        return read(*given)

    monkeypatch.setattr(again, "open_shelf", fails_at_first)
    put(versions, folder, 2)
    reader.start()
    ask(tmp_path)

    until(lambda: reader.shelf.get("small").id == "small@2")


@pytest.fixture
def classifier(folder, tmp_path):
    """Starts classifiers that do not outlive the test."""
    started: list[RunningPart] = []

    def start() -> RunningPart:
        started.append(RunningPart(tmp_path, "classifier", classifier_models=folder, classifier_default="small"))
        return started[-1]

    yield start
    for one in started:
        one.close()


def newest(part: RunningPart) -> tuple[str, int]:
    """The newest version that is served, and the number of the request that was dealt with."""
    try:
        told = requests.get(f"http://127.0.0.1:{part.port}/models", timeout=5).json()
    except requests.RequestException:
        return "", 0
    return told["models"][-1]["id"], told["asked"]


@pytest.mark.parametrize("moment", ["stopped", "killed and started again"])
def test_one_who_is_asked_at_a_bad_moment_serves_the_newest_models(classifier, folder, versions, tmp_path, moment):
    part = classifier().listening()
    part.process.send_signal(signal.SIGSTOP if moment == "stopped" else signal.SIGKILL)

    put(versions, folder, 2)
    number = ask(tmp_path)
    part.process.send_signal(signal.SIGCONT)
    part = part if moment == "stopped" else classifier()

    until(lambda: newest(part)[1] >= number)
    assert newest(part)[0] == "small@2"


def test_a_request_that_comes_all_the_time_while_it_starts_ends_nobody(classifier, folder, versions, tmp_path):
    part, up = classifier(), threading.Event()

    def keep_asking() -> None:
        while not up.wait(0.01):
            ask(tmp_path)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    until(lambda: newest(part)[0])
    put(versions, folder, 2)
    up.set()
    asking.join()
    number = ask(tmp_path)

    until(lambda: newest(part)[1] >= number)
    assert newest(part)[0] == "small@2"
    assert part.process.poll() is None
