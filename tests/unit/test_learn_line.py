"""The stages as a line: each is done when something that it reads has changed, and else skipped."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from atipico.errors import Refused
from atipico.learn import receipts
from atipico.learn.receipts import code_of
from atipico.learn.stages import Learning
from learning import RECIPE, begun

STAGES = ["get", "validate", "features", "train", "evaluate", "register"]


def run(folder: Path, **options) -> dict[str, str]:
    """`atipico learn all` in a folder: which stages were done, and why."""
    said: list[str] = []
    given = {"runs": folder / "runs", "models": folder / "models", "say": said.append}
    Learning(folder / "learn.toml", **given, **options).all()
    told = dict(one.split(": ", 1) for one in said if one.split(":")[0] in STAGES)
    assert list(told) == STAGES or options.get("data")
    return {stage: why for stage, why in told.items() if not why.startswith("skipped")}


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A folder in which all was done once, and what that was."""
    folder = begun(tmp_path_factory.mktemp("first"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        return folder, run(folder)


@pytest.fixture
def done(first, tmp_path) -> Path:
    """A folder of one's own in which all was done once."""
    return shutil.copytree(first[0], tmp_path / "done")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_from_nothing_every_stage_is_done_once_and_then_none(first, done):
    assert list(first[1]) == STAGES
    assert not run(done)
    assert [path.name for path in (done / "models" / "small").iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("file", "old", "new", "again"),
    [
        ("learn.toml", "days = 30", "days = 31", STAGES),
        ("suite.toml", "least = 0", "least = -1", ["validate"]),
        ("small.toml", '"7d"', '"5d"', ["features", "train", "evaluate", "register"]),
        ("small.toml", "model =", "# for tests\nmodel =", []),
        ("learn.toml", '"2d"', '"3d"', ["train", "evaluate", "register"]),
        ("learn.toml", "k = 5", "k = 4", ["evaluate", "register"]),
    ],
)
def test_what_changes_is_done_again_with_all_that_follows_from_it(done, file, old, new, again):
    edit(done / file, old, new)

    assert list(run(done)) == again
    assert not run(done)


def test_what_is_not_there_any_more_as_it_was_written_is_made_again(done):
    (done / "runs/small/stages/features.npz").write_bytes(b"half")
    next((done / "runs/small").glob("2*/importance.png")).unlink()

    again = run(done)

    assert again == {
        "features": "features.npz is not as it was",
        "evaluate": "importance.png is not as it was",
    }


def test_features_that_are_made_again_and_are_the_same_train_nothing(done):
    assert list(run(done, force=["features"])) == ["features"]


def test_a_stage_that_is_forced_is_done_again_with_all_that_follows_from_it(done):
    assert list(run(done, force=["train"])) == ["train", "evaluate", "register"]
    assert not run(done)


def test_no_other_stage_gets_what_is_not_there(tmp_path):
    learning = Learning(begun(tmp_path) / "learn.toml", runs=tmp_path / "runs", models=tmp_path / "models")

    with pytest.raises(Refused, match=r"payments.csv is not there yet; get it: atipico learn get -f"):
        learning.train()

    assert not (tmp_path / "payments.csv").exists()
    assert not list((tmp_path / "runs").rglob("run.json"))


def test_a_bad_batch_stops_the_line_with_its_rows_and_nothing_is_made_of_it(first, tmp_path):
    good, bad = first[0] / "payments.csv", tmp_path / "bad.csv"
    amount = "* REPLACE (CASE WHEN transaction_id % 100 = 7 THEN -1 ELSE amount END AS amount)"
    duckdb.sql(f"COPY (SELECT {amount} FROM read_csv('{good}')) TO '{bad}' (HEADER)")
    learning = Learning(begun(tmp_path) / "learn.toml", str(bad), runs=tmp_path / "runs")

    with pytest.raises(Refused, match=r"amount: expected at least 0; found -1.* in \d+ rows\n    row \d+: .*amount=-1"):
        learning.features()

    stages = tmp_path / "runs/small/stages"
    assert [path.name for path in stages.iterdir()] == ["data.html"]
    Learning(tmp_path / "learn.toml", str(good), runs=tmp_path / "runs").features()  # the control
    assert (stages / "features.npz").is_file()


def test_what_was_got_for_one_recipe_is_got_for_another_of_its_name_too(tmp_path):
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        Learning(begun(tmp_path / place) / "learn.toml", runs=tmp_path / "runs").get()

    assert (tmp_path / "other/payments.csv").read_bytes() == (tmp_path / "one/payments.csv").read_bytes()


def test_what_comes_before_a_training_loads_none_of_its_libraries(tmp_path):
    file = str(begun(tmp_path) / "learn.toml")
    runs = ["--runs", str(tmp_path / "runs")]
    typed = [["get", "-f", file], ["validate", "-f", file, *runs], ["features", "-f", file, *runs]]
    seen = "import sys; from typer.testing import CliRunner; from atipico.cli.learn import app; "
    seen += f"print([CliRunner().invoke(app, words).exit_code for words in {typed!r}], "
    seen += "{'sklearn', 'lightgbm', 'onnx'} & set(sys.modules))"

    told = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)

    assert told.stdout == "[0, 0, 0] set()\n"


def test_a_suite_without_its_library_is_refused_with_the_cure(first, tmp_path, monkeypatch):
    learning = Learning(begun(tmp_path) / "learn.toml", str(first[0] / "payments.csv"), runs=tmp_path / "runs")
    monkeypatch.setitem(sys.modules, "pandera.pandas", None)

    with pytest.raises(Refused, match=r"a suite needs pandera.pandas, which is not installed; install it: \./setup"):
        learning.validate()


def test_a_suite_that_is_not_there_is_refused_with_the_command_that_begins_it(first, tmp_path):
    file = begun(tmp_path, RECIPE.replace("suite.toml", "own.toml")) / "learn.toml"

    with pytest.raises(Refused, match=f"own.toml is not there; .* suggest-suite -f {file}"):
        Learning(file, str(first[0] / "payments.csv"), runs=tmp_path / "runs").validate()


@pytest.mark.parametrize("text", ["", "transaction_id,time,customer,terminal,amount,fraud\n"])
def test_data_without_a_row_are_refused_as_such(tmp_path, text):
    (tmp_path / "none.csv").write_text(text)
    learning = Learning(begun(tmp_path) / "learn.toml", str(tmp_path / "none.csv"), runs=tmp_path / "runs")

    for look in (learning.validate, learning.train, lambda: learning.suggest_suite(over=True)):
        with pytest.raises(Refused, match=r"none\.csv has no rows under its heading"):
            look()


def test_the_code_that_counts_is_a_module_and_all_that_it_imports(tmp_path, monkeypatch):
    package = tmp_path / "house"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def late():\n    from house.b import one\n")
    (package / "b.py").write_text("one = 1\n")
    (package / "c.py").write_text("import house.a\n")
    monkeypatch.setattr(receipts, "PACKAGE", package)
    before = code_of("house.a")

    (package / "c.py").write_text("import house.a, house.b\n")
    not_imported = code_of("house.a")
    (package / "b.py").write_text("one = 2\n")

    assert not_imported == before
    assert code_of("house.a") != before
