"""Alerts: what is declared, where episodes begin and end, what a webhook is sent."""

from __future__ import annotations

import random

import pytest

from atipico.alerts import episodes
from atipico.alerts.episodes import Episodes
from atipico.alerts.spec import AlertSpec, parse_alert
from atipico.alerts.webhook import payload
from atipico.errors import Refused
from atipico.registry.jobs import load_job
from atipico.wire.sample import Sample, Score, outcome

START = 1_800_000_000_000_000_000
MS = 10**6


def scored(at: int, score: float, pump: str = "p1", scored: bool = True) -> Sample:
    """The outcome of a sample, one each millisecond; an anomaly from 0.5 on."""
    told = Score(score, 0.5, score >= 0.5, "m@1", scored, "heat=9, usual 3" if score >= 0.5 else "")
    return outcome(Sample("pump", {"pump": pump, "shard": "0"}, {}, START + at * MS), told, "pumps")


def told(spec: AlertSpec, pattern: str) -> str:
    """Where episodes begin (B) and end (E) in a pattern of hits (x), of others (-) and of what has no score (?)."""
    taken = Episodes(spec)
    rows = [
        taken.take([scored(at, 0.9 if sign == "x" else 0.1, scored=sign != "?")]) for at, sign in enumerate(pattern)
    ]
    return "".join("." if not row else "B" if row[0].fields["firing"] else "E" for row in rows)


@pytest.mark.parametrize(
    ("declared", "pattern", "expected"),
    [
        ({"over_after": 1}, "--x--xx-", "..BE.B.E"),
        ({"over_after": 3}, "x--x---x", "B.....EB"),
        ({"for": 3, "over_after": 1}, "xx-xxx---", ".....B..E"),
        ({"for": 2, "of": 4, "over_after": 1}, "x-x-----x--x", "...B..E....B"),
        ({"for": 2, "of": 4, "over_after": 2}, "x-x-----", "...B...E"),
        ({"above": 0.95, "over_after": 1}, "xx-", "..."),
        ({"over_after": "3ms"}, "x--x----", "B......E"),
        ({"over_after": 2}, "x?-?-", "B...E"),
    ],
)
def test_an_episode_begins_with_its_hits_and_is_over_after_its_quiet_samples_or_time(declared, pattern, expected):
    assert told(parse_alert(declared, embedded=True), pattern) == expected


def chance_pattern() -> list[Sample]:
    chance = random.Random(2)
    return [scored(at, chance.choice([0.1, 0.1, 0.9]), chance.choice("abc")) for at in range(300)]


def test_wherever_it_is_cut_and_taken_up_again_the_episodes_are_the_same():
    spec, samples = parse_alert({"for": 2, "of": 5, "over_after": 3}, embedded=True), chance_pattern()
    whole = Episodes(spec).take(samples)

    for cut in range(0, 300, 7):
        first = Episodes(spec)
        before = first.take(samples[:cut])
        second = Episodes(spec, first.state())
        assert before + second.take(samples[cut:]) == whole

    assert len(whole) > 10


def test_what_is_scored_again_or_comes_behind_a_later_sample_begins_and_ends_nothing():
    spec, samples = parse_alert({"for": 2, "of": 5, "over_after": 3}, embedded=True), chance_pattern()
    whole, once = Episodes(spec), Episodes(spec)
    expected = once.take(samples)

    found = [row for at in range(300) for row in whole.take([*samples[max(0, at - 20) : at], samples[at]])]

    assert found == expected


def test_the_keys_of_an_alert_are_the_tags_that_it_names():
    samples = [scored(0, 0.9, "a"), scored(1, 0.9, "b"), scored(2, 0.9, "a")]

    def keys(**declared: object) -> list[dict[str, str]]:
        rows = Episodes(parse_alert(declared, embedded=True)).take(samples)
        return [{name: value for name, value in row.tags.items() if name in ("pump", "shard")} for row in rows]

    assert keys() == [{"pump": "a", "shard": "0"}, {"pump": "b", "shard": "0"}]
    assert keys(by=["pump"]) == [{"pump": "a"}, {"pump": "b"}]
    assert keys(by=[]) == [{}]


