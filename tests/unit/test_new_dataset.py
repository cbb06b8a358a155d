"""`atipico new dataset`: what is guessed of a file, and what is told."""

from __future__ import annotations

import json

import duckdb
import pytest
from typer.testing import CliRunner

from atipico.cli.main import app
from atipico.config import home
from atipico.errors import Refused
from atipico.sources import make
from atipico.sources.dataset import pick_dataset, read_dataset
from atipico.sources.guess import guess
from atipico.sources.guessed import write_dataset
from atipico.sources.look import plain

SAMPLE = home() / "data" / "transactions" / "sample.csv"
ROWS = 40


@pytest.fixture
def csv(tmp_path):
    """Writes a CSV of `ROWS` rows, each column a function of the row's number, and gives its path."""

    def write(name: str = "mine.csv", **columns):
        rows = [",".join(str(of(row)) for of in columns.values()) for row in range(ROWS)]
        file = tmp_path / name
        file.write_text("\n".join([",".join(columns), *rows, ""]))
        return file

    return write


def when(row: int) -> str:
    return f"2026-01-01T00:{row:02}:00"


def names(columns) -> list[str]:
    return [column.name for column in columns]


def test_transactions_are_guessed_as_a_person_wrote_them_down():
    by_hand, guessed = pick_dataset(SAMPLE), guess(SAMPLE)

    assert guessed.time.column == by_hand.time
    assert guessed.label.column == by_hand.label.column
    assert guessed.id.column == by_hand.fields[by_hand.id]
    assert [key.column for key in guessed.keys] == [by_hand.fields[key] for key in by_hand.keys]
    assert {field.column for field in guessed.fields} == set(by_hand.fields.values())


def test_what_is_written_reads_the_file_it_was_guessed_from(csv, tmp_path):
    file = csv(nr=int, when=when, pump=lambda row: f"p{row % 3}", motorCelsius=lambda row: row / 8, fault=lambda row: 0)

    path = write_dataset(guess(file), tmp_path / "data")
    batch = make("file", file=str(file), dataset=str(path)).read({}, 100)

    assert len(batch.rows) == len(batch.labels) == ROWS
    assert set(batch.rows[9][1]) == {"nr", "pump", "motor_celsius", "event_time"}
    assert batch.rows[9][1]["motor_celsius"] == 9 / 8


def test_a_column_that_gives_the_truth_away_is_no_field(csv):
    guessed = guess(csv(id=int, when=when, heat=float, fraud=lambda row: row % 2, fraud_kind=lambda row: row % 4))

    assert guessed.label.name == "fraud"
    assert names(guessed.fields) == ["id", "heat"]
    assert "truth" in guessed.left_out["fraud_kind"]


def test_where_no_column_is_an_id_a_label_goes_by_the_number_of_its_row(csv, tmp_path):
    file = csv(when=when, sample_id=lambda row: row % 5 / 2, anomaly=lambda row: row % 2)

    guessed = guess(file)

    assert (guessed.label.name, guessed.id, guessed.numbered) == ("anomaly", None, "sample_id_2")
    batch = make("file", file=str(file), dataset=str(write_dataset(guessed, tmp_path / "data"))).read({}, 100)
    assert [(label.id, label.label) for label in batch.labels[:3]] == [(0, 0), (1, 1), (2, 0)]
    assert guess(csv(when=when, heat=lambda row: row % 5 / 2)).numbered is None


def test_columns_that_tell_nothing_are_left_out_each_with_why(csv):
    guessed = guess(
        csv(when=when, heat=float, site=lambda row: "north", note=lambda row: f"word {row}", gap=lambda row: "")
    )

    assert names(guessed.fields) == ["heat"]
    assert {column: why.split()[-1] for column, why in guessed.left_out.items()} == {
        "site": "same",
        "note": "repeats",
        "gap": "empty",
    }


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_a_number_since_1970_is_a_time_of_its_unit(csv, unit, factor):
    guessed = guess(csv(ts=lambda row: (1_767_225_600 + row) * factor, heat=float))

    assert (guessed.time.name, guessed.time_unit) == ("ts", unit)


def test_seconds_that_count_from_nought_are_asked_about(csv):
    guessed = guess(csv(Time=lambda row: 2 * row, V1=float))

    assert (guessed.time.column, guessed.time_unit) == ("Time", "s")
    assert any("is Time in seconds" in question for question in guessed.check)


