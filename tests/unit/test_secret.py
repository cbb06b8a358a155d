"""Secrets are files for one user, from the moment that they are there."""

from __future__ import annotations

import os
import threading

import pytest

from atipico import secret
from atipico.errors import Refused


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_secret_is_for_its_user_alone_whatever_the_umask(tmp_path, open_umask):
    secret.make(tmp_path / "token")

    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert len(secret.read(tmp_path / "token")) > 32
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_a_secret_that_is_there_stays(tmp_path):
    secret.make(tmp_path / "token")
    before = secret.read(tmp_path / "token")

    secret.make(tmp_path / "token")

    assert secret.read(tmp_path / "token") == before


def test_of_many_who_make_it_at_once_one_does_and_nobody_reads_half_of_it(tmp_path):
    path, read, go = tmp_path / "token", [], threading.Event()

    def make_and_read() -> None:
        go.wait()
        secret.make(path)
        read.append(secret.read(path))

    threads = [threading.Thread(target=make_and_read) for _ in range(16)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()

    assert len(read) == 16
    assert len(set(read)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_secret_that_others_can_read_or_change_is_refused_with_the_cure(tmp_path, mode):
    secret.make(tmp_path / "token")
    (tmp_path / "token").chmod(mode)

    with pytest.raises(Refused, match=rf"is open to others \(mode {mode:o}\); `chmod 600 "):
        secret.read(tmp_path / "token")


def test_a_secret_that_is_no_secret_is_refused(tmp_path):
    secret.make(tmp_path / "token")
    (tmp_path / "token").write_text("1234\n")

    with pytest.raises(Refused, match="no token of 16 characters"):
        secret.read(tmp_path / "token")


def test_where_there_is_none_there_is_none(tmp_path):
    assert secret.read_if_there(tmp_path / "token") == ""
