"""Job files: what a job may say, and what it is told when that is wrong."""

from __future__ import annotations

import re

import pytest

from atipico.config import home
from atipico.errors import Refused
from atipico.registry.jobs import load_job, load_jobs

MODEL = 'model = "m"\nstream = "s"\n[features]\nx = "x"\n'


@pytest.fixture
def job(tmp_path):
    """Reads a job from its text."""

    def job(text: str):
        path = tmp_path / "some.toml"
        path.write_text(text)
        return load_job(path)

    return job


def test_a_job_with_a_detector_has_its_fields_and_no_features(job):
    read = job(
        'stream = "pump"\ndetector = { gaussian = ["celsius", "rpm"], by = "pump", over = 64, least_spread = 0.5 }\n'
    )

    assert (read.model, read.features) == ("", ())
    assert read.detector.fields == ("celsius", "rpm")
    assert (read.detector.over, read.detector.by, read.detector.threshold) == (64, "pump", 0.999)
    assert dict(read.detector.settings) == {"least_spread": 0.5}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('stream = "s"\n', "model is missing, or a detector"),
        ('stream = "s"\nmodel = "m"\ndetector = { gaussian = "x", over = 9 }', "not both"),
        ('stream = "s"\ndetector = { gaussian = "x", over = 9 }\n[features]\nx = "x"', "features.* are for a model"),
        ('stream = "s"\ndetector = "gaussian"', r"needed a table such as \{ gaussian = "),
        ('stream = "s"\ndetector = { gausian = "x", over = 9 }', "did you mean 'gaussian'"),
        ('stream = "s"\ndetector = { gaussian = "x", trend = "x", over = 9 }', "just one kind, found gaussian, trend"),
        ('stream = "s"\ndetector = { gaussian = "x", over = "1h" }', "over = '1h'; a number of samples from 8 to 1000"),
        ('stream = "s"\ndetector = { gaussian = "x", over = 7 }', "over = 7; a number of samples from 8"),
        ('stream = "s"\ndetector = { gaussian = "x" }', "over = None"),
        ('stream = "s"\ndetector = { gaussian = "x", over = 9, threshold = 99 }', "threshold = 99; a share"),
        ('stream = "s"\ndetector = { gaussian = "x", over = 9, by = 3 }', "by = 3; a field's name"),
        ('stream = "s"\ndetector = { gaussian = ["x", "x"], over = 9 }', "twice"),
        ('stream = "s"\ndetector = { gaussian = [], over = 9 }', "a field's name was needed"),
        ('stream = "s"\ndetector = { gaussian = "x", over = 9, least = 1 }', "no setting 'least'"),
        ('stream = "s"\ndetector = { gaussian = "x", over = 9, least_spread = "1" }', "a number such as 0.0"),
        (MODEL + "y = 3", "feature y"),
        ('model = "m"\n[features]\nx = "x"', "stream is missing"),
        ('modl = "m"\n', "did you mean 'model'"),
        ('scores = "s"\n' + MODEL, "never ends"),
        (MODEL + '[labels]\nid = "x"\nstream = "s"', "labels need a stream of their own"),
        (MODEL + '[labels]\nid = "x"\nstream = "scores"', "labels need a stream of their own"),
    ],
)
def test_a_wrong_job_says_what_was_needed(job, text, why):
    with pytest.raises(Refused, match=why) as told:
        job(text)

    assert str(told.value).startswith("job some (")


def test_every_tracked_job_can_be_read():
    assert {"payments", "machine", "doctor"} <= load_jobs(home() / "jobs").keys()


def test_a_job_lists_its_sinks(job):
    read = job(
        'sinks = [{ file = "a.jsonl", only = "anomalous" }, { webhook = "http://h/in", timeout_s = 2 }]\n' + MODEL
    )

    assert [(sink.kind, sink.to, sink.only) for sink in read.sinks] == [
        ("file", "a.jsonl", "anomalous"),
        ("webhook", "http://h/in", "all"),
    ]
    assert len({sink.name for sink in read.sinks}) == 2


@pytest.mark.parametrize(
    ("sinks", "why"),
    [
        ('["file"]', r"needed a list of tables such as \[\{ file"),
        ('[{ fil = "a.jsonl" }]', "did you mean 'file'"),
        ('[{ file = "a.jsonl", webhook = "http://h" }]', "just one kind, found file, webhook"),
        ('[{ file = "a.csv" }]', "must end with .jsonl"),
        ("[{ file = 3 }]", "needed a text"),
        ('[{ file = "a.jsonl", only = "anomalies" }]', "did you mean 'anomalous'"),
        ('[{ file = "a.jsonl" }, { file = "a.jsonl" }]', "there twice"),
        ('[{ webhook = "ftp://h/in" }]', "http:// or https://"),
        ('[{ webhook = "https://me:secret@h/in" }]', "without a password"),
        ('[{ webhook = "https://h/in", timeout = 5 }]', "did you mean 'timeout_s'"),
        ('[{ webhook = "https://h/in", timeout_s = 0 }]', "timeout_s = 0"),
    ],
)
def test_a_wrong_sink_says_what_was_needed(job, sinks, why):
    with pytest.raises(Refused, match=why):
        job(f"sinks = {sinks}\n{MODEL}")


def test_how_late_a_sample_may_come_is_a_duration_of_an_hour_at_most(job):
    assert job(MODEL).allowed_late == 10 * 10**9
    assert job('allowed_late = "1m30s"\n' + MODEL).allowed_late == 90 * 10**9
    for wrong, told in {"90": "needed|unit", "2h": "at most 3600 s"}.items():
        with pytest.raises(Refused, match=told):
            job(f'allowed_late = "{wrong}"\n' + MODEL)


@pytest.mark.parametrize(
    ("engine", "more", "why"),
    [
        ("kapacitor", 'sinks = [{ file = "a.jsonl" }]\n', "sinks: engine 'kapacitor' has none"),
        ("polled", 'sinks = [{ file = "a.jsonl" }]\n', "sinks: engine 'polled' has none"),
    ],
)
def test_what_an_engine_would_not_do_is_refused(job, engine, more, why):
    with pytest.raises(Refused, match=re.escape(why)):
        job(f'engine = "{engine}"\n{more}{MODEL}')


def test_a_job_that_names_no_engine_is_for_that_of_the_environment(job, monkeypatch):
    monkeypatch.setenv("ATIPICO_ENGINE", "kapacitor")

    assert job(MODEL).engine == "kapacitor"
    assert job('engine = "embedded"\n' + MODEL).engine == "embedded"


def test_an_engine_that_is_none_is_told_the_nearest(job):
    assert job(MODEL).engine == "embedded"
    assert job('engine = "kapacitor"\n' + MODEL).engine == "kapacitor"
    with pytest.raises(Refused, match=r"'kapacitator'.*kapacitor"):
        job('engine = "kapacitator"\n' + MODEL)
