"""Where the store is and who asks there: a part's own settings, the run's, and what is never told."""

from __future__ import annotations

import base64

import pytest

from atipico.client.settings import ClientSettings
from atipico.config import load
from atipico.engines.embedded import prepare
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.errors import Refused
from atipico.generator.settings import GeneratorSettings
from atipico.page.settings import PageSettings
from atipico.store_access import Login, store_access

THERE = "http://influx.example:8086"
PARTS = {
    "page": lambda: load(PageSettings).store(),
    "client": lambda: load(ClientSettings).store(),
    "generator": lambda: load(GeneratorSettings).store.access(),
    "kapacitor": lambda: load(KapacitorSettings).influx(),
}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Sets what the whole run is told: run(url=..., user=...)."""
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))

    def tell(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"ATIPICO_STORE_{name.upper()}", value)

    return tell


@pytest.mark.parametrize("part", PARTS)
def test_every_part_finds_the_store_that_the_run_names_and_asks_as_whom_it_names(run, tmp_path, part):
    (tmp_path / "secret").write_text("pass: word\n")
    run(url=THERE + "/", user="atipico", password_file=str(tmp_path / "secret"))

    assert PARTS[part]() == (THERE, Login("atipico", "pass: word"))


@pytest.mark.parametrize("part", PARTS)
def test_without_a_word_the_store_is_on_this_machine_and_nobody_in_particular_asks(run, part):
    assert PARTS[part]() == ("http://127.0.0.1:8086", Login())


def test_the_runs_login_is_told_to_no_other_store(run):
    run(url=THERE, token="the token")

    assert store_access("http://elsewhere:8086") == ("http://elsewhere:8086", Login())
    assert store_access(THERE).login == Login(token="the token")


def test_what_a_part_has_of_its_own_goes_before(run, monkeypatch):
    run(url=THERE, user="atipico", password="one")
    monkeypatch.setenv("ATIPICO_PAGE_STORE_USER", "reader")
    monkeypatch.setenv("ATIPICO_PAGE_STORE_PASSWORD", "two")

    assert PARTS["page"]() == (THERE, Login("reader", "two"))


def test_the_token_of_the_run_folder_is_the_clients_only_where_nobody_was_named(run, tmp_path):
    (tmp_path / "token").write_text("0123456789abcdef")
    (tmp_path / "token").chmod(0o600)
    alone = PARTS["client"]().login
    run(user="atipico", password="one")

    assert alone == Login(token="0123456789abcdef")
    assert PARTS["client"]().login == Login("atipico", "one")


def test_a_stack_with_a_store_of_its_own_does_not_start_while_the_run_names_another(run):
    prepare.check_store()
    run(url="http://127.0.0.1:8086")
    prepare.check_store()

    run(url=THERE)
    with pytest.raises(Refused, match=r"influx\.example.*unset it"):
        prepare.check_store()


def test_who_asks_is_said_as_influxdb_reads_it():
    basic = base64.b64encode("jürgen:a:b".encode()).decode()

    assert Login("jürgen", "a:b").headers() == {"Authorization": f"Basic {basic}"}
    assert Login(token="t").headers() == {"Authorization": "Token t"}
    assert Login().headers() == {}


@pytest.mark.parametrize("variable", ["ATIPICO_PAGE_STORE_PASSWORD_FILE", "ATIPICO_PAGE_STORE_PASSWORD"])
def test_a_secret_can_lie_in_a_file(run, monkeypatch, tmp_path, variable):
    (tmp_path / "secret").write_text("word\n")
    at = "" if variable.endswith("FILE") else "@"
    monkeypatch.setenv(variable, f"{at}{tmp_path / 'secret'}")

    assert load(PageSettings).store_password == "word"


def test_a_secrets_file_that_is_not_there_is_named(run, monkeypatch, tmp_path):
    monkeypatch.setenv("ATIPICO_PAGE_STORE_PASSWORD_FILE", str(tmp_path / "none"))

    with pytest.raises(Refused, match=r"store_password = '@.*none'.*No such file"):
        load(PageSettings)


def test_a_setting_that_is_no_secret_does_not_read_files(run, monkeypatch, tmp_path):
    monkeypatch.setenv("ATIPICO_PAGE_DATABASE", "@home")
    monkeypatch.setenv("ATIPICO_PAGE_DATABASE_FILE", str(tmp_path))

    assert load(PageSettings).database == "@home"


def test_a_wrong_secret_is_not_repeated(run):
    with pytest.raises(Refused) as caught:
        load(PageSettings, store_password=b"\xff word", every=0)

    assert "store_password = ***" in str(caught.value)
    assert "word" not in str(caught.value).replace("store_password", "")
    assert "every = 0" in str(caught.value)
