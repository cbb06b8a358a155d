"""Suites: a sample meets what is written from it, a row that is not as expected is named, the page tells it all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atipico.errors import Refused
from atipico.learn.batch import Batch, check_batch
from atipico.learn.data_page import number, write_page
from atipico.learn.suggest import suggest_suite
from atipico.learn.suite import read_suite
from atipico.sources.payments_file import make_file

DATASET = """
measurement = "payments_file"
time = "when"
id = "number"
keys = ["card"]
[fields]
number = "number"
card = "card"
amount = "paid"
country = "country"
[label]
column = "fraud"
"""
ROWS = [
    ("2026-01-01 00:00:00", 1, 7, "12.5", "ES", 0),
    ("2026-01-01 00:00:10", 2, 7, "900", "FR", 1),
    ("2026-01-01 00:00:20", 3, 8, "20", "ES", 0),
    ("2026-01-01 00:00:30", 4, 9, "30.25", "ES", 0),
]


@pytest.fixture
def check(tmp_path):
    """Hold some rows to one rule of a field; the batch that comes of it."""
    (tmp_path / "dataset.toml").write_text(DATASET)

    def held(suite: str, *rows: tuple) -> Batch:
        file = tmp_path / "batch.csv"
        lines = ["when,number,card,paid,country,fraud", *(",".join(map(str, row)) for row in rows or ROWS)]
        file.write_text("\n".join(lines) + "\n")
        (tmp_path / "suite.toml").write_text(suite)
        return check_batch(read_suite(tmp_path / "suite.toml"), str(file), str(tmp_path / "dataset.toml"))

    return held


@pytest.mark.parametrize(
    ("field", "holds", "fails", "rows", "found"),
    [
        ("amount", 'type = "float"\nleast = 12.5', 'type = "float"\nleast = 20', [1], "12.5"),
        ("amount", 'type = "float"\nmost = 900', 'type = "float"\nmost = 20', [2, 4], "900.0, 30.25"),
        ("amount", 'type = "float"', 'type = "integer"', [1, 4], "12.5, 30.25"),
        ("amount", 'type = "float"\nmean = [200, 300]', 'type = "float"\nmean = [0, 100]', None, "240.688"),
        ("country", 'type = "text"\namong = ["ES", "FR"]', 'type = "text"\namong = ["ES"]', [2], "FR"),
        ("country", 'type = "text"\nmatches = "[A-Z]{2}"', 'type = "text"\nmatches = "E."', [2], "FR"),
        ("number", 'type = "integer"\nunique = true', 'type = "integer"\nmost = 3', [4], "4"),
        ("card", 'type = "integer"', 'type = "integer"\nunique = true', [1, 2], "7"),
        ("event_time", 'type = "integer"\ngrowing = true', 'type = "integer"\nmost = 1', [1, 2, 3, 4], None),
        ("label", 'type = "integer"\namong = [0, 1]', 'type = "integer"\namong = [0]', [2], "1"),
    ],
)
def test_a_rule_that_holds_is_silent_and_one_that_does_not_names_the_rows(check, field, holds, fails, rows, found):
    good, bad = check(f"[field.{field}]\n{holds}"), check(f"[field.{field}]\n{fails}")

    assert not good.problems
    [problem] = bad.problems
    assert [example.row for example in problem.examples] == (rows or [])
    assert problem.rows == (rows and len(rows))
    assert found is None or problem.found == found


def test_a_cell_of_another_kind_counts_as_missing_and_is_shown_as_it_stands(check):
    rows = [*ROWS, ("2026-01-01 00:01:00", 5, 9, "twelve", "ES", 0), ("2026-01-01 00:02:00", 6, 9, "", "ES", 0)]

    none, some = (check(f'[field.amount]\ntype = "float"\nmissing = {share}', *rows) for share in (0, 0.34))
    few = check('[field.amount]\ntype = "float"\nmissing = 0.3', *rows)

    [problem] = none.problems
    assert (problem.rows, problem.found) == (2, "twelve, nothing")
    assert problem.examples[0].cells["paid"] == "twelve"
    assert not some.problems
    assert few.problems[0].found == "33.33% missing"


def test_a_time_that_goes_back_and_a_number_that_comes_twice_are_named(check):
    rows = [*ROWS, ("2026-01-01 00:00:05", 4, 9, "1", "ES", 0)]

    batch = check(
        '[field.event_time]\ntype = "integer"\ngrowing = true\n[field.number]\ntype = "integer"\nunique = true', *rows
    )

    assert [[one.row for one in problem.examples] for problem in batch.problems] == [[5], [4, 5]]
    assert "row 5: when=2026-01-01 00:00:05" in batch.told()


def test_too_few_rows_are_told_of_the_whole(check):
    batch = check('[rows]\nleast = 5\n[field.card]\ntype = "integer"')

    assert batch.told().splitlines()[1:] == ["  rows: expected at least 5; found 4"]


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        ('[field.amout]\ntype = "float"', "names a field 'amout'; did you mean 'amount'"),
        ('[field.amount]\ntype = "flaot"', "field.amount.type = .flaot.: Input should be"),
        ('[field.amount]\ntype = "text"\nleast = 3', "least is for numbers, type is text"),
        ('[field.country]\ntype = "text"\nmatches = "("', "is no regular expression"),
        ("[rows]\nleast = 5", "field: Field required"),
    ],
)
def test_a_suite_that_can_not_be_is_refused_with_what_was_needed(check, suite, told):
    with pytest.raises(Refused, match=told):
        check(suite)


def test_a_sample_meets_the_suite_that_is_written_from_it_and_another_batch_does_too(tmp_path):
    sample, later = tmp_path / "sample.csv", tmp_path / "later.csv"
    make_file(sample, days=12, customers=40, terminals=15)
    make_file(later, days=12, customers=40, terminals=15, seed=7, first_day=12)

    (tmp_path / "suite.toml").write_text(suggest_suite(str(sample), "payments"))
    suite = read_suite(tmp_path / "suite.toml")

    assert set(suite.field) == {"event_time", "transaction_id", "customer", "terminal", "amount", "label"}
    assert not check_batch(suite, str(sample), "payments").problems
    assert not check_batch(suite, str(later), "payments").problems


def test_a_batch_in_other_units_does_not_meet_it(tmp_path):
    sample = tmp_path / "sample.csv"
    make_file(sample, days=12, customers=40, terminals=15)
    (tmp_path / "suite.toml").write_text(suggest_suite(str(sample), "payments"))
    head, *lines = sample.read_text().splitlines()
    at = head.split(",").index("amount")
    rows = [line.split(",") for line in lines]
    cents = [",".join([*row[:at], str(float(row[at]) * 100), *row[at + 1 :]]) for row in rows]
    (tmp_path / "cents.csv").write_text("\n".join([head, *cents]))

    batch = check_batch(read_suite(tmp_path / "suite.toml"), str(tmp_path / "cents.csv"), "payments")

    assert {problem.field for problem in batch.problems} == {"amount"}
    assert any(problem.expected.startswith("a mean between") for problem in batch.problems)


def test_the_page_tells_each_field_and_each_problem_asks_no_network_and_runs_nothing(check, tmp_path):
    rows = [*ROWS, ("2026-01-01 00:01:00", 5, 9, "-3", "<script>alert(1)</script>", 0)]
    suite = '[field.amount]\ntype = "float"\nleast = 0\n[field.country]\ntype = "text"\namong = ["ES", "FR"]'

    write_page(check(suite, *rows), tmp_path / "bad.html")
    write_page(check(suite), tmp_path / "good.html")

    bad, good = (Path(tmp_path / name).read_text() for name in ("bad.html", "good.html"))
    assert "2 expectations not met" in bad
    assert "expected at least 0" in bad
    assert "&lt;script&gt;alert(1)" in bad
    assert not re.search(r"<script|https?://|url\(|<link|<img", bad)
    assert "all as expected" in good
    assert "✗" not in good


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (590_001_234.0, "590,001,234"),
        (295066000.4, "295,066,000"),
        (45.03342, "45.0334"),
        (-5.0, "-5"),
        (1.5e-7, "1.5e-07"),
    ],
)
def test_a_number_is_on_the_page_as_a_person_reads_it(value, read):
    assert number(value) == read
