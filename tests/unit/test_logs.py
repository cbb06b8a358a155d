"""What a part says: one form for all, the part's name, and the batch it is about."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from atipico import logs
from atipico.web import with_request_id

SERVICES = Path(__file__).parents[2] / "services"


def said(code: str, **env: str) -> list[str]:
    """The lines on standard error of a process that speaks for the part `pump`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import logging, structlog, threading\nfrom atipico import logs\n{code}"],
        env={**os.environ, "PYTHONPATH": str(SERVICES), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr.splitlines()


def test_every_way_to_say_something_becomes_a_json_line_with_the_parts_name():
    lines = said(
        "early = structlog.get_logger()\n"
        "logs.start('pump')\n"
        "early.info('one', litres=3)\n"
        "logging.getLogger('other').error('two %s', 2)\n"
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()\n"
    )

    told = [json.loads(line) for line in lines]
    assert [line["event"] for line in told] == ["one", "two 2", "a thread ended"]
    assert {line["part"] for line in told} == {"pump"}
    assert told[0]["litres"] == 3
    assert "ZeroDivisionError" in told[2]["exception"]


def test_what_is_said_while_a_batch_is_dealt_with_carries_its_id():
    lines = said(
        "logs.start('pump')\n"
        "with logs.about('payments.3f.0+5'):\n"
        "    structlog.get_logger().warning('in'); logging.getLogger('x').error('in too')\n"
        "structlog.get_logger().warning('out')\n"
    )

    assert [json.loads(line).get("request_id") for line in lines] == ["payments.3f.0+5", "payments.3f.0+5", None]


@pytest.mark.parametrize(("level", "told"), [("debug", ["low", "high"]), ("error", ["high"]), ("", ["high"])])
def test_what_is_below_the_level_is_not_told(level, told):
    talk = "logs.start('pump'); log = structlog.get_logger(); log.debug('low'); log.error('high')"

    assert [json.loads(line)["event"] for line in said(talk, ATIPICO_LOG=level)] == told


def test_a_level_that_is_none_is_told_with_those_there_are():
    assert "set it to debug, info, warning, error" in said("logs.start('pump')", ATIPICO_LOG="loud")[-1]


@pytest.mark.parametrize("given", ["", "two words", "a\r\nSet-Cookie: x", "x" * 129, "caf\u00e9"])
def test_an_id_that_could_do_harm_is_replaced(given):
    assert served(given) not in ("", given)


def test_an_id_that_a_request_brings_is_bound_and_answered():
    assert served("payments.3f2a1c.12+5") == "payments.3f2a1c.12+5"


def served(given: str) -> str:
    """The id that a request with `given` is dealt with under; the answer has the same."""
    seen, headers = [], {}

    def app(environ, start_response):
        seen.append(logs.request())
        start_response("200 OK", [])
        return []

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_X_REQUEST_ID": given}
    with_request_id(app)(environ, lambda status, found: headers.update(found))

    assert [headers[logs.REQUEST_ID]] == seen
    assert logs.request() == ""
    return seen[0]


def test_a_line_for_programs_is_shown_in_words_and_others_stay(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    [line] = said("logs.start('pump')\nstructlog.get_logger().warning('waits', tries=3)")

    shown = logs.in_words(line)

    assert "warning" in shown
    assert "waits" in shown
    assert "tries=3" in shown
    assert not {"{", "pump"} & {*shown, *shown.split()}
    assert [logs.in_words(other) for other in ("plain", "5", '{"x": 1}')] == ["plain", "5", '{"x": 1}']


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is this test's full disk")
def test_a_log_that_has_no_room_costs_the_words_and_nothing_else():
    code = (
        "import logging, structlog\n"
        "from atipico import logs\n"
        "logs.start('pump')\n"
        "for _ in range(3):\n"
        "    structlog.get_logger().error('no room')\n"
        "    logging.getLogger('other').error('none here')\n"
        "print('went on')\n"
    )

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-u", "-c", code],
            env={**os.environ, "PYTHONPATH": str(SERVICES)},
            stdout=subprocess.PIPE,
            stderr=full,
            timeout=60,
            check=False,
        )

    assert done.stdout == b"went on\n"
