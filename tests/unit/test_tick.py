"""A job as a TICKscript."""

from __future__ import annotations

import pytest

from atipico.alerts.spec import parse_alert
from atipico.detectors.spec import DetectorSpec
from atipico.engines.kapacitor.plan import by_shard
from atipico.engines.kapacitor.tick import by_hand, literal, script
from atipico.features.spec import parse_labels, parse_specs
from atipico.registry.jobs import Job

JOB = Job("pumps", "heat", "pump", parse_specs({"heat": "heat"}))


def written(job: Job = JOB, shard: bool = True) -> str:
    return script(job, "atipico", "autogen", shard, 0.1)


def test_a_script_as_it_was_written_is_nobodys_handiwork_and_any_change_of_it_is():
    text = written()

    assert not by_hand(text)
    for line in text.splitlines()[1:]:
        assert by_hand(text.replace(line, line + " ", 1))
    assert by_hand("stream\n    |from()\n")
    assert by_hand(text.partition("\n")[2])


def test_a_stream_without_the_shard_tag_is_grouped_by_all_its_tags():
    assert ".groupBy('shard')" in written()
    assert ".groupBy(*)" in written(shard=False)


@pytest.mark.parametrize(
    ("job", "shard"),
    [
        (JOB, True),
        (JOB._replace(features=parse_specs({"z": {"z": "heat", "by": "pump", "over": 9}})), True),
        (JOB._replace(features=parse_specs({"heat": "heat", "z": {"z": "heat", "over": 9}})), False),
        (JOB._replace(detector=DetectorSpec("gaussian", ("heat",), 9, by="pump")), True),
        (JOB._replace(detector=DetectorSpec("gaussian", ("heat",), 9)), False),
    ],
)
def test_before_a_stream_has_points_its_series_are_kept_apart_where_a_window_is_of_one(job, shard):
    assert by_shard(job, []) == shard
    assert by_shard(job, ["shard", "site"])
    assert not by_shard(job, ["host"])


def test_labels_have_a_branch_of_their_own_only_where_the_job_looks_at_them():
    labels = parse_labels({"stream": "frauds", "id": "id", "delay": "7d"})

    assert "frauds" not in written()
    assert written(JOB._replace(labels=labels)).count("@atipico()") == 2


def test_an_alert_has_a_branch_of_its_own_and_without_one_the_script_is_as_it_was():
    alert = parse_alert({"above": 1e-6, "over_after": "90s", "by": [], "endpoint": "o-clock"}, embedded=False)

    told = written(JOB._replace(alert=alert))

    assert ("|alert()" in told, "|alert()" in written()) == (True, False)
    assert 'if("score" > 0.000001, 1, 0)' in told
    assert '.critReset(lambda: "quiet" >= 90.0)' in told
    assert "|groupBy()" in told
    assert ".endpoint('o-clock')" in told
    assert ".log(" not in told


@pytest.mark.parametrize(
    ("name", "told"), [("pump", "'pump'"), ("o'clock", r"'o\'clock'"), ("back\\slash", r"'back\\slash'")]
)
def test_no_name_can_end_its_literal(name, told):
    assert literal(name) == told
