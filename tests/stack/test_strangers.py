"""What others write into a stream is scored alike, and what is wrong with it costs nobody else anything."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from urllib.error import HTTPError

import pytest

from stack.checker import settled

SAMPLE = Path(__file__).parents[2] / "data" / "transactions" / "sample.csv"

pytestmark = pytest.mark.parametrize("stack", [("--data", str(SAMPLE), "--rate", "50")], indirect=True)


def line(at: int, time_ns: int, shard: str = "7", **fields: str) -> str:
    given = {
        "transaction_id": f"{10**6 + at}i",
        "customer": f"{at % 40}i",
        "terminal": f"{at % 90}i",
        "amount": f"{at % 77}.25",
        "event_time": f"{1_530_000_000 + at}000000000i",
    } | fields
    head = f"transactions,shard={shard}" if shard else "transactions"
    return f"{head} {','.join(f'{name}={value}' for name, value in given.items() if value)} {time_ns}"


def outcomes(stack, first: int, last: int) -> dict[int, tuple[bool, str]]:
    """Outcome rows by time; waits for as many as there are samples."""
    where = f"\"atipico_job\" = 'transactions' AND time >= {first} AND time <= {last}"
    deadline = time.monotonic() + 40
    while True:
        rows = {
            row[0]: (row[1], row[2])
            for one in stack.query(f'SELECT "scored", "why" FROM "scores" WHERE {where} GROUP BY *')
            for row in one["values"]
        }
        if len(rows) > last - first or time.monotonic() > deadline:
            return rows
        time.sleep(0.2)


def write_all(stack, lines: list[str]) -> tuple[int, str]:
    try:
        stack.write("\n".join(lines).encode())
    except HTTPError as error:
        return error.code, json.loads(error.read())["error"]
    return 204, ""


@pytest.mark.parametrize("shard", ["7", "", "a b"])
def test_five_thousand_samples_of_a_stranger_have_one_outcome_each(stack, shard):
    first = time.time_ns()
    tag = shard.replace(" ", "\\ ")

    status, _ = write_all(stack, [line(at, first + at, tag) for at in range(5000)])
    rows = outcomes(stack, first, first + 4999)

    assert status == 204
    assert sorted(rows) == [first + at for at in range(5000)]
    assert all(scored for scored, _ in rows.values())


def test_a_sample_that_lacks_a_field_or_has_text_for_a_number_is_unscored_and_says_why(stack):
    first = time.time_ns()

    status, _ = write_all(
        stack,
        [
            line(0, first),
            line(1, first + 1, amount=""),
            line(2, first + 2, event_time=""),
            line(3, first + 3, strange_field='"x"'),
            line(4, first + 4),
        ],
    )
    rows = outcomes(stack, first, first + 4)

    assert status == 204
    assert [rows[first + at][0] for at in range(5)] == [True, False, False, True, True]
    assert "amount is missing" in rows[first + 1][1]
    assert "event_time is missing" in rows[first + 2][1]


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ("transactions,shard=7 amount=nan 5", "nan"),
        ('transactions,shard=7 amount="text" 5', "type conflict"),
        ('transactions,shard=7 note="' + "x" * 10_000_000 + '" 5', "10"),
        ("transactions,shard=7", "missing fields"),
    ],
)
def test_a_bad_line_is_refused_with_a_reason_and_its_neighbours_are_scored(stack, bad, word):
    first = time.time_ns()

    status, told = write_all(stack, [line(0, first), bad, line(1, first + 1)])
    rows = outcomes(stack, first, first + 1)

    assert status == 400
    assert word in told.lower()
    assert len(told) < 1000
    assert [rows[first + at][0] for at in range(2)] == [True, True]


def test_a_clock_that_jumps_back_is_scored(stack):
    first = time.time_ns() - 3600 * 10**9
    back = {"event_time": "1500000000000000000i"}

    write_all(stack, [line(0, first), line(1, first + 1, **back), line(2, first + 2)])
    rows = outcomes(stack, first, first + 2)

    assert [rows[first + at][0] for at in range(3)] == [True] * 3


def test_garbage_on_the_agents_socket_ends_nothing(stack):
    before = {name: row["pid"] for name, row in stack.status().items()}
    garbage = socket.socket(socket.AF_UNIX)
    garbage.connect(str(stack.run / "agent.sock"))
    garbage.sendall(b"\xff" * 4096)
    assert b"no frames" in garbage.recv(65536)
    garbage.close()

    first = time.time_ns()
    write_all(stack, [line(0, first)])

    assert outcomes(stack, first, first)[first][0]
    assert {name: row["pid"] for name, row in stack.status().items()} == before


def test_the_recorded_file_itself_is_scored_to_its_last_row(stack):
    rows = len(SAMPLE.read_text().splitlines()) - 1
    deadline = time.monotonic() + 40
    found = settled(stack, "transactions", time.time_ns())
    while len(set(range(rows)) & set(found.ids)) < rows and time.monotonic() < deadline:
        found = settled(stack, "transactions", time.time_ns())

    assert not found.lost
    assert not found.strange