def test_another_rule_goes_on_with_the_episodes_of_the_one_before_and_ends_those_of_another_kind():
    first = Episodes(parse_alert({}, embedded=True))
    first.take([scored(0, 0.9)])

    stricter = Episodes(parse_alert({"for": 2, "over_after": 1}, embedded=True), first.state())
    louder = Episodes(parse_alert({"level": "info"}, embedded=True), first.state())

    assert stricter.of_another_rule(START) == []
    assert [row.fields["firing"] for row in stricter.take([scored(1, 0.1), scored(2, 0.1)])] == [False]
    (ended,) = louder.of_another_rule(START + 5)
    assert (ended.tags["atipico_level"], ended.fields["firing"], ended.fields["duration"]) == ("critical", False, 5)
    assert louder.of_another_rule(START + 6) == []


def test_what_is_remembered_is_bounded_and_an_episode_that_lasts_is_not_forgotten(monkeypatch):
    monkeypatch.setattr(episodes, "MOST", 10)
    taken = Episodes(parse_alert({"over_after": 1}, embedded=True))
    taken.take([scored(0, 0.9, "kept")])

    for at in range(1, 200):
        taken.take([scored(at, 0.1, f"p{at}")])

    assert len(taken.state()) < 3000
    assert [row.fields["firing"] for row in taken.take([scored(300, 0.1, "kept")])] == [False]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"lvl": "info"}, "did you mean 'level'"),
        ({"level": "crit"}, "did you mean 'critical'"),
        ({"for": 3, "of": 2}, "so many can't be among so few"),
        ({"for": 0}, "from 1 to 1000"),
        ({"for": True}, "from 1 to 1000"),
        ({"above": 1.0}, "below 1"),
        ({"over_after": "30d"}, "from 1ms to 7d"),
        ({"over_after": "soon"}, "not understood"),
        ({"by": "pump"}, "list of tags"),
        ({"by": ["atipico_job"]}, "the alert's own"),
        ({"webhook": "ftp://far"}, "needed http"),
        ({"webhook": "http://me:secret@far/"}, "without a password"),
        ({"token_file": "/t"}, "without a webhook"),
        ({"endpoint": "pager"}, "word of the kapacitor engine"),
        ({"log": "alerts.txt"}, "must end with .jsonl"),
    ],
)
def test_an_alert_that_is_declared_wrongly_is_refused_with_what_was_needed(declared, said):
    with pytest.raises(Refused, match=said):
        parse_alert(declared, embedded=True)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"webhook": "http://far/", "token_file": "/t"}, "for all to read"),
        ({"log": "alerts.jsonl"}, "whole path"),
        ({"endpoint": "a b"}, "letters, digits"),
        ({"endpoint": "pager", "webhook": "http://far/"}, "one of the two"),
    ],
)
def test_what_kapacitor_cannot_keep_secret_or_find_is_refused(declared, said):
    with pytest.raises(Refused, match=said):
        parse_alert(declared, embedded=False)


def test_a_job_file_has_its_alert_in_one_section(tmp_path):
    file = tmp_path / "pumps.toml"
    file.write_text(
        'stream = "pump"\ndetector = { gaussian = "heat", over = 16 }\n[alert]\nlevel = "warning"\nfor = 3\n'
    )

    assert load_job(file).alert == AlertSpec(level="warning", hits=3, of=3)
    file.write_text(file.read_text().replace('"pump"', '"alerts"'))
    with pytest.raises(Refused, match="reads its own alerts"):
        load_job(file)


def test_a_webhook_is_sent_what_alertmanager_would_send():
    spec = parse_alert({"for": 2, "over_after": 1, "level": "warning", "by": ["pump"]}, embedded=True)
    begun, ended = Episodes(spec).take([scored(0, 0.9), scored(1, 0.9), scored(2, 0.1), scored(3, 0.1)])

    firing, resolved = payload(begun, spec), payload(ended, spec)

    labels = {"alertname": "pumps", "stream": "pump", "pump": "p1", "severity": "warning"}
    (alert,) = firing["alerts"]
    assert (firing["version"], firing["status"], firing["receiver"]) == ("4", "firing", "atipico")
    assert firing["groupLabels"] == {"alertname": "pumps"}
    assert alert["labels"] == firing["commonLabels"] == labels
    assert alert["annotations"] == {
        "summary": "pumps (pump p1): 2 of the last 2 samples anomalous",
        "why": "heat=9, usual 3",
    }
    assert (alert["startsAt"], alert["endsAt"]) == ("2027-01-15T08:00:00.001000000Z", "0001-01-01T00:00:00Z")
    (over,) = resolved["alerts"]
    assert (resolved["status"], over["status"], over["labels"]) == ("resolved", "resolved", labels)
    assert (over["startsAt"], over["endsAt"]) == (alert["startsAt"], "2027-01-15T08:00:00.003000000Z")
    assert over["fingerprint"] == alert["fingerprint"]
