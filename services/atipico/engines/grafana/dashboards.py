"""The three dashboards: live scores, pipeline health, model quality."""

# ruff: noqa: S608 - the statements are put together from what stands here alone

from __future__ import annotations

from atipico.engines.grafana.panels import Dashboard, Panel, Variable

_JOB = Variable("job", "Job", 'SHOW TAG VALUES FROM "scores" WITH KEY = "atipico_job"')
_MINE = '"atipico_job" =~ /^$job$/ AND $timeFilter'
_BY_TIME = "GROUP BY time($__interval)"


def _scores(what: str, where: str = "", then: str = f"{_BY_TIME} fill(none)") -> str:
    return f'SELECT {what} FROM "scores" WHERE {where + " AND " if where else ""}{_MINE} {then}'.strip()


def _parts(what: str) -> str:
    return f'SELECT {what} FROM "parts" WHERE $timeFilter {_BY_TIME}, "part" fill(none)'


def _counted(title: str, where: str, about: str) -> Panel:
    query = _scores('count("score")', where, then=f"{_BY_TIME} fill(none)")
    return Panel(title, "stat", [query], about, width=8, height=4, names=[title])


LIVE = Dashboard(
    "atipico-live",
    "Atipico: live scores",
    [
        _counted("Scored", '"scored" = true', "Samples with a score, in the time shown."),
        _counted("Anomalies", '"anomalous" = true', "Samples whose score reached the threshold."),
        _counted("Not scored", '"scored" = false', "Samples that could not be scored; why stands below."),
        Panel(
            "Highest score",
            "timeseries",
            [_scores('max("score")'), _scores('max("threshold")')],
            "The highest score of each interval, and the threshold that it is measured by.",
            width=24,
            names=["score", "threshold"],
        ),
        Panel(
            "Samples",
            "timeseries",
            [_scores('count("score")'), _scores('count("score")', '"anomalous" = true')],
            "Outcomes and anomalies of each interval.",
            names=["outcomes", "anomalies"],
        ),
        Panel(
            "Newest anomalies",
            "table",
            [_scores('"score", "threshold", "version", "why"', '"anomalous" = true', "ORDER BY time DESC LIMIT 50")],
            "What was flagged last, and the features that carried it.",
        ),
    ],
    [_JOB],
)

HEALTH = Dashboard(
    "atipico-health",
    "Atipico: pipeline health",
    [
        Panel(
            "Lag",
            "timeseries",
            [_parts('max("lag_s")')],
            "Age of the newest sample when a part dealt with it.",
            "s",
            names=["$tag_part"],
        ),
        Panel(
            "From write to score",
            "timeseries",
            [_parts(f'max("{hop}_{q}_ms")') for hop in ("answered", "scored") for q in ("p50", "p99")],
            "From a sample's own time to its answer (agent) and to its outcome accepted (host; behind Kapacitor nobody "
            "sees that): the middle one, and one of a hundred.",
            "ms",
            names=["$tag_part p50", "$tag_part p99"] * 2,
        ),
        Panel(
            "Samples a second",
            "timeseries",
            [_parts('non_negative_derivative(max("samples_out"), 1s)')],
            "What each part handed on and got acknowledged.",
            names=["$tag_part"],
        ),
        Panel(
            "Memory",
            "timeseries",
            [_parts('max("memory_bytes")')],
            "Resident memory of each part.",
            "bytes",
            names=["$tag_part"],
        ),
        Panel(
            "Lost",
            "timeseries",
            [_parts('max("lost")')],
            "Samples that were accepted and then lost, since each part began; must stay 0.",
            width=8,
            names=["$tag_part"],
        ),
        Panel(
            "Tried again",
            "timeseries",
            [_parts('max("retries")')],
            "Calls to another part that had to be made again, since each part began.",
            width=8,
            names=["$tag_part"],
        ),
        Panel(
            "Refused",
            "timeseries",
            [_parts('max("refused")')],
            "What was refused with a reason, since each part began.",
            width=8,
            names=["$tag_part"],
        ),
    ],
)

QUALITY = Dashboard(
    "atipico-quality",
    "Atipico: model quality",
    [
        Panel(
            "Scores",
            "timeseries",
            [_scores(f'percentile("score", {q})') for q in (50, 90, 99)],
            "How scores are spread: a drift shows here before it shows in alerts.",
            names=["p50", "p90", "p99"],
        ),
        Panel(
            "Flagged",
            "timeseries",
            [_scores('count("score")', '"anomalous" = true'), _scores('count("score")', '"scored" = false')],
            "Anomalies, and samples that could not be scored.",
            names=["anomalies", "not scored"],
        ),
        Panel(
            "Labels told",
            "timeseries",
            [f'SELECT count("label") FROM "labels" WHERE $timeFilter {_BY_TIME}, "told_by" fill(none)'],
            "How many labels came, by who told them. What they say of the model: atipico evaluate JOB.",
            names=["$tag_told_by"],
        ),
        Panel(
            "Anomalies among labels",
            "timeseries",
            [f'SELECT sum("label") FROM "labels" WHERE $timeFilter {_BY_TIME}, "source" fill(none)'],
            "How many of the labels said anomaly, by stream.",
            names=["$tag_source"],
        ),
        Panel(
            "Versions",
            "table",
            [_scores('distinct("version")', then="")],
            "Which versions of models scored in the time shown.",
            width=8,
        ),
        Panel(
            "Not scored, and why",
            "table",
            [_scores('"why", "version"', '"scored" = false', "ORDER BY time DESC LIMIT 50")],
            "What was wrong with samples that have no score.",
            width=16,
        ),
    ],
    [_JOB],
    since="now-6h",
)

DASHBOARDS = {"live": LIVE, "health": HEALTH, "quality": QUALITY}
