"""`atipico score`: a file scored on the spot gets what the live chain would have given each of its rows."""

from __future__ import annotations

import csv
import math
import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from atipico.agent.checkpoints import Checkpoints
from atipico.agent.work import JobWork
from atipico.config import home
from atipico.engines import replay as engine
from atipico.engines.choose import find_job, find_model, model_of
from atipico.engines.replay import Span, replay
from atipico.engines.results import COLUMNS, Results
from atipico.errors import Refused
from atipico.registry.jobs import load_job
from atipico.registry.scorer import ModelScorer
from atipico.sources.file import File
from atipico.wire.points import group_of, read_answer, write_point
from atipico.wire.sample import SHARD_TAG, Sample

HEADER = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO"


@pytest.fixture
def file(tmp_path):
    """600 transactions of 7 cards: some at the same second, some late, some that no model can score."""
    rows = []
    for at in range(600):
        day, second = 1 + at // 40, (at // 2) * 97 % 80_000
        amount = "" if at % 97 == 5 else f"{20 + at * 37 % 90 + (500 if at % 50 == 3 else 0)}.5"
        time = f"2026-01-{day:02} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        rows.append(f"{at},{time},{at * at % 7},{at % 11},{amount},0,0")
    path = tmp_path / "some.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def scored(file: Path, out: Path, job=None, model=None, **options) -> list[dict[str, str]]:
    job = job or find_job("payments", None)
    with Results(out) as results:
        replay(File(str(file)), job, model or find_model("payments"), [results], **options)
    with out.open() as table:
        return list(csv.DictReader(table))


def live(file: Path, job, model, folder: Path, at_once: int) -> list[tuple]:
    """The same rows as points through the agent's own work, one ns apart, each label before the row it is due with."""
    work, source, told = JobWork(job, Checkpoints(folder)), File(str(file)), []
    scorer = ModelScorer(model) if model else None
    batch, now, points = source.read({}, 1), 1_790_000_000 * 10**9, []
    while batch.rows:
        labels = [("labels", {}, label._asdict()) for label in batch.labels] if job.labels else []
        for measurement, tags, fields in [*labels, *(("transactions", *row) for row in batch.rows)]:
            now += 1
            points.append(write_point(Sample(measurement, tags, fields, now), "atipico", *group_of(tags, SHARD_TAG)))
        batch = source.read(batch.after, 1)
        if len(points) >= at_once or not batch.rows:
            told += [tuple(read_answer(answer)[1]) for answer in work.answers(points, scorer)]
            points = []
    return told


def test_a_file_gets_the_outcomes_that_the_live_chain_gives(file, tmp_path):
    job, model = find_job(None, "payments"), find_model("payments")

    rows = scored(file, tmp_path / "out.csv")
    expected = live(file, job, model, tmp_path / "state", at_once=37)

    assert len(rows) == len(expected) == 600
    for row, (value, threshold, anomalous, version, was_scored, why) in zip(rows, expected, strict=True):
        assert math.isclose(float(row["score"]), value, abs_tol=1e-6)
        told = [row["threshold"], row["anomalous"], row["version"], row["scored"], row["why"]]
        assert told == [str(threshold), str(anomalous).lower(), version, str(was_scored).lower(), why]
    assert {row["scored"] for row in rows} == {row["anomalous"] for row in rows} == {"true", "false"}


def test_the_blocks_a_file_is_worked_on_in_do_not_show_in_its_scores(file, tmp_path, monkeypatch):
    whole = scored(file, tmp_path / "whole.csv")
    monkeypatch.setattr(engine, "BLOCK", 13)

    assert scored(file, tmp_path / "blocks.csv") == whole


def test_a_row_is_named_by_its_own_id_and_time(file, tmp_path):
    rows = scored(file, tmp_path / "out.csv")

    assert [row["id"] for row in rows] == [str(at) for at in range(600)]
    assert rows[41]["time"] == "2026-01-02T00:32:20Z"


def test_rows_before_the_span_fill_its_windows_and_are_not_told(file, tmp_path):
    start = int(datetime(2026, 1, 9, tzinfo=UTC).timestamp()) * 10**9
    stop = int(datetime(2026, 1, 11, tzinfo=UTC).timestamp()) * 10**9
    whole = scored(file, tmp_path / "whole.csv")

    some = scored(file, tmp_path / "some.csv.csv", span=Span(start, stop))

    assert some == [row for row in whole if "2026-01-09" <= row["time"] < "2026-01-11"]
    assert 0 < len(some) < len(whole)