def test_a_whole_number_that_comes_again_is_a_key_only_when_it_is_called_an_id(csv):
    guessed = guess(csv(when=when, card_id=lambda row: row % 7, gear=lambda row: row % 5, heat=float))

    assert names(guessed.keys) == ["card_id"]
    assert guessed.shard.name == "card_id"
    assert any("gear" in question for question in guessed.check)


def test_nothing_that_comes_again_means_one_series(csv, tmp_path):
    file = csv(when=when, heat=float)

    read = read_dataset(write_dataset(guess(file), tmp_path))

    assert (read.keys, read.shard) == ((), None)


def test_a_column_called_event_time_or_twice_the_same_gets_a_name_of_its_own(csv):
    guessed = guess(csv(when=when, event_time=float, **{"Heat A": float, "heat-a": float}))

    assert names(guessed.fields) == ["event_time_2", "heat_a", "heat_a_2"]


def test_names_become_plain_words():
    found = [plain(name) for name in ("TX_AMOUNT", "motorCelsius", "Air temperature [K]", "Año", "%")]

    assert found == ["tx_amount", "motor_celsius", "air_temperature_k", "año", "column"]


def test_a_file_without_a_time_is_refused_with_its_columns_and_the_cure(csv):
    with pytest.raises(Refused, match=r"no column holds a time.*heat \(float\).*add one"):
        guess(csv(heat=lambda row: row / 7))


def test_a_file_without_rows_is_refused(tmp_path):
    file = tmp_path / "none.csv"
    file.write_text("when,heat\n")

    with pytest.raises(Refused, match="no rows"):
        guess(file)


@pytest.mark.parametrize("name", ["payments", "scores", "Labels"])
def test_a_name_that_atipico_writes_itself_is_refused(csv, name):
    with pytest.raises(Refused, match="taken"):
        guess(csv(when=when, heat=float), name)


def test_a_data_set_that_is_there_is_never_overwritten(csv, tmp_path):
    guessed = guess(csv(when=when, heat=float))
    path = write_dataset(guessed, tmp_path / "data")
    path.write_text(mine := path.read_text() + "# my own words\n")

    with pytest.raises(Refused, match="not overwritten"):
        write_dataset(guessed, tmp_path / "data")

    assert path.read_text() == mine


def test_a_second_data_set_that_fits_the_same_file_is_not_written(csv, tmp_path):
    file = csv(when=when, heat=float)
    write_dataset(guess(file), tmp_path / "data")

    with pytest.raises(Refused, match=r"mine/dataset.toml fits .* already"):
        write_dataset(guess(file, "other"), tmp_path / "data")

    assert not (tmp_path / "data" / "other").exists()


def test_parquet_is_guessed_as_the_csv_it_was_made_from(tmp_path):
    file = tmp_path / "sample.parquet"
    duckdb.sql(f"COPY (FROM '{SAMPLE}') TO '{file}' (FORMAT parquet)")

    as_csv, as_parquet = guess(SAMPLE), guess(file)

    assert (as_csv.keys, as_csv.id, as_csv.shard) == (as_parquet.keys, as_parquet.id, as_parquet.shard)
    assert (names(as_csv.fields), as_csv.label) == (names(as_parquet.fields), as_parquet.label)


def test_the_command_says_what_it_wrote_and_what_to_type_next(csv, tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path))
    file = csv(when=when, pump=lambda row: row % 2, heat=float)

    told = CliRunner().invoke(app, ["new", "dataset", str(file), "--name", "pumps"])
    asked = CliRunner().invoke(app, ["new", "dataset", str(file), "--name", "other", "--json"])

    assert told.exit_code == 0
    assert str(tmp_path / "data" / "pumps" / "dataset.toml") in told.stdout
    assert f"./up.sh --data {file}" in told.stdout
    assert asked.exit_code == 1


def test_programs_get_the_guess_as_json(csv, tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path))

    told = json.loads(CliRunner().invoke(app, ["new", "dataset", str(csv(when=when, heat=float)), "--json"]).stdout)

    assert told["guessed"]["measurement"] == ["mine"]
    assert told["guessed"]["time"] == ["when"]
    assert told["because"]["time"]
