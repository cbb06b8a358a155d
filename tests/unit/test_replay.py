"""`atipico replay`: a recorded file gets what the live chain gives, labels when they are due, and the same again."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from typer.testing import CliRunner

from atipico.agent.checkpoints import Checkpoints
from atipico.agent.work import JobWork
from atipico.cli.main import app
from atipico.config import home
from atipico.engines import replay as engine
from atipico.engines.choose import find_job, find_model
from atipico.engines.replay import EVERYTHING, Span, replay
from atipico.engines.replay_point import Point
from atipico.engines.results import Results
from atipico.errors import Refused
from atipico.learn.recipe import Recipe
from atipico.learn.register import Trained, register
from atipico.learn.table import table_of
from atipico.registry.scorer import ModelScorer
from atipico.sources.file import File
from atipico.sources.payments_file import make_file
from atipico.wire.points import group_of, read_answer, write_point
from atipico.wire.sample import SHARD_TAG, Sample, Score

JOB = """
model = "small"
stream = "payments"
clock = "event_time"
[labels]
id = "transaction_id"
delay = "7d"
[features]
amount = "amount"
ratio = { ratio = "amount", by = "customer", over = "7d" }
beside_genuine = { ratio = "amount", to = "mean", by = "customer", over = 100, where = "label = 0" }
known = { count = "label", by = "terminal", over = "10d" }
"""
DAY = 86_400 * 10**9
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A home with the tracked data sets, the job and its model, and 30 days of a small world with labels.

    One payment has no amount, one no terminal, one no customer.
    """
    house = tmp_path_factory.mktemp("house")
    (house / "data").symlink_to(home() / "data")
    (house / "jobs").mkdir()
    (house / "jobs" / "small.toml").write_text(JOB)
    make_file(house / "plain.csv", days=30, customers=40, terminals=12)
    lines = [line.split(",") for line in (house / "plain.csv").read_text().splitlines()]
    for row, name in ((500, "amount"), (501, "terminal"), (502, "customer")):
        lines[1 + row][lines[0].index(name)] = ""
    (house / "payments.csv").write_text("\n".join(",".join(line) for line in lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATIPICO_HOME", str(house))
        patch.setattr(engine, "BLOCK", 200)
        _train(house)
        yield house


def _train(house: Path) -> None:
    table = learnt(house)
    rows = table.values[table.scorable]
    label = rows[:, 2] + 0.02 * rows[:, 3] > 3  # what only labels tell
    forest = RandomForestClassifier(n_estimators=12, max_depth=6, random_state=1)
    forest.fit(rows.astype(np.float32), label)
    told = {"card": "# small\n\nFor a test.", "trained_on": "a world", "made_by": "a test", "metrics": {}}
    named = {"name": "small", "kind": "supervised", "columns": table.columns, "threshold": 0.4}
    register(Trained(estimator=forest, known=rows, usual=~label, **named, **told), house / "models")


def learnt(house: Path):
    """The table that learn trains on."""
    recipe = {"name": "small", "job": "small", "dataset": "payments", "estimator": [{"kind": "random_forest"}]}
    recipe |= {"threshold": {"alerts_per_day": 3}, "test": {"k": 10, "key": "customer"}}
    return table_of(Recipe.model_validate(recipe), find_job("small", None), str(house / "payments.csv"))


class Told:
    """Keeps all that is told."""

    def __init__(self) -> None:
        self.ids: list = []
        self.times: list = []
        self.scores: list[Score] = []

    def put(self, ids, times, scores) -> None:
        self.ids += ids.tolist()
        self.times += times.tolist()
        self.scores += scores


def replayed(file: Path, job=None, span: Span = EVERYTHING, **options) -> Told:
    told = Told()
    replay(File(str(file)), job or find_job("small", None), find_model("small"), [told], span, **options)
    return told


def typed(*words: object) -> tuple[int, str]:
    """Exit code and all that is printed; an error meant for a person too."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def live(file: Path, folder: Path) -> list[Score]:
    """The same rows as points through the agent's own work, each label before the sample that it is due with."""
    work, source, told = JobWork(find_job("small", None), Checkpoints(folder)), File(str(file)), []
    scorer, now = ModelScorer(find_model("small")), 1_790_000_000 * 10**9
    batch = source.read({}, 1)
    while batch.rows:
        ((tags, fields),) = batch.rows
        samples = [Sample("labels", {}, {"id": one.id, "label": one.label}, now) for one in batch.labels]
        samples.append(Sample("payments", tags, fields, now := now + 1))
        points = [write_point(one, "atipico", *group_of(one.tags, SHARD_TAG)) for one in samples]
        told += [read_answer(answer)[1] for answer in work.answers(points, scorer)]
        batch = source.read(batch.after, 1)
    return told


def test_replay_tells_what_the_live_agent_answers_to_the_same_samples_and_labels(house, tmp_path):
    file = house / "payments.csv"

    told, expected = replayed(file), live(file, tmp_path)

    assert len(told.scores) == len(expected) > 2000
    np.testing.assert_allclose([one.score for one in told.scores], [one.score for one in expected], atol=1e-6)
    assert [one[1:] for one in told.scores] == [one[1:] for one in expected]
    assert any("beside_genuine=" in one.why for one in told.scores), "no label reached a feature that mattered"


def test_replay_scores_the_very_table_that_learn_trains_on(house):
    table, told = learnt(house), replayed(house / "payments.csv")

    scored = np.array([one.scored for one in told.scores])

    assert scored.tolist() == table.scorable.tolist()
    expected = find_model("small").score(table.values[scored])
    np.testing.assert_allclose([one.score for one in told.scores if one.scored], expected, rtol=0, atol=1e-9)


def test_a_payment_without_a_number_is_an_unscored_row_that_says_why(house):
    told = replayed(house / "payments.csv")

    unscored = {row: one.why for row, one in enumerate(told.scores) if not one.scored}

    assert unscored == {
        500: "field amount is missing",
        501: "field terminal is missing; a feature is kept by it",
        502: "field customer is missing; a feature is kept by it",
    }


def test_labels_that_come_later_change_scores_only_from_when_the_first_would_have_come(house):
    usual, late = replayed(house / "payments.csv"), replayed(house / "payments.csv", label_delay=12 * DAY)

    differ = [a.score != b.score for a, b in zip(usual.scores, late.scores, strict=True)]

    first = next(time for time, differs in zip(usual.times, differ, strict=True) if differs)
    assert sum(differ) > 50
    assert min(usual.times) + 7 * DAY <= first < min(usual.times) + 19 * DAY


def test_a_label_is_known_from_the_day_it_is_due_and_not_before(house, tmp_path):
    """given the same world, but that the payments of the 5th are labelled the other way"""
    flipped = "* REPLACE (CASE WHEN day(time) = 5 THEN 1 - fraud ELSE fraud END AS fraud)"
    duckdb.sql(f"COPY (SELECT {flipped} FROM '{house / 'plain.csv'}') TO '{tmp_path / 'other.csv'}'")

    plain, other = replayed(house / "plain.csv"), replayed(tmp_path / "other.csv")

    pairs = zip(plain.times, plain.scores, other.scores, strict=True)
    first = FIRST + timedelta(microseconds=(min(t for t, a, b in pairs if a != b) - FIRST.timestamp() * 1e9) / 1e3)
    assert FIRST + timedelta(days=11) < first < FIRST + timedelta(days=13)


@pytest.mark.parametrize("name", ["told.csv", "told.parquet"])
def test_twice_gives_the_same_bytes(house, tmp_path, name):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        told = typed("replay", house / "payments.csv", "--model", "small@1", "--out", tmp_path / folder / name)
        assert told[0] == 0, told[1]

    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("until", ["2026-01-09", "2026-01-17T13:30:00"])
def test_two_pieces_with_a_checkpoint_between_are_the_whole(house, tmp_path, until):
    data, model = house / "payments.csv", ("--model", "small")
    whole, rest = tmp_path / "whole.parquet", tmp_path / "rest.parquet"
    told = replayed(data)
    after = told.ids[len(replayed(data, span=_until(until)).ids)]

    first = typed("replay", data, *model, "--to", until, "--out", tmp_path / "a.csv", "--checkpoint-to", tmp_path / "p")
    second = typed("replay", data, *model, "--out", rest, "--from-checkpoint", tmp_path / "p")
    at_once = typed("replay", data, *model, "--out", whole)

    assert [first[0], second[0], at_once[0]] == [0, 0, 0], (first, second, at_once)
    assert len(rows_of(tmp_path / "a.csv")) + count(rest) == count(whole) == len(told.ids)
    assert duckdb.sql(f"FROM '{whole}' WHERE transaction_id >= {after}").fetchall() == table(rest)
    assert Point.load(tmp_path / "p").first % 200 == 0


def test_from_a_checkpoint_on_gives_the_bytes_that_from_the_beginning_gives(house, tmp_path):
    data, model = house / "payments.csv", ("--model", "small")
    since = ("--from", "2026-01-15")

    point = tmp_path / "p"
    typed("replay", data, *model, "--to", "2026-01-14", "--checkpoint-to", point)
    resumed = typed(
        "replay", data, *model, *since, "--out", tmp_path / "a.parquet", "--from-checkpoint", tmp_path / "p"
    )
    plain = typed("replay", data, *model, *since, "--out", tmp_path / "b.parquet")

    assert resumed[0] == plain[0] == 0, (resumed, plain)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert count(tmp_path / "a.parquet") > 500


def test_a_file_that_grew_is_gone_on_with(house, tmp_path):
    lines = (house / "payments.csv").read_text().splitlines(keepends=True)
    (tmp_path / "data.csv").write_text("".join(lines[:1500]))
    model, first, second = find_model("small"), Told(), Told()
    _, begin = replay(File(str(tmp_path / "data.csv")), find_job("small", None), model, [first], keep=True)
    (tmp_path / "data.csv").write_text("".join(lines))

    replay(File(str(tmp_path / "data.csv")), find_job("small", None), model, [second], begin=begin)

    assert first.scores + second.scores == replayed(house / "payments.csv").scores


def test_a_checkpoint_of_something_else_is_refused(house, tmp_path):
    point, data = tmp_path / "p", house / "payments.csv"
    words = ("--model", "small", "--from-checkpoint", point, "--out", tmp_path / "out.csv")
    typed("replay", data, "--model", "small", "--to", "2026-01-14", "--checkpoint-to", point)
    make_file(tmp_path / "other.csv", days=30, customers=40, terminals=12, seed=2)

    told = [
        typed("replay", tmp_path / "other.csv", *words),
        typed("replay", data, *words, "--label-delay", "9d"),
        typed("replay", data, *words, "--from", "2026-01-14"),
        typed("replay", data, *words[:2], "--from-checkpoint", data, "--out", tmp_path / "out.csv"),
    ]

    assert [code for code, _ in told] == [1, 1, 1, 1]
    reasons = ("are not those that the checkpoint", "checkpoint is of features", "behind", "no checkpoint of a replay")
    assert all(reason in text for reason, (_, text) in zip(reasons, told, strict=True)), told
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("words", "start", "stop"),
    [
        (("--from", "2026-01-11", "--to", "2026-01-12"), datetime(2026, 1, 11), datetime(2026, 1, 13)),
        (("--from", "2026-01-11T12:00:00+02:00"), datetime(2026, 1, 11, 10), datetime(2027, 1, 1)),
        (("--to", "2026-01-03 09:00"), datetime(2025, 1, 1), datetime(2026, 1, 3, 9, 0, 0, 1)),
    ],
)
def test_from_and_to_limit_what_is_told_and_nothing_else(house, tmp_path, words, start, stop):
    whole, some = tmp_path / "whole.parquet", tmp_path / "some.parquet"
    typed("replay", house / "payments.csv", "--model", "small", "--out", whole)

    code, text = typed("replay", house / "payments.csv", "--model", "small", "--out", some, *words)

    assert code == 0, text
    expected = [row for row in table(whole) if start <= row[1] < stop]
    assert table(some) == expected
    assert 0 < len(expected) < count(whole)


def test_the_last_instant_that_is_named_is_told_too(house, tmp_path):
    out = tmp_path / "out.csv"
    time = replayed(house / "payments.csv").times[99]
    instant = FIRST + timedelta(microseconds=(time - int(FIRST.timestamp()) * 10**9) // 1000)

    typed("replay", house / "payments.csv", "--model", "small", "--out", out, "--to", instant.isoformat())

    assert len(rows_of(out)) == 100


def test_rows_bear_the_id_columns_own_name_and_all_of_an_outcome(house, tmp_path):
    sample = home() / "data" / "transactions" / "sample.csv"
    (tmp_path / "cards.toml").write_text(JOB)

    code, told = typed("replay", sample, "--job", tmp_path / "cards.toml", "--out", tmp_path / "out.parquet")

    assert code == 0, told
    names = [column[0] for column in duckdb.sql(f"DESCRIBE FROM '{tmp_path / 'out.parquet'}'").fetchall()]
    assert names == ["TRANSACTION_ID", "time", *Score._fields]
    assert [row[0] for row in table(tmp_path / "out.parquet")] == list(range(50))


def test_what_must_be_flagged_makes_a_test_of_a_model(house, tmp_path):
    told = replayed(house / "payments.csv")
    flagged = [id for id, one in zip(told.ids, told.scores, strict=True) if one.anomalous]
    plain = [id for id, one in zip(told.ids, told.scores, strict=True) if not one.anomalous]
    words = ("replay", house / "payments.csv", "--model", "small", "--expect", tmp_path / "expect.csv")

    def expect(*rows: tuple[int, str]) -> tuple[int, str]:
        (tmp_path / "expect.csv").write_text("id,flagged\n" + "".join(f"{id},{word}\n" for id, word in rows))
        return typed(*words)

    kept = expect((flagged[0], "true"), (plain[0], "false"), (told.ids[500], "0"))
    broken = expect((flagged[0], "true"), (flagged[1], "false"), (plain[0], "yes"), (10**9, "false"))

    assert kept[0] == 0
    assert "3 of 3 are as expected" in kept[1]
    assert broken[0] == 1
    named = [line.partition(":")[0] for line in broken[1].splitlines() if "must" in line]
    assert named == [str(flagged[1]), str(plain[0]), str(10**9)]
    assert f"{10**9}: must not be flagged; no such id" in broken[1]
    code, text = typed(*words, "--json")
    assert code == 1
    summary = json.loads(text.splitlines()[0])
    assert [one["id"] for one in summary["differ"]] == named
    assert summary["expected"] == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,flag\n1,true\n", "no column flagged"),
        ("id,flagged\n1,maybe\n", "line 2"),
        ("id,flagged\n1,true\n1,false\n", "must and must not"),
        ("id,flagged\n", "nothing is expected"),
    ],
)
def test_expectations_that_can_not_be_read_are_wrong_words(house, tmp_path, text, why):
    (tmp_path / "expect.csv").write_text(text)

    code, told = typed("replay", house / "payments.csv", "--model", "small", "--expect", tmp_path / "expect.csv")

    assert code == 2
    assert why in " ".join(told.replace("│", " ").split())


