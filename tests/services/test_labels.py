"""Labels told by people and files, and what they say of a job's scores, on a real store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from atipico import Client
from atipico.client import pages
from atipico.client.label import Labelled
from atipico.errors import Refused
from atipico.wire.sample import Sample, Score, outcome
from running_store import RunningStore

SERVICES = Path(__file__).parents[2] / "services"
DAY, S = 86_400 * 10**9, 10**9


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    running = RunningStore(tmp_path_factory.mktemp("store")).start()
    yield running
    running.stop()


@pytest.fixture
def client(store, tmp_path, monkeypatch):
    """A client of a new database."""
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))
    store.let_in(tmp_path)
    client = Client(store.url, database=f"of {tmp_path.name}")
    client.query(f'CREATE DATABASE "{client.database}"')
    return client


@pytest.fixture
def atipico(client, store, tmp_path):
    """The command, in the client's database."""
    env = {**os.environ, "ATIPICO_RUN": str(tmp_path), "PYTHONPATH": str(SERVICES), "NO_COLOR": "1"}
    env |= {"ATIPICO_CLIENT_STORE_URL": store.url, "ATIPICO_CLIENT_DATABASE": client.database}

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "atipico.cli", *map(str, words)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return call


def told(client: Client, stream: str = "payments") -> list[tuple]:
    return [(row["id"], row["label"], row["told_by"]) for row in client.label_rows(stream)]


@pytest.fixture
def payments(client):
    """Ten of them, ids 100 to 109."""
    client.write([{"transaction_id": 100 + at, "amount": 1.0} for at in range(10)], "payments", tags={"shard": "0"})
    return client


def test_what_a_person_tells_is_written_once_and_a_correction_counts_as_one(payments):
    first = payments.label("payments", {100: "anomaly", "101": False, 102.0: 1})
    again = payments.label("payments", 100, 1)
    corrected = payments.label("payments", 100, "usual")

    assert (first, again) == (Labelled(written=3), Labelled(known=1))
    assert corrected == Labelled(written=1, corrected=1)
    assert told(payments) == [(100, 1, "person"), (101, 0, "person"), (102, 1, "person"), (100, 0, "person")]


def test_an_id_of_no_sample_is_told_and_its_neighbours_are_written(payments):
    done = payments.label("payments", {5: 1, 109: 1})

    assert (done.written, done.unknown) == (1, 1)
    assert done.why == ("no sample of 'payments' has transaction_id 5; the newest has 109",)
    with pytest.raises(Refused, match=r"has transaction_id 5; .* \(and 1 more like it\)"):
        payments.label("payments", {5: 1, 6: 1})
    assert len(told(payments)) == 1


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({100: 1, 101: 2}, "transaction_id 101: label 2: 1, true or anomaly was needed, or 0, false or usual"),
        ({100: None}, "label None"),
        ({100: 1, "x": 1}, "transaction_id 'x': an id of type integer was needed"),
        ({100.5: 1}, "id of type integer"),
        ({float("nan"): 1}, "id of type integer"),
        ({2**63: 1}, "id of type integer"),
    ],
)
def test_a_label_or_an_id_of_another_form_is_refused_and_nothing_is_written(payments, labels, why):
    with pytest.raises(Refused, match=why):
        payments.label("payments", labels)

    assert told(payments) == []


def test_ids_that_are_text_stay_text_and_have_a_measurement_of_their_own_beside_whole_ones(payments):
    payments.write([{"sample_id": "007"}, {"sample_id": "a b"}], "pumps")
    payments.label("payments", 100, 1)

    with pytest.raises(Refused, match=r"sample_id of pumps is of type string.* of type integer.*--labels"):
        payments.label("pumps", "007", 1)
    done = payments.label("pumps", {"007": 1, "a b": 0, "7": 1}, labels="pumps_labels")

    assert (done.written, done.unknown) == (2, 1)
    assert [row["id"] for row in payments.rows('SELECT "id" FROM "pumps_labels"')] == ["007", "a b"]


