"""The client, beside a real store and a real classifier, each a process of its own."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pandas as pd
import pytest
import requests

import atipico
from atipico import Client
from atipico.client import Unknown
from atipico.errors import NotYet, Refused
from atipico.learn.register import register
from atipico.registry.shelf import open_shelf
from atipico.wire.sample import Sample, Score, outcome
from running_store import RunningStore, free_port
from trained import COLUMNS, small
from waiting import until

HOT = {"amount": 9.0, "speed": 0.0, "heat": 0.0}
CALM = {"amount": -1.0, "speed": 0.0, "heat": 0.0}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    running = RunningStore(tmp_path_factory.mktemp("store")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    register(small(), folder)
    (folder / "broken" / "1").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def classifier(shelf, tmp_path_factory):
    """The URL of a classifier that serves `small`."""
    port = free_port()
    code = (
        "import sys; from pathlib import Path; from atipico.classifier.app import run;"
        "run(int(sys.argv[1]), None, Path(sys.argv[2]))"
    )
    environment = {**os.environ, "ATIPICO_RUN": str(tmp_path_factory.mktemp("run"))}
    started = subprocess.Popen([sys.executable, "-c", code, str(port), str(shelf)], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: started.poll() is None and _answers(url))
        yield url
    finally:
        started.kill()
        started.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=1).ok
    except requests.RequestException:
        return False


@pytest.fixture
def client(store, classifier, tmp_path, monkeypatch):
    """A client of a new database."""
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))
    store.let_in(tmp_path)
    database = f"of {tmp_path.name}"
    client = Client(store.url, classifier, database)
    client.query(f'CREATE DATABASE "{database}"')
    return client


def test_rows_that_were_written_come_back_with_their_time_tags_and_types(client):
    first = time.time_ns()
    rows = [
        {"time": first, "shard": "1", "amount": 2.5, "card": 2**62 + 1, "ok": True, "note": "a b"},
        {"time": first + 1, "shard": "2", "amount": None, "card": None, "ok": False, "note": float("nan")},
    ]

    written = client.write(rows, "payments", tags=["shard"])
    frame = client.samples("payments")

    assert len(written) == 2
    assert str(frame["time"].dtype) == "datetime64[ns, UTC]"
    assert frame["time"].astype("int64").tolist() == [first, first + 1]
    assert frame["shard"].tolist() == ["1", "2"]
    assert frame["card"].tolist() == [2**62 + 1, pd.NA]
    assert frame["amount"].tolist()[0] == 2.5
    assert frame["amount"].isna().tolist() == [False, True]
    assert frame["ok"].tolist() == [True, False]
    assert frame["note"].tolist() == ["a b", None]


def test_exact_times_and_plain_rows_are_whole_nanoseconds(client):
    at = time.time_ns() // 1000 * 1000 + 789
    client.write({"amount": 1.0, "time": at}, "payments", tags={"shard": "1"})

    exact = client.query('SELECT "amount" FROM "payments"', exact=True)
    plain = client.rows('SELECT "amount" FROM "payments" GROUP BY *')

    assert exact["time"].tolist() == [at]
    assert exact["time"].dtype == np.int64
    assert plain == [{"shard": "1", "time": at, "amount": 1.0}]


def test_a_frame_that_was_read_can_be_written_again_and_is_the_same(client):
    client.write([{"amount": 1.5, "n": 3}, {"amount": 2.5, "n": 4}], "payments", tags={"shard": "1"})
    frame = client.samples("payments")

    client.write(frame, "again", tags=["shard"])

    pd.testing.assert_frame_equal(client.samples("again"), frame)


def test_samples_without_a_time_each_get_one_of_their_own(client):
    written = client.write([{"amount": float(at)} for at in range(7000)], "payments")

    times = [sample.time for sample in written.samples]

    assert times == sorted(set(times))
    assert client.query('SELECT count("amount") FROM "payments"')["count"].tolist() == [7000]


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 3, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2026-03-01T12:00:00.123456Z"),
        np.datetime64("2026-03-01T12:00:00.123456000", "ns"),
        1772366400123456000,
    ],
)
def test_a_time_is_the_same_moment_however_it_is_told(client, at):
    written = client.write({"amount": 1.0, "time": at}, "payments")

    assert [sample.time for sample in written.samples] == [1772366400123456000]


def test_a_frames_index_of_times_is_its_time(client):
    index = pd.date_range("2026-03-01", periods=3, freq="s", tz="UTC")

    written = client.write(pd.DataFrame({"amount": [1.0, 2.0, 3.0]}, index=index), "payments")

    assert [sample.time for sample in written.samples] == index.astype("int64").tolist()


def test_lines_are_written_as_they_are(client):
    client.write("payments,shard=1 amount=1.5 1700000000000000000\nmachine load=2i", database=client.database)

    assert client.streams() == ["machine", "payments"]
    assert client.query('SELECT * FROM "payments"', exact=True).to_dict("records") == [
        {"time": 1700000000000000000, "amount": 1.5, "shard": "1"}
    ]


@pytest.mark.parametrize(("first", "then", "kept"), [(1.5, 7, 7.0), (3, 7.0, 7)])
def test_a_number_takes_its_fields_type_where_that_loses_nothing(client, first, then, kept):
    client.write({"amount": first}, "payments")

    written = client.write({"amount": then}, "payments")

    assert [type(sample.fields["amount"]) for sample in written.samples] == [type(kept)]
    assert client.query('SELECT last("amount") FROM "payments"')["last"].tolist() == [kept]


def test_a_number_that_would_lose_something_is_refused_by_the_store(client):
    client.write({"amount": 3}, "payments")

    with pytest.raises(Refused, match="type"):
        client.write({"amount": 7.5}, "payments")


@pytest.mark.parametrize(
    ("what", "measurement", "told"),
    [
        ({"amount": 1.0}, "", "which stream"),
        ({"amount": None}, "payments", "row 0: it has no field"),
        ({"amount": 1.0, "time": datetime(2026, 3, 1)}, "payments", "has no zone"),
        ({"amount": 1.0, "time": 1.5}, "payments", "float"),
        ([{"amount": 1.0}, 7], "payments", "row 1 is of type int"),
        ({"amount": [1.0]}, "payments", "list"),
        ({"amount": float("inf")}, "payments", "inf"),
        (b"payments amount=1\nbroken", "", "line 2"),
        ("payments amount=1", "payments", "leave measurement="),
        (7, "payments", "int can't be written"),
        ([{"a": 1, "time": 5}, {"a": 2, "time": 6}, {"a": 3, "time": 5}], "x", "rows 0 and 2 .* the same time 5"),
    ],
)
def test_what_can_not_be_written_is_refused_with_its_place_and_nothing_is_written(client, what, measurement, told):
    with pytest.raises(Refused, match=told):
        client.write(what, measurement)

    assert client.streams() == []


def test_a_query_that_gives_nothing_has_no_rows_where_all_its_names_are_there(client):
    client.write({"amount": 1.0}, "payments")

    assert len(client.query('SELECT "amount" FROM "payments" WHERE "amount" > 2')) == 0
    assert len(client.samples("payments", last="1ns")) == 0
    assert "amount" in client.samples("payments", last="1ns").columns


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda client: client.samples("paymets"), "no stream 'paymets'.*did you mean 'payments'"),
        (lambda client: client.samples("other"), "no stream 'other'.*there are .*payments"),
        (lambda client: client.query('SELECT "amout" FROM "payments"'), "no field or tag 'amout'.*'amount'"),
        (lambda client: client.query('SELECT mean("amout") FROM "payments"'), "'amout'.*'amount'"),
        (lambda client: client.query('SELECT "amount", "spee" FROM "payments"'), "'spee'.*'speed'"),
        (lambda client: client.query('SELECT "amount" FROM "payments" WHERE "shrd" = \'1\''), "'shrd'.*'shard'"),
        (lambda client: client.rows('SELECT "amount" FROM "paymets"'), "'paymets'.*'payments'"),
        (lambda client: client.scores("payment"), "no job 'payment'.*did you mean 'payments'"),
        (lambda client: client.label("paymets", 1, 1), "'paymets'.*'payments'"),
        (lambda client: client.model("smal"), "'smal'.*'small'"),
        (lambda client: client.classify(HOT, "smal"), "'smal'.*'small'"),
        (lambda client: client.classify(HOT, "small@9"), "small@9"),
        (lambda client: client.query('SELECT "n" FROM "m"', database="nowhere"), "nowhere.*CREATE DATABASE"),
        (lambda client: client.write({"a": 1.0}, "x", database="nowhere"), "nowhere.*CREATE DATABASE"),
    ],
)
def test_a_name_that_is_not_there_gets_the_nearest_one(client, ask, told):
    client.write({"amount": 1.0, "speed": 2.0}, "payments", tags={"shard": "1"})
    client.write(outcome(Sample("payments", {}, {}, 1), Score.refused("-"), "payments"))

    with pytest.raises(Unknown, match=told):
        ask(client)


def test_a_keyword_that_is_no_name_is_told_to_stand_in_quotes(client):
    with pytest.raises(Refused, match='double quotes: "shard"'):
        client.query("SELECT amount FROM payments GROUP BY shard")


def test_several_statements_are_refused(client):
    with pytest.raises(Refused, match="2 statements at once"):
        client.query("SHOW DATABASES; SHOW DATABASES")


def test_series_of_several_measurements_lie_below_each_other_and_say_whose_they_are(client):
    client.write({"n": 1, "time": 10}, "a", tags={"shard": "1"})
    client.write({"n": 2, "time": 11}, "b", tags={"shard": "2"})

    frame = client.query('SELECT "n" FROM "a", "b" GROUP BY *')

    assert frame[["measurement", "shard", "n"]].to_numpy().tolist() == [["a", "1", 1], ["b", "2", 2]]


def score_of(sample: Sample, score: float, job: str = "payments") -> Sample:
    return outcome(sample, Score(score, 0.5, score >= 0.5, "small@1", True, "amount=9"), job)


def test_the_scores_of_a_job_are_its_own_with_the_samples_time_and_tags(client):
    written = client.write([{"amount": 1.0}, {"amount": 9.0}], "payments", tags={"shard": "1"})
    client.write([score_of(sample, score) for sample, score in zip(written.samples, (0.1, 1.0), strict=True)])
    client.write(score_of(Sample("machine", {"host": "h"}, {}, time.time_ns()), 0.2, "machine"))

    frame = client.scores("payments")

    assert list(frame.columns) == [
        *("time", "shard", "source", "score", "threshold", "anomalous", "version", "scored", "why")
    ]
    assert frame["time"].astype("int64").tolist() == [sample.time for sample in written.samples]
    assert frame["score"].tolist() == [0.1, 1.0]
    assert frame["anomalous"].tolist() == [False, True]
    assert sorted(client.jobs()[["job", "stream", "score"]].to_numpy().tolist()) == [
        ["machine", "machine", 0.2],
        ["payments", "payments", 1.0],
    ]


def test_waiting_gives_the_outcomes_of_just_the_samples_that_were_written(client):
    written = client.write([{"amount": 1.0}, {"amount": 9.0}], "payments", tags={"shard": "1"})
    beside = Sample("payments", {"shard": "2"}, {}, written.samples[0].time)
    client.write([score_of(beside, 0.9), score_of(written.samples[1], 0.8)])
    late = threading.Timer(0.3, lambda: client.write(score_of(written.samples[0], 0.1)))
    late.start()

    frame = client.wait_for_scores(written, timeout="20s")
    late.join()

    assert frame["time"].astype("int64").tolist() == [sample.time for sample in written.samples]
    assert frame["score"].tolist() == [0.1, 0.8]
    assert frame["job"].tolist() == ["payments", "payments"]


def test_an_outcome_that_is_seen_while_it_is_written_field_by_field_is_waited_for(client):
    written = client.write([{"amount": 1.0}], "payments")
    outcome = score_of(written.samples[0], 0.1)
    client.write(outcome._replace(fields={"version": outcome.fields["version"]}))
    half = client.scores("payments")
    rest = threading.Timer(0.3, lambda: client.write(outcome))
    rest.start()

    frame = client.wait_for_scores(written, timeout="20s")
    rest.join()

    assert written.samples[0].time not in half["time"].astype("int64").tolist()
    assert frame[["score", "anomalous"]].to_numpy().tolist() == [[0.1, False]]


def test_waiting_ends_at_its_deadline_and_says_how_many_are_missing(client):
    written = client.write([{"amount": 1.0}, {"amount": 9.0}], "payments")
    client.write(score_of(written.samples[0], 0.1))

    with pytest.raises(NotYet, match=r"1 of 2 samples have no outcome after 0.2 s.*payments"):
        client.wait_for_scores(written, timeout="200ms")
    with pytest.raises(NotYet, match=r"2 of 2 samples have no outcome of job 'other'"):
        client.wait_for_scores(written, "other", timeout="1ms")


def test_a_label_is_told_and_read_back(client):
    client.write([{"transaction_id": 7}, {"transaction_id": 8}], "payments")

    client.label("payments", 7, 1)
    client.label("payments", 8, False)

    assert client.labels("payments")[["told_by", "source", "id", "label"]].to_numpy().tolist() == [
        ["person", "payments", 7, 1],
        ["person", "payments", 8, 0],
    ]
    assert len(client.labels("machine")) == 0
    with pytest.raises(Refused, match="label 2: 1"):
        client.label("payments", 7, 2)


def test_a_row_some_rows_and_a_frame_are_scored_alike_and_as_the_model_itself_does(client, shelf):
    frame = pd.DataFrame([HOT, CALM, HOT], index=["a", "b", "c"]).assign(besides="text")[["besides", *COLUMNS[::-1]]]
    model = open_shelf(shelf).get("small")
    expected = model.score(frame[list(COLUMNS)].to_numpy()).tolist()

    one, several, table = (client.classify(rows, "small") for rows in (HOT, [HOT, CALM, HOT], frame))

    assert [result.score for result in several] == table["score"].tolist() == expected
    assert one == several[0] == (expected[0], True, model.threshold, "small@1")
    assert table.index.tolist() == ["a", "b", "c"]
    assert table["anomalous"].tolist() == [True, False, True]


def test_many_rows_go_in_several_requests_and_come_back_in_order(client, monkeypatch):
    frame = pd.DataFrame(np.random.default_rng(1).normal(0, 2, (5000, 3)), columns=list(COLUMNS))
    at_once = client.classify(frame, "small")
    monkeypatch.setattr("atipico.client.models._AT_ONCE", 1000)

    assert client.classify(frame, "small").equals(at_once)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"amount": 1.0, "speed": 1.0}, "no column 'heat' in row 0, which small@1 needs"),
        ({**CALM, "heat": float("nan")}, "row 0, heat = nan"),
        ({**CALM, "heat": None}, "row 0, heat = nan"),
        ({**CALM, "heat": 1e39}, "row 0, heat = 1e\\+39"),
        ({**CALM, "heat": "hot"}, "column 'heat'.*numbers were needed"),
        (pd.DataFrame([CALM, CALM]).assign(speed=[1.0, None]), "row 1, speed = nan"),
        (pd.DataFrame([CALM]).rename(columns={"heat": "het"}), "no column 'heat' in the DataFrame.*did you mean 'het'"),
    ],
)
def test_a_row_that_can_not_be_scored_is_refused_with_its_place(client, row, told):
    with pytest.raises(Refused, match=told):
        client.classify(row, "small")


def test_models_shows_what_is_served_and_why_others_are_not(client):
    table = client.models()

    assert table.loc["small@1", "columns"] == list(COLUMNS)
    assert table.loc["small@1", "refused"] == ""
    assert table.loc["broken@1", "refused"]
    assert client.model("small")["usual"].keys() == set(COLUMNS)


def test_status_shows_parts_by_what_they_wrote_themselves(client):
    now = time.time_ns() + 20 * 10**9  # so that it is not silent, however long this takes to ask
    fields = {"pid": 7, "started": now - 10**10, "samples_in": 5, "lost": 0}
    client.write(Sample("parts", {"part": "store"}, fields, now))
    client.write(Sample("parts", {"part": "agent"}, fields, now - 60 * 10**9))

    table = client.status()

    assert table["state"].to_dict() == {"store": "up", "agent": "silent"}
    assert table.loc["store", "up_s"] == 10.0


def test_a_service_that_is_down_is_told_with_the_cure():
    client = Client("http://127.0.0.1:1", "http://127.0.0.1:2")

    with pytest.raises(
        NotYet, match=r"store at http://127.0.0.1:1: Connection refused.*atipico up.*ATIPICO_STORE_PORT"
    ):
        client.query("SHOW DATABASES")
    with pytest.raises(NotYet, match=r"classifier at http://127.0.0.1:2.*ATIPICO_CLASSIFIER_PORT"):
        client.models()


def test_a_store_that_came_back_is_asked_again_without_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path / "none"))
    running = RunningStore(tmp_path).start()
    client = Client(running.url)
    client.write({"n": 1}, "m")

    running.kill()
    with pytest.raises(NotYet):
        client.streams()
    running.start()
    written = client.write({"n": 2}, "m")
    running.stop()

    assert len(written) == 1


def test_a_service_that_does_not_answer_in_time_is_told():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        client = Client(f"http://127.0.0.1:{silent.server_port}", timeout="100ms")

        with pytest.raises(NotYet, match=r"no answer in 0.1 s"):
            client.streams()


class Recorder(BaseHTTPRequestHandler):
    """Answers everything with 403 and remembers who asked."""

    seen: list[str]

    def do_POST(self) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        self.send_response(403)
        self.end_headers()

    def log_message(self, *words: object) -> None: ...


@pytest.mark.parametrize(("given", "sent"), [(None, "Token of-the-run-folder"), ("mine", "Token mine")])
def test_the_run_folders_token_goes_along_unless_another_is_given(tmp_path, monkeypatch, given, sent):
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))
    (tmp_path / "token").write_text("of-the-run-folder\n")
    (tmp_path / "token").chmod(0o600)
    seen: list[str] = []
    with HTTPServer(("127.0.0.1", 0), type("Handler", (Recorder,), {"seen": seen})) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        client = Client(f"http://127.0.0.1:{server.server_port}", token=given)

        with pytest.raises(Refused, match=r"403.*run/token"):
            client.streams()

    assert seen == [sent]


def test_the_run_folders_token_is_told_to_this_machine_only(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))
    (tmp_path / "token").write_text("secret-of-this-run\n")
    (tmp_path / "token").chmod(0o600)

    far = Client("http://influx.example:8086")
    near = Client("http://localhost:8086")

    assert "Authorization" not in far._store._session.headers
    assert near._store._session.headers["Authorization"] == "Token secret-of-this-run"


def test_the_ports_come_from_the_environment_as_those_of_the_parts_do(monkeypatch):
    monkeypatch.setenv("ATIPICO_STORE_PORT", "1234")
    monkeypatch.setenv("ATIPICO_CLASSIFIER_PORT", "1235")

    assert "127.0.0.1:1234" in repr(Client())
    assert "127.0.0.1:1235" in repr(Client())
    with pytest.raises(Refused, match=r"store_url.*http://HOST:PORT"):
        Client("influx:8086")


def test_without_pandas_only_tables_are_missing_and_the_cure_is_told(store, classifier, tmp_path):
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "import atipico\n"
        f"client = atipico.Client({store.url!r}, {classifier!r})\n"
        "client.write({'n': 1}, 'without'); print(client.rows('SELECT n FROM without')[0]['n'])\n"
        f"print(client.classify({HOT!r}, 'small').anomalous)\n"
        "try: client.samples('without')\n"
        "except atipico.errors.Refused as error: print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "ATIPICO_RUN": str(tmp_path)}
    )

    assert done.stdout.splitlines()[:2] == ["1", "True"], done.stderr
    assert "pip install pandas" in done.stdout


def test_importing_atipico_loads_neither_the_client_nor_what_it_needs():
    code = (
        "import atipico, sys; print([m for m in ('requests', 'numpy', 'pandas', 'atipico.client') if m in sys.modules])"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
    with pytest.raises(AttributeError):
        _ = atipico.Clint


def test_every_call_of_the_client_says_what_it_is_for():
    calls = [name for name, what in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")]

    assert calls
    assert not [name for name in calls if not inspect.getdoc(getattr(Client, name))]
