"""What can be seen of the chain from outside: counters, the doctor's words, a batch's way through the logs."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from running_store import free_port
from stack.conftest import Stack
from waiting import until

DOCS = Path(__file__).parents[2] / "docs"
SERVED = ("store", "classifier", "page")
METRICS = ("agent", "host", "generator", "supervisor")
_ROW = re.compile(r"^\| `(atipico_\w+)` \| (\w+) \| ([^|]*)\| ([^|]*) \| ([^|]*) \|$", re.M)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A running stack that tells every batch and answers /metrics on free ports."""
    stack = Stack()
    stack.ports |= {part: free_port() for part in METRICS}
    stack.env |= {f"ATIPICO_{part.upper()}_METRICS_PORT": str(stack.ports[part]) for part in METRICS}
    stack.env |= {"ATIPICO_LOG": "debug", "ATIPICO_SUPERVISOR_HANG__AFTER": "0s"}  # who is stopped here stays so
    try:
        stack.up("--rate", "200")
        yield stack
    finally:
        stack.close()


def exposed(stack: Stack, part: str) -> dict[str, Any]:
    """What a part's /metrics has of ours, by the name that its samples have."""
    with urlopen(f"{stack.url(part)}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            family.name + ("_total" if family.type == "counter" else ""): family
            for family in families
            if family.name.startswith("atipico_")
        }


def told(stack: Stack, part: str) -> list[dict[str, Any]]:
    """The lines of a part's log; each must be JSON."""
    return [json.loads(line) for line in (stack.run / "log" / f"{part}.log").read_text().splitlines()[:-1]]


@pytest.mark.parametrize("part", [*SERVED, *METRICS])
def test_the_page_on_metrics_lists_just_what_a_part_exposes(stack, part):
    page = {name: rest for name, *rest in _ROW.findall((DOCS / "metrics.md").read_text())}
    found = exposed(stack, part)

    assert set(found) == set(page)
    for name, family in found.items():
        kind, labels, parts, meaning = page[name]
        assert (family.type, family.documentation) == (kind, meaning)
        seen = {label for sample in family.samples for label in sample.labels}
        assert seen <= set(re.findall(r"`(\w+)`", labels)), name
        assert not family.samples or parts == "all" or part in parts.split(", "), f"{part} fills {name}"


def test_the_counters_move_with_the_samples(stack):
    def scored() -> float:
        return sum(sample.value for sample in exposed(stack, "host")["atipico_samples_out_total"].samples)

    before = until(scored)

    until(lambda: scored() > before)
    assert {sample.value for sample in exposed(stack, "supervisor")["atipico_up"].samples} == {1.0}


def test_a_batch_can_be_followed_from_its_writer_to_its_outcome(stack):
    def way() -> dict[str, str]:
        return follow(stack)

    ids = until(way)

    assert ids["written"].startswith("payments.")
    assert re.fullmatch(r"payments\.[0-9a-f]{6}\.\d+\+\d+", ids["sent"])
    assert spans(ids["scored"], ids["sent"])
    assert spans(ids["outcome"], ids["sent"])


def follow(stack: Stack) -> dict[str, str]:
    """The ids under which one batch of payments went through the parts; {} while not all have told theirs."""
    lines = {part: told(stack, part) for part in ("store", "host", "agent", "classifier")}
    sends = [line for line in lines["host"] if line["event"] == "sends" and line["job"] == "payments"][3:4]
    for send in sends:
        ends = range((send["log_from"] or 0) + 1, send["log_to"] + 1)
        accepted = [line for line in lines["store"] if line["event"] == "accepted"]
        written = [line for line in accepted if line["log_end"] in ends and "+" not in line["request_id"]]
        written = [line for line in written if line["request_id"].startswith("payments.")]
        scored = [line for line in lines["classifier"] if spans(line.get("request_id", ""), send["request_id"])]
        agent = [line for line in lines["agent"] if spans(line.get("request_id", ""), send["request_id"])]
        outcome = [line for line in accepted if spans(line["request_id"], send["request_id"])]
        if written and scored and agent and outcome:
            return {
                "written": written[0]["request_id"],
                "sent": send["request_id"],
                "scored": scored[0]["request_id"],
                "outcome": outcome[0]["request_id"],
            }
    return {}


def spans(one: str, other: str) -> bool:
    """Whether two batches of the same session have a sample in common."""
    found = [re.fullmatch(r"(.+)\.(\d+)\+(\d+)", id) for id in (one, other)]
    if not all(found):
        return False
    (session, a, n), (of, b, m) = (match.groups() for match in found if match)
    return session == of and int(a) < int(b) + int(m) and int(b) < int(a) + int(n)


def test_every_line_that_a_part_tells_is_json_and_says_whose_it_is(stack):
    for part in ("store", "classifier", "agent", "host", "generator", "page", "supervisor"):
        lines = told(stack, part)
        assert {line["part"] for line in lines} <= {part}
        assert all({"timestamp", "level", "event"} <= line.keys() for line in lines)


@pytest.mark.parametrize("shell", ["its own", "another"])
def test_the_doctor_finds_nothing_wrong_and_sends_a_sample_round(stack, shell):
    until(lambda: stack.query('SELECT last("pid") FROM "parts"'))

    done = (stack.atipico if shell == "its own" else stack.in_another_shell)("doctor", "--json")

    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True), done.stdout
    assert re.search(r"accepted [\d.]+ ms, in the log [\d.]+ ms, scored [\d.]+ ms", findings["round trip"]["told"])


def test_the_doctors_samples_are_in_nobodys_scores_or_streams(stack):
    stack.atipico("doctor")

    assert stack.query('SELECT count("score") FROM "doctor_scores" WHERE time > 0')
    assert not stack.query('SELECT count("score") FROM "scores" WHERE source = \'doctor\' AND time > 0')
    assert not stack.query('SELECT count("score") FROM "scores" WHERE atipico_job = \'doctor\' AND time > 0')


def test_the_doctor_says_where_a_sample_stands_still_and_what_to_do(stack):
    agent = until(lambda: stack.status()["agent"]["pid"])

    os.kill(agent, signal.SIGSTOP)
    try:
        done = stack.atipico("doctor", "--json")
    finally:
        os.kill(agent, signal.SIGCONT)

    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert "then not scored" in findings["round trip"]["told"]
    assert "atipico logs host, agent" in findings["round trip"]["cure"]
