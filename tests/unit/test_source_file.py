"""The file source: any CSV or Parquet with a dataset.toml, in order, from any row on."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.config import home
from atipico.errors import Refused
from atipico.metrics import REFUSED
from atipico.sources import make
from atipico.sources.columns import Rows, arrays_of
from atipico.sources.dataset import pick_dataset, read_dataset

SAMPLE = home() / "data" / "transactions" / "sample.csv"
DAY = 86_400 * 10**9


@pytest.fixture
def dataset(tmp_path):
    """Writes a dataset.toml and gives its path."""

    def write(text: str, name: str = "mine"):
        path = tmp_path / "data" / name / "dataset.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def read_csv(tmp_path, dataset):
    """All rows of a CSV with the columns t, n, x, ok, word, id."""
    path = dataset("""
        measurement = "m"
        time = "t"
        fields = { n = "n", x = "x", ok = "ok", word = "word" }
    """)

    def read(text: str):
        file = tmp_path / "some.csv"
        file.write_text("t,n,x,ok,word\n" + text)
        return [fields for _, fields in make("file", file=str(file), dataset=str(path)).read({}, 10**6).rows]

    return read


def read_all(pieces, file):
    position, rows, labels = {}, [], []
    for piece in pieces:
        batch = make("file", file=str(file)).read(position, piece)
        rows, labels, position = rows + list(batch.rows), labels + list(batch.labels), batch.after
    return rows, labels, position


def test_the_sample_of_transactions_becomes_our_fields_a_shard_and_labels_apart():
    rows, labels, _ = read_all([100], SAMPLE)

    tags, fields = rows[0]
    assert fields == {
        "transaction_id": 0,
        "customer": 2,
        "terminal": 4,
        "amount": 15.75,
        "event_time": 1_767_268_517 * 10**9,
    }
    assert tags == {"shard": "2"}
    assert len(rows) == 50
    assert sum(label.label for label in labels) > 0


NUMBERED = """
measurement = "m"
time = "Time"
time_unit = "s"
time_from = 2013-09-01
numbered = "row"
id = "row"
fields = { x = "x" }
label = { column = "Class" }
"""


def test_rows_that_no_column_names_go_by_their_number_and_their_time_by_the_day_that_it_counts_from(tmp_path, dataset):
    file, path = tmp_path / "some.csv", dataset(NUMBERED)
    file.write_text("Time,x,Class\n0,1.5,0\n1.25,,1\n,,\n7200,2.5,1\n" + "7300,1.0,0\n" * 3000)

    source = make("file", file=str(file), dataset=str(path))
    first, later = source.read({}, 3), source.read({"row": 2999}, 1)  # which begins anew, in the midst of the file

    september = 1_377_993_600 * 10**9
    assert [fields for _, fields in first.rows] == [  # the second and third have no cell, and are none
        {"x": 1.5, "event_time": september, "row": 0},
        {"x": 2.5, "event_time": september + 7200 * 10**9, "row": 3},
        {"x": 1.0, "event_time": september + 7300 * 10**9, "row": 4},
    ]
    assert [fields["row"] for _, fields in later.rows] == [2999]
    assert source.whole(["row"]).fields["row"].tolist() == list(range(3004))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('time_unit = "s"', "", "time_from is what a number counts from; tell its time_unit too"),
        ("time_from = 2013", "time_from = 1969", "lies before 1970"),
        ('numbered = "row"', 'numbered = "x"', "numbered: x is a column of the file too"),
        ('numbered = "row"', "", "row not in .fields., which has x"),
    ],
)
def test_a_numbering_or_an_origin_that_fits_nothing_else_is_refused(dataset, old, new, told):
    assert old in NUMBERED

    with pytest.raises(Refused, match=told):
        read_dataset(dataset(NUMBERED.replace(old, new)))


@settings(max_examples=15)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=4))
def test_a_file_read_in_pieces_each_by_a_new_source_is_the_file_read_at_once(pieces):
    assert read_all(pieces, SAMPLE) == read_all([sum(pieces)], SAMPLE)


def test_a_label_is_given_when_the_file_s_own_clock_passed_its_delay_and_not_before():
    source, position, clock_of, labelled = make("file", file=str(SAMPLE)), {}, {}, []

    while (batch := source.read(position, 3)).rows:
        position = batch.after
        clock_of |= {fields["transaction_id"]: fields["event_time"] for _, fields in batch.rows}
        labelled += [label.id for label in batch.labels]

        assert labelled == [id for id, then in clock_of.items() if then + 7 * DAY <= max(clock_of.values())]
    assert 5 < len(labelled) < 50
    assert source.read(position, 3).labels == []


def test_a_parquet_file_gives_the_rows_of_the_csv_it_was_made_from(tmp_path):
    file = tmp_path / "sample.parquet"
    duckdb.sql(f"COPY (FROM '{SAMPLE}') TO '{file}' (FORMAT parquet)")

    assert read_all([20, 40], file) == read_all([60], SAMPLE)


def test_reading_on_keeps_the_file_open_and_a_jump_opens_it_again(monkeypatch):
    sought = []
    seek = Rows._seek
    monkeypatch.setattr(Rows, "_seek", lambda self, row: (sought.append(row), seek(self, row))[1])
    rows = Rows(SAMPLE, ["TRANSACTION_ID"])

    in_order = [rows.at(at, 1)[0] for at in range(50)]
    again = rows.at(7, 2)

    assert [int(text) for (text,) in in_order] == list(range(50))
    assert [int(text) for (text,) in again] == [7, 8]
    assert sought == [0, 7]


def test_types_stay_what_they_are(read_csv):
    (fields,) = read_csv("2026-01-01T00:00:00Z,5,1.5,true,héllo\n")

    assert fields == {"n": 5, "x": 1.5, "ok": True, "word": "héllo", "event_time": 1_767_225_600 * 10**9}
    assert [type(value) for value in fields.values()] == [int, float, bool, str, int]


def test_a_bad_cell_leaves_its_field_out_and_keeps_the_row_and_its_neighbours(read_csv):
    good = "2026-01-01T00:00:00Z,5,1.5,true,a\n"
    rows = read_csv(
        good * 25_000 + "2026-01-01T00:00:01Z,5.5,nan,maybe,b\nnever,6,inf,,\n2026-01-01T00:00:02Z,7\n" + good
    )

    assert len(rows) == 25_004
    assert rows[25_000] == {"word": "b", "event_time": 1_767_225_601 * 10**9}
    assert rows[25_001] == {"n": 6}
    assert rows[25_002] == {"n": 7, "event_time": 1_767_225_602 * 10**9}
    assert rows[25_003] == rows[0]


@pytest.mark.parametrize("type", ["DOUBLE", "BOOLEAN", "TIMESTAMPTZ", "BIGINT"])
def test_a_cell_that_can_not_be_cast_costs_no_row_whatever_else_is_asked_for(tmp_path, type):
    """given a column that is asked for in no other way, which DuckDB would have its reader cast"""
    file = tmp_path / "some.csv"
    file.write_text("id,x\n1,word\n2,\n3,7\n4,word\n")
    asked = [f"TRY_CAST(x AS {type})", "id"]

    at_once, in_pieces = arrays_of(file, asked), Rows(file, asked)

    assert at_once[1].tolist() == ["1", "2", "3", "4"]
    assert [in_pieces.at(row, 1)[0][1] for row in (3, 0, 1, 2)] == ["4", "1", "2", "3"]


def test_a_row_without_any_field_is_counted_and_skipped(read_csv):
    counter = REFUSED.labels("row of the file without any field")
    before = counter._value.get()

    rows = read_csv("2026-01-01T00:00:00Z,1,,,\n2026-01-01T00:00:01Z,,,,\n2026-01-01T00:00:02Z,2,,,\n")

    assert [fields["n"] for fields in rows] == [1, 2]
    assert counter._value.get() == before + 1


def test_times_with_and_without_a_zone_are_utc_nanoseconds(read_csv):
    rows = read_csv("2026-01-01T02:00:00+02:00,1,,,\n2026-01-01 00:00:00.25,2,,,\n2026-01-01,3,,,\n")

    assert [fields["event_time"] - 1_767_225_600 * 10**9 for fields in rows] == [0, 250_000_000, 0]


@pytest.mark.parametrize(
    ("unit", "text"), [("s", "1767225600.5"), ("ms", "1767225600500"), ("ns", "1767225600500000000")]
)
def test_a_time_may_be_a_number_of_a_named_unit(tmp_path, dataset, unit, text):
    path = dataset(f'measurement = "m"\ntime = "t"\ntime_unit = "{unit}"\nfields = {{ x = "x" }}\n')
    file = tmp_path / "numbers.csv"
    file.write_text(f"t,x\n{text},1\n")

    assert make("file", file=str(file), dataset=str(path)).read({}, 1).rows[0][1]["event_time"] == 1767225600500000000


def test_a_text_key_has_the_same_shard_in_every_process(tmp_path, dataset):
    path = dataset('measurement = "m"\ntime = "t"\nfields = { k = "k" }\n[shard]\nkey = "k"\nshards = 4\n')
    file = tmp_path / "text.csv"
    file.write_text("t,k\n2026-01-01,alpha\n2026-01-02,beta\n2026-01-03,\n2026-01-04,alpha\n")

    shards = [tags["shard"] for tags, _ in make("file", file=str(file), dataset=str(path)).read({}, 9).rows]

    assert shards == ["2", "3", "2"]  # crc32 modulo 4


def test_one_clock_far_ahead_does_not_bring_labels_before_their_samples(tmp_path, dataset):
    path = dataset("""
        measurement = "m"
        time = "t"
        id = "n"
        fields = { n = "n" }
        label = { column = "bad", delay = "1d" }
    """)
    file = tmp_path / "leap.csv"
    file.write_text("t,n,bad\n2026-01-01,0,0\n2099-01-01,1,1\n2026-01-02,2,1\n2026-01-03,3,0\n")
    source = make("file", file=str(file), dataset=str(path))

    batch = source.read({}, 2)

    assert [label.id for label in batch.labels] == [0]
    assert source.read(batch.after, 9).labels == []  # the row of 2099 is not due, and labels keep the file's order


def test_the_dataset_whose_columns_fit_is_picked():
    assert pick_dataset(SAMPLE).measurement == "transactions"


def test_a_file_that_no_dataset_fits_is_refused_with_what_was_looked_for_and_found(tmp_path, dataset):
    dataset('measurement = "m"\ntime = "when"\nfields = { x = "load" }\n', "loads")

    with pytest.raises(Refused, match=r"TRANSACTION_ID.*loads lacks when, load.*add a folder"):
        pick_dataset(SAMPLE, tmp_path / "data")


def test_a_file_that_several_datasets_fit_is_refused_with_their_names(tmp_path, dataset):
    for name in ("one", "two"):
        dataset('measurement = "m"\ntime = "TX_DATETIME"\nfields = { amount = "TX_AMOUNT" }\n', name)

    with pytest.raises(Refused, match=r"one, two .* fit all"):
        pick_dataset(SAMPLE, tmp_path / "data")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('measurement = "m"\ntime = "t"\nid = "who"\nfields = { x = "x" }', "who not in"),
        ('measurement = "m"\ntime = "t"\nfields = { x = "x" }\nlabel = { column = "y" }', "needs `id`"),
        ('measurement = "m"\ntime = "t"\nfields = { x = "x" }\ncolour = "red"', "colour"),
        (
            'measurement = "m"\ntime = "t"\nid = "x"\nfields = { x = "x" }\nlabel = { column = "y", delay = "7" }',
            "delay",
        ),
        ("measurement = ", "dataset.toml"),
    ],
)
def test_a_dataset_that_is_wrong_is_refused_with_what_is_wrong(dataset, text, told):
    with pytest.raises(Refused, match=told):
        read_dataset(dataset(text))


def test_times_that_are_no_times_are_refused_at_once(tmp_path, dataset):
    path = dataset('measurement = "m"\ntime = "t"\nfields = { x = "x" }\n')
    file = tmp_path / "words.csv"
    file.write_text("t,x\nmonday,1\n")

    with pytest.raises(Refused, match="t is VARCHAR and no time"):
        make("file", file=str(file), dataset=str(path))


def test_a_file_that_is_not_there_or_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "no.parquet").write_bytes(b"hello")

    for name in ("absent.csv", "no.parquet"):
        with pytest.raises(Refused, match="can't be read"):
            pick_dataset(tmp_path / name)


def test_the_whole_file_as_arrays_is_what_is_read_row_by_row(tmp_path, dataset):
    file = tmp_path / "some.csv"
    lines = ["t,who,x,bad,what,id", "2026-01-01,1,2.5,0,,7", "2026-01-02,2,inf,1,theft,8", "2026-01-03,,-1,,,9"]
    file.write_text("\n".join([*lines, "2026-01-04,5,y,1,fire,10"]) + "\n")
    path = dataset("""
        measurement = "m"
        time = "t"
        id = "id"
        fields = { who = "who", x = "x", id = "id" }
        shard = { key = "who", shards = 3 }
        label = { column = "bad", delay = "1d", kinds = "what" }
    """)
    source = make("file", file=str(file), dataset=str(path))

    whole = source.whole(["x", "who", "id"])
    rows = source.read({}, 10).rows

    names = ["event_time", "x", "who", "id"]
    assert list(whole.fields) == names
    listed = zip(*(whole.fields[name].tolist() for name in names), strict=True)
    assert list(listed) == [tuple(fields.get(name) for name in names) for _, fields in rows]
    assert whole.series.tolist() == ["shard=" + tags["shard"] for tags, _ in rows]
    assert whole.label.tolist() == [0, 1, -1, 1]
    assert whole.kind.tolist() == ["", "theft", "", "fire"]
    assert source.label_delay == DAY


def test_a_field_that_no_dataset_names_is_refused_with_the_nearest():
    with pytest.raises(Refused, match="no field 'amout'; did you mean 'amount'"):
        make("file", file=str(SAMPLE)).whole(["amout"])