def test_a_stream_whose_id_nothing_tells_wants_it_told(client):
    client.write({"ticket": 4, "heat": 1.0}, "ovens")

    with pytest.raises(Refused, match=r"which field names a sample of 'ovens'.*heat, ticket"):
        client.label("ovens", 4, 1)
    with pytest.raises(Refused, match="did you mean 'ticket'"):
        client.label("ovens", 4, 1, id_field="tickt")

    assert client.label("ovens", 4, 1, id_field="ticket").written == 1


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_is_told_in_batches_and_every_row_is_counted(payments, atipico, tmp_path, monkeypatch, form):
    path = tmp_path / f"known.{form}"
    rows = "(100, '1'), (101, 'usual'), (102, 'true'), (103, NULL), (104, 'perhaps'), (5, '0'), (105, '0')"
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) AS t(transaction_id, truth)) TO '{path}'")
    payments.label("payments", {105: 1, 100: 1})
    monkeypatch.setattr("atipico.client.label_file._AT_ONCE", 2)
    steps: list[int] = []

    done = payments.label_file(path, "payments", label_column="truth", step=steps.append)
    again = json.loads(
        atipico("label", "file", path, "--stream", "payments", "--label-column", "truth", "--json").stdout
    )

    assert done[:6] == (3, 1, 1, 1, 1, 1)  # written, corrected, known, unknown, refused, empty
    assert [why.split(";")[0] for why in done.why] == [
        "transaction_id '104': label 'perhaps': 1, true or anomaly was needed, or 0, false or usual",
        "no sample of 'payments' has transaction_id 5",
    ]
    assert steps == [2, 2, 2, 1]
    assert (again["written"], again["known"]) == (0, 4)
    assert told(payments)[2:] == [(101, 0, "file"), (102, 1, "file"), (105, 0, "file")]


def test_a_file_that_lacks_a_column_or_has_nothing_right_is_refused(payments, atipico, tmp_path):
    (tmp_path / "known.csv").write_text("transaction_id,lable\n100,maybe\n101,maybe\n")

    lacking = atipico("label", "file", tmp_path / "known.csv", "--stream", "payments")
    wrong = atipico("label", "file", tmp_path / "known.csv", "--stream", "payments", "--label-column", "lable")

    assert (lacking.returncode, wrong.returncode) == (1, 1)
    assert "no column 'label'" in lacking.stderr
    assert "did you mean 'lable'?" in lacking.stderr
    assert "label 'maybe'" in wrong.stderr
    assert "(and 1 more like it)" in wrong.stderr