def test_parquet_holds_what_csv_holds(file, tmp_path):
    rows = scored(file, tmp_path / "out.csv")
    with Results(tmp_path / "out.parquet") as results:
        replay(File(str(file)), find_job("payments", None), find_model("payments"), [results])

    table = duckdb.connect().execute(f"SELECT * FROM '{tmp_path / 'out.parquet'}'")
    assert [column[0] for column in table.description] == ["id", *COLUMNS]
    found = table.fetchall()
    assert [(str(row[0]), row[2], row[4], row[7]) for row in found] == [
        (row["id"], float(row["score"]), row["anomalous"] == "true", row["why"]) for row in rows
    ]


def test_what_fails_on_the_way_leaves_the_old_result_and_no_draft(file, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("the old one")

    def step(rows: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scored(file, out, step=step)

    assert out.read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "some.csv"]


def test_a_job_without_a_clock_takes_the_rows_own_time(file, tmp_path):
    path = tmp_path / "plain.toml"
    text = (home() / "jobs" / "payments.toml").read_text()
    path.write_text("".join(line for line in text.splitlines(True) if not line.startswith("clock")))
    clocked = [row["score"] for row in scored(file, tmp_path / "a.csv")]

    plain = [row["score"] for row in scored(file, tmp_path / "b.csv", job=load_job(path))]

    assert len(plain) == len(clocked)
    # rows of the same second come one behind the other by a ns, which moves an edge of a window at most
    assert sum(a == b for a, b in zip(plain, clocked, strict=True)) > 0.95 * len(clocked)


@pytest.fixture
def watched(tmp_path):
    """A job with a detector on the amounts of a card."""
    path = tmp_path / "watched.toml"
    path.write_text(
        'stream = "transactions"\nclock = "event_time"\n'
        'detector = { median = "amount", by = "customer", over = 30, threshold = 0.99 }\n'
    )
    return load_job(path)


def test_a_file_gets_the_outcomes_that_a_live_detector_gives(file, watched, tmp_path):
    out = tmp_path / "out.csv"
    with Results(out) as results:
        summary, _ = replay(File(str(file)), watched, None, [results])
    with out.open() as table:
        rows = list(csv.DictReader(table))

    expected = live(file, watched, None, tmp_path / "state", at_once=37)

    assert [(row["version"], row["why"]) for row in rows] == [(one[3], one[5]) for one in expected]
    assert [float(row["score"]) for row in rows] == pytest.approx([one[0] for one in expected], abs=1e-6)
    assert summary.version == watched.detector.version
    assert 0 < summary.anomalous < 100
    assert summary.unscored == sum(1 for at in range(600) if at % 97 == 5)


def test_a_job_with_a_detector_takes_no_model_and_says_so(watched):
    assert model_of(watched) is None
    with pytest.raises(Refused, match="job watched has a detector, so it can't run model payments"):
        model_of(watched, "payments")


@pytest.mark.parametrize(
    ("job", "model", "told"),
    [
        (None, "paymets", "did you mean 'payments'"),
        ("payment", None, "did you mean 'payments'"),
    ],
)
def test_a_wrong_name_is_told_the_nearest(job, model, told):
    with pytest.raises(Refused, match=told):
        find_job(job, model)


def test_a_model_that_the_job_has_no_features_for_is_refused_before_the_first_row(file, tmp_path):
    with pytest.raises(Refused, match="model machine@1 needs features that job payments does not declare: cpu_z"):
        scored(file, tmp_path / "out.csv", model=find_model("machine"))

    assert not (tmp_path / "out.csv").exists()


def test_a_result_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(Refused, match=r"must end with \.csv or \.parquet"):
        Results(tmp_path / "out.xlsx")


def test_two_files_may_be_scored_side_by_side(file, tmp_path):
    alone = scored(file, tmp_path / "alone.csv")
    found: dict[int, list[dict[str, str]]] = {}

    def run(number: int) -> None:
        found[number] = scored(file, tmp_path / f"{number}.csv")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] == found[1] == alone
