"""The InfluxQL of dashboards: our store answers as the real InfluxDB does, or refuses with a sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from beside import same
from influxql_cases import BOTH_REFUSE, EPOCHS, LINES, REFUSED, STATEMENTS
from statements import points, statements

RECORDED = Path(__file__).parents[1] / "contract" / "influxql.json"
ROUNDS = int(os.environ.get("ATIPICO_FUZZ_ROUNDS", "200"))  # of 12 statements each; a minute or two
SEED = int(os.environ.get("ATIPICO_FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def filled(both):
    return both().filled(LINES)


@pytest.mark.parametrize("q", STATEMENTS)
def test_both_give_one_answer(filled, q):
    answers = filled.query(q)

    assert answers["ours"].status == answers["real"].status
    assert same(answers["ours"].body, answers["real"].body), answers


def test_what_was_recorded_of_the_real_one_is_what_it_says(filled):
    said = {q: filled.query(q)["real"].body for q in STATEMENTS}
    if os.environ.get("ATIPICO_RECORD"):
        RECORDED.write_text("{\n" + ",\n".join(f"{json.dumps(q)}: {json.dumps(said[q])}" for q in said) + "\n}\n")

    recorded = json.loads(RECORDED.read_text())

    assert recorded.keys() == said.keys()
    assert [q for q in said if not same(said[q], recorded[q])] == []


@pytest.mark.parametrize("q", BOTH_REFUSE)
def test_both_refuse(filled, q):
    assert all(_refusal(answer.body) for answer in filled.query(q).values())


@pytest.mark.parametrize("q", REFUSED)
def test_what_only_influxdb_speaks_is_refused_with_a_sentence(filled, q):
    answers = filled.query(q)

    assert "spoken here" in _refusal(answers["ours"].body)
    assert not _refusal(answers["real"].body)  # else this case belongs to those that both refuse


@pytest.mark.parametrize("epoch", EPOCHS)
def test_times_are_shown_alike_in_every_unit(filled, epoch):
    filled.agree("SELECT load FROM cpu", epoch=epoch)
    filled.agree(
        "SELECT mean(load) FROM cpu WHERE time >= 1599900000s AND time < 1600100000s GROUP BY time(1d)", epoch=epoch
    )


@pytest.mark.parametrize("accept", ["application/csv", "text/csv", "text/csv, application/json;q=0.5"])
@pytest.mark.parametrize(
    "q",
    [
        "SELECT * FROM cpu",
        "SELECT mean(load) FROM cpu GROUP BY host, dc",
        "SELECT load FROM cpu, net; SHOW MEASUREMENTS; SELECT nothing FROM cpu; SELECT free, temp FROM disk GROUP BY *",
        "SELECT max(load) * 1000000000000 FROM cpu; SELECT min(load) / 1000000000000 FROM cpu",
        "SHOW SERIES",
        "SELECT load FROM",
    ],
)
def test_csv_is_the_same_to_the_byte(filled, q, accept):
    answers = filled.ask("GET", "/query", params={"db": filled.db, "q": q}, headers={"Accept": accept})

    assert answers["ours"].body == answers["real"].body
    assert answers["ours"].headers["Content-Type"].split(";")[0] == answers["real"].headers["Content-Type"]


@pytest.mark.timeout(900)
def test_random_statements_about_random_points_get_one_answer_or_a_refusal(both):
    """Bounded and seeded: ATIPICO_FUZZ_ROUNDS and ATIPICO_FUZZ_SEED look further."""
    asked = {"same": 0, "refused by both": 0, "refused by ours": 0}

    @seed(SEED)
    @settings(
        max_examples=ROUNDS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a failure shows what was asked; making it smaller would take an hour
    )
    @given(points(), st.lists(statements, min_size=12, max_size=12, unique=True))
    def compare(lines, several):
        beside = both().filled(lines)
        for q in several:
            ours, real = (answer.body for answer in beside.query(q).values())
            if _refusal(ours):
                asked["refused by both" if _refusal(real) else "refused by ours"] += 1
                fine = _refusal(real) or "spoken here" in _refusal(ours) or not real["results"][0].get("series")
                assert fine, f"{q}\nours: {ours}\nreal: {real}\n{lines}"
            else:
                assert same(ours, real), f"{q}\nours: {ours}\nreal: {real}\n{lines}"
                asked["same"] += 1
        beside.query(f"DROP DATABASE {beside.db}")

    compare()

    assert asked["same"] > 10 * asked["refused by ours"]


def test_a_store_that_answers_otherwise_would_be_seen(filled):
    """The control of all of the above: what is compared is not always equal."""
    real = filled.query("SELECT mean(load) FROM cpu")["real"].body
    ours = filled.query("SELECT median(load) FROM cpu")["ours"].body

    assert not same(ours, real)


def _refusal(body):
    """The sentence of a refusal, "" for an answer."""
    return body.get("error") or body["results"][0].get("error", "")
