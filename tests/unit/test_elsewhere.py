"""Parts that do not live on one machine: by which names a service answers, which jobs wait."""

from __future__ import annotations

import pytest

from atipico.engines.kapacitor.engine import files_in
from atipico.errors import Refused
from atipico.lab.door import token
from atipico.lab.pair import pair
from atipico.lab.settings import LabSettings
from atipico.registry.unlearnt import unlearnt
from atipico.web import local_hosts_only

JOB = 'model = "{}"\nstream = "s"\n[features]\na = "a"\n'


@pytest.mark.parametrize(
    ("bound", "hosts", "name", "answered"),
    [
        ("127.0.0.1", "", "page:8050", False),
        ("127.0.0.1", "page", "page:8050", True),
        ("0.0.0.0", "", "evil.example", True),
        ("0.0.0.0", "page,Other", "evil.example", False),
        ("0.0.0.0", "page,Other", "page:8050", True),
        ("0.0.0.0", "page,Other", "OTHER", True),
        ("0.0.0.0", "page", "localhost:8050", True),
        ("0.0.0.0", "page", "127.0.0.1:8050", True),
    ],
)
def test_a_service_answers_by_the_names_that_it_was_told(monkeypatch, bound, hosts, name, answered):
    monkeypatch.setenv("ATIPICO_HOSTS", hosts)
    said = []

    app = local_hosts_only(lambda environ, start: start("200 OK", []) or [], bound)
    app({"HTTP_HOST": name}, lambda status, headers: said.append(status[:3]))

    assert said == ["200" if answered else "403"]


def test_jobs_of_a_folder_are_those_whose_model_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path))
    for folder in ("jobs", "models/learnt", "data/some"):
        (tmp_path / folder).mkdir(parents=True)
    for model in ("learnt", "waiting"):
        (tmp_path / "jobs" / f"{model}.toml").write_text(JOB.format(model))
    (tmp_path / "data" / "some" / "learn.toml").write_text('name = "waiting"\n')

    assert unlearnt() == {"waiting"}
    assert [file.stem for file in files_in(tmp_path / "jobs")] == ["learnt"]
    assert files_in(tmp_path / "jobs" / "waiting.toml") == [tmp_path / "jobs" / "waiting.toml"]

    (tmp_path / "data" / "some" / "learn.toml").write_text("name = \n")
    with pytest.raises(Refused, match=r"learn\.toml can't be read"):
        unlearnt()


def test_the_lab_takes_a_token_of_its_own_where_one_is_set(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))
    with pytest.raises(Refused):
        token(LabSettings())

    monkeypatch.setenv("ATIPICO_LAB_TOKEN", "abc")
    assert token(LabSettings()) == "abc"
    assert LabSettings().host == "127.0.0.1"


def test_a_notebook_in_a_folder_that_may_only_be_read_stays_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "01-two.py").write_text("# %%\n1 + 1\n")
    monkeypatch.setattr("os.access", lambda path, mode: False)

    assert pair(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["01-two.py"]