def test_a_job_that_looks_at_labels_says_what_it_misses_in_a_file_without(house, tmp_path):
    """given the same file, as a data set that names no label; and one that lacks the column"""
    dataset = (home() / "data" / "payments" / "dataset.toml").read_text().partition("[label]")[0]
    (tmp_path / "unlabelled.toml").write_text(dataset)
    bare = tmp_path / "bare.csv"
    duckdb.sql(f"COPY (SELECT * EXCLUDE fraud FROM '{house / 'plain.csv'}') TO '{bare}'")
    out = ("--model", "small", "--out", tmp_path / "out.csv")

    code, text = typed("replay", bare, *out, "--dataset", tmp_path / "unlabelled.toml")
    lacking = typed("replay", bare, *out, "--dataset", "payments")
    duckdb.sql(f"COPY (SELECT *, NULL AS fraud FROM '{bare}') TO '{tmp_path / 'empty.csv'}'")
    empty = typed("replay", tmp_path / "empty.csv", *out)
    scored = typed("score", bare, *out, "--dataset", tmp_path / "unlabelled.toml")

    assert code == 1
    assert "job small looks at labels (beside_genuine, known)" in text
    assert "[label] with the column" in text
    assert lacking[0] == 1
    assert "lacks fraud" in lacking[1]
    assert empty[0] == 1
    assert "has none in its column fraud" in empty[1]
    assert scored[0] == 0
    assert "warning: scored as if no label were known" in scored[1]
    assert len(rows_of(tmp_path / "out.csv")) == len(rows_of(bare))