@pytest.mark.parametrize("rows", [2, 7])
def test_many_labels_find_their_samples_however_these_lie_in_answers(client, monkeypatch, rows):
    monkeypatch.setattr(pages, "ROWS", rows)
    at = time.time_ns() - 60 * S  # four shards at each time, so that pages end between samples of one time
    client.write([Sample("p", {"shard": str(n % 4)}, {"id": n}, at + n // 4) for n in range(100)])

    done = client.label("p", {n: n % 2 for n in range(-5, 100)})
    flipped = client.label("p", dict.fromkeys(range(100), 1))

    assert (done.written, done.unknown) == (100, 5)
    assert (flipped.written, flipped.corrected, flipped.known) == (50, 50, 50)


def test_the_command_tells_lists_and_refuses(payments, atipico):
    written, again = atipico("label", "add", "payments", 100, "anomaly"), atipico("label", "add", "payments", 100, 1)
    corrected = atipico("label", "add", "payments", 100, "usual", "--json")
    listed = atipico("label", "list", "payments")
    unknown, wrong = atipico("label", "add", "payments", 7, 1), atipico("label", "add", "payments", 100, "bad")

    assert (written.stdout, again.stdout) == ("payments 100: written\n", "payments 100: was told before\n")
    assert json.loads(corrected.stdout)["corrected"] == 1
    assert [line.split()[1:] for line in listed.stdout.splitlines()] == [
        ["payments", "100", "anomaly", "person"],
        ["payments", "100", "usual", "person"],
    ]
    assert (unknown.returncode, wrong.returncode) == (1, 1)
    assert "no sample of 'payments' has transaction_id 7; the newest has 109" in unknown.stderr
    assert "label 'bad': 1, true or anomaly was needed" in wrong.stderr


def scored(client: Client, at: int, id: int | None, score: float, version: str = "m@1", **fields: object) -> None:
    """A sample and its outcome; flagged from 0.5 on; an outcome below 0 tells that it could not be scored."""
    named = {} if id is None else {"transaction_id": id}
    sample = Sample("payments", {"shard": "0", "source": "bank"}, {"amount": 1.0, **named, **fields}, at)
    told = Score(max(score, 0.0), 0.5, score >= 0.5, version, score >= 0, "")
    client.write([sample, outcome(sample, told, "payments")])


@pytest.fixture
def judged(client):
    """Two days of a stream's own clock, two versions; worked out by hand in the test."""
    at = time.time_ns() - 3600 * S
    rows = [  # id, score, version, day, customer
        (1, 0.9, "m@1", 0, 7),
        (2, 0.8, "m@1", 0, 7),
        (3, 0.7, "m@1", 0, 8),
        (4, 0.2, "m@1", 0, 9),
        (5, 0.6, "m@2", 1, 7),
        (6, 0.4, "m@2", 1, 8),
        (7, 0.1, "m@2", 1, 9),
        (8, 0.95, "m@2", 1, 9),
        (9, -1.0, "m@2", 1, 9),
        (None, 0.3, "m@2", 1, 9),
    ]
    for n, (id, score, version, day, customer) in enumerate(rows):
        scored(client, at + n * S, id, score, version, customer=customer, event_time=20_000 * DAY + day * DAY + n)
    client.label("payments", {1: 0, 2: 0, 3: 0, 4: 1, 5: 1, 6: 1, 7: 0, 9: 1})
    client.label("payments", 1, 1)  # a correction
    client.write({"transaction_id": 8, "x": 1.0}, "others")
    client.label("others", 8, 1)  # of another stream
    return client


def test_the_figures_of_a_job_are_those_worked_out_by_hand(judged):
    found = judged.evaluate("payments", last="1d", k=2)
    one, two = found["by_version"]["m@1"], found["by_version"]["m@2"]

    # known: 1 true .9, 2 .8, 3 .7, 4 true .2 | 5 true .6, 6 true .4, 7 .1; not yet: 8 and the one without id.
    assert [found[name] for name in ("samples", "unscored", "labelled", "unlabelled", "anomalies")] == [10, 1, 7, 2, 4]
    assert (found["alerts"], found["labelled_alerts"]) == (5, 4)
    assert (found["precision"], found["recall"]) == (2 / 4, 2 / 4)
    assert found["auc"] == (3 + 1 + 1 + 1) / 12  # of .9, .2, .6, .4 each beside .8, .7, .1: 3, 1, 1, 1
    assert found["average_precision"] == pytest.approx((1 / 1 + 2 / 4 + 3 / 5 + 4 / 6) / 4)
    assert (found["precision_at_k"], found["days"]) == ((1 / 2 + 2 / 2) / 2, 2)
    assert (one["samples"], one["alerts"], one["precision"], one["recall"]) == (4, 3, 1 / 3, 1 / 2)
    assert (one["auc"], one["average_precision"]) == (pytest.approx(2 / 4), pytest.approx((1 + 2 / 4) / 2))
    assert (two["labelled"], two["auc"], two["precision"], two["recall"]) == (3, 1.0, 1.0, 1 / 2)


def test_the_k_may_be_people_of_whom_each_is_found_once(judged):
    found = judged.evaluate("payments", last="1d", k=2, key="customer")

    # day 0: customers 7 (.9, true) and 8 (.7, not); day 1: 7 was found, so 8 (.4, true) and 9 (.1, not).
    assert found["precision_at_k"] == (1 / 2 + 1 / 2) / 2
    assert judged.evaluate("payments", last="1d", k=2, key="shard")["precision_at_k"] == (1 / 2 + 0 / 2) / 2


def test_figures_are_the_same_however_outcomes_lie_in_answers(judged, monkeypatch):
    whole = judged.evaluate("payments", last="1d", k=2)
    steps: list[int] = []
    monkeypatch.setattr(pages, "ROWS", 3)

    assert judged.evaluate("payments", last="1d", k=2, step=steps.append) == whole
    assert steps == [3, 3, 3, 1]


def test_what_can_not_be_told_yet_is_none_and_not_a_number(judged):
    found = judged.evaluate("payments", last="1d", labels="nobody_told")

    assert (found["labelled"], found["unlabelled"], found["alerts"]) == (0, 9, 5)
    assert {found[name] for name in ("precision", "recall", "auc", "average_precision", "precision_at_k")} == {None}


def test_the_command_draws_a_line_a_version_and_tells_the_same_as_json(judged, atipico):
    drawn = atipico("evaluate", "payments", "--last", "1d", "--k", 2)
    told = json.loads(atipico("evaluate", "payments", "--last", "1d", "--k", 2, "--json").stdout)
    unknown, wrong = atipico("evaluate", "paymets"), atipico("evaluate", "payments", "--key", "custmer")

    assert "10 samples, 1 not scored, 7 labelled (4 anomalies), 2 not yet" in drawn.stdout
    assert drawn.stdout.splitlines()[1].endswith("  average precision  precision at 2")
    lines = [line.split() for line in drawn.stdout.splitlines()[2:]]
    assert lines[0] == ["all", "10", "5", "7", "0.500", "0.500", "0.500", "0.692", "0.750"]
    assert [line[0] for line in lines] == ["all", "m@1", "m@2"]
    assert told == judged.evaluate("payments", last="1d", k=2)
    assert "did you mean 'payments'?" in unknown.stderr
    assert "did you mean 'customer'?" in wrong.stderr


def test_neither_labels_nor_figures_need_what_learning_needs():
    code = (
        "import sys; sys.modules |= dict.fromkeys(['sklearn', 'pandas', 'lightgbm', 'onnx'])\n"
        "import atipico.client.evaluate, atipico.client.label_file, atipico.cli.evaluate, atipico.cli.label\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