def test_score_feeds_the_labels_that_a_file_has(house, tmp_path):
    for word in ("score", "replay"):
        typed(word, house / "payments.csv", "--model", "small", "--out", tmp_path / f"{word}.csv")

    scored, again = ((tmp_path / f"{word}.csv").read_text().splitlines() for word in ("score", "replay"))

    assert scored[0].startswith("id,")
    assert again[0].startswith("transaction_id,")
    assert scored[1:] == again[1:]


def test_a_detector_goes_on_from_a_checkpoint_too(house, tmp_path):
    path = tmp_path / "watched.toml"
    path.write_text(
        'stream = "payments"\nclock = "event_time"\n'
        'detector = { forecast = "amount", by = "customer", over = 30, threshold = 0.9 }\n'
    )
    words = ("replay", house / "payments.csv", "--job", path)

    codes = [
        typed(*words, "--out", tmp_path / "whole.csv")[0],
        typed(*words, "--out", tmp_path / "a.csv", "--to", "2026-01-14", "--checkpoint-to", tmp_path / "p")[0],
        typed(*words, "--out", tmp_path / "b.csv", "--from-checkpoint", tmp_path / "p")[0],
    ]

    assert codes == [0, 0, 0]
    pieces = rows_of(tmp_path / "a.csv") + rows_of(tmp_path / "b.csv")
    assert pieces == rows_of(tmp_path / "whole.csv")
    assert len({row["score"] for row in pieces}) > 1000


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_rows_without_an_id_or_a_time_have_none_and_rows_that_nothing_names_are_numbered(house, tmp_path, name):
    text = (home() / "data" / "payments" / "dataset.toml").read_text()
    (tmp_path / "unnamed.toml").write_text(text.partition("[label]")[0].replace('\nid = "transaction_id"', "\n"))
    lines = (house / "plain.csv").read_text().splitlines()[:4]
    at = lines[0].split(",").index("transaction_id"), lines[0].split(",").index("time")
    for line, column in ((2, at[0]), (3, at[1])):
        cells = lines[line].split(",")
        cells[column] = ""
        lines[line] = ",".join(cells)
    (tmp_path / "some.csv").write_text("\n".join(lines) + "\n")
    words = ("score", tmp_path / "some.csv", "--model", "small", "--out", tmp_path / name)

    named = typed(*words)
    ids, times = [[row[at] for row in table(tmp_path / name)] for at in (0, 1)]
    unnamed = typed("replay", *words[1:], "--job", plain_job(tmp_path), "--dataset", tmp_path / "unnamed.toml")

    assert named[0] == unnamed[0] == 0, (named, unnamed)
    assert ([id is None for id in ids], [time is None for time in times]) == (
        [False, True, False],
        [False, False, True],
    )
    assert duckdb.sql(f"SELECT \"row\" FROM '{tmp_path / name}'").fetchall() == [(0,), (1,), (2,)]


def plain_job(folder: Path) -> Path:
    """A job without labels that declares what the model needs."""
    mean = '{ mean = "amount", by = "customer", over = 5 }'
    features = "".join(f"{name} = {mean}\n" for name in ("ratio", "beside_genuine", "known"))
    head = 'model = "small"\nstream = "payments"\nclock = "event_time"\n[features]\namount = "amount"\n'
    (folder / "plain.toml").write_text(head + features)
    return folder / "plain.toml"


def test_an_id_column_of_a_name_that_the_result_needs_is_refused(tmp_path):
    with pytest.raises(Refused, match="the file's column score names its rows"):
        Results(tmp_path / "out.csv", "score")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "which model?"),
        (("--model", "small"), "where to?"),
        (("--model", "small", "--out", "a.csv", "--from", "yesterday"), "needed a day"),
        (("--model", "small", "--out", "a.csv", "--label-delay", "7"), "write a number and a unit"),
    ],
)
def test_wrong_words_are_told(house, words, told):
    code, text = typed("replay", house / "payments.csv", *words)

    assert code == 2
    assert told in " ".join(text.replace("│", " ").split())


def _until(text: str) -> Span:
    end = datetime.fromisoformat(text).replace(tzinfo=UTC)
    end += timedelta(days=1) if len(text) == 10 else timedelta(microseconds=1)
    return Span(None, int(end.timestamp()) * 10**9 + end.microsecond * 1000)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open() as rows:
        return list(csv.DictReader(rows))


def table(file: Path) -> list[tuple]:
    return duckdb.sql(f"FROM '{file}'").fetchall()


def count(file: Path) -> int:
    return len(table(file))
