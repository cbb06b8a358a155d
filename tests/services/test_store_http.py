"""The store over HTTP: InfluxDB's ways, its words, and what it lets in."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time

import orjson
import pytest
import requests

from atipico import config, secret
from atipico.store.api import create_app
from atipico.store.databases import Databases
from atipico.store.settings import StoreSettings
from running_store import RunningStore
from waiting import until


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes an application with the settings that are given; gives its test client and its databases."""
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path / "run"))
    opened: list[Databases] = []

    def made(**given):
        settings = StoreSettings(data=str(tmp_path / "data"), **given)
        opened.append(Databases(settings))
        return create_app(opened[-1], settings).test_client(), opened[-1].get("atipico")

    yield made
    for databases in opened:
        databases.close()


@pytest.fixture
def client(made):
    return made()[0]


def write(client, body, path="/write?db=atipico", **headers):
    return client.post(path, data=body, headers=headers)


def lines(client, measurement: str, **more) -> bytes:
    answer = client.get("/log", query_string={"db": "atipico", "measurement": measurement, "offset": "first", **more})
    assert answer.status_code == 200
    return answer.data


def test_it_answers_as_influxdb_does(client):
    for ask in (client.get, client.head):
        answer = ask("/ping")
        assert answer.status_code == 204
        assert answer.headers["X-Influxdb-Version"].startswith("1.8")
        assert answer.headers["X-Influxdb-Build"] == "atipico"
    assert client.get("/health").json["status"] == "pass"
    assert b"atipico_lost_total" in client.get("/metrics").data


def test_what_is_not_there_is_told_in_json(client):
    assert client.get("/nothing").status_code == 404
    assert client.get("/nothing").json == {"error": "Not Found: GET /nothing"}
    assert client.get("/write").status_code == 405
    assert client.get("/api/v2/nothing").json["code"] == "not found"


def test_a_good_body_is_answered_204_and_a_bad_line_as_influxdb_says_it(client):
    good = write(client, b"cpu,host=a v=1 1\ncpu v=2 2\n")
    partly = write(client, b"cpu v=3 3\nbad\ncpu v=4 4\n")
    conflict = write(client, b"cpu v=5 5\ncpu v=6i 6\n")
    wholly = write(client, b"bad\n")

    assert (good.status_code, good.data) == (204, b"")
    assert partly.status_code == conflict.status_code == wholly.status_code == 400
    assert partly.json == {"error": "partial write: unable to parse 'bad': missing fields dropped=0"}
    what = 'input field "v" on measurement "cpu" is type integer, already exists as type float'
    assert conflict.json == {"error": f"partial write: field type conflict: {what} dropped=1"}
    assert conflict.headers["X-Influxdb-Error"] == conflict.json["error"]
    assert wholly.json == {"error": "unable to parse 'bad': missing fields"}
    assert [line.split()[-1] for line in lines(client, "cpu").splitlines()] == [b"1", b"2", b"3", b"4", b"5"]


@pytest.mark.parametrize("bad", [b"foo\rX-Evil: 1\r", b"foo\x00\x1b", "ñ".encode(), b"\xff\xfe"])
def test_a_refused_line_with_odd_bytes_is_refused_like_any_other(client, bad):
    answer = write(client, b"cpu v=1 1\n" + bad + b"\n")

    assert answer.status_code == 400
    assert answer.json["error"].startswith("partial write: unable to parse 'foo" if b"foo" in bad else "partial write")
    assert len(lines(client, "cpu").splitlines()) == 1


@pytest.mark.parametrize("body", [b"", b"\n", b"# nothing\n"])
def test_a_body_that_says_nothing_is_well(client, body):
    assert write(client, body).status_code == 204


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/write?db=nope", 404, 'database not found: "nope"'),
        ("/write", 400, "database is required"),
        ("/write?db=atipico&precision=x", 400, 'invalid precision "x" (use n, u, ms, s, m or h)'),
        ("/write?db=atipico&rp=nope", 400, "retention policy not found: nope"),
    ],
)
def test_a_write_to_nowhere_is_refused(client, path, status, error):
    answer = write(client, b"m v=1 1", path)

    assert (answer.status_code, answer.json) == (status, {"error": error})


@pytest.mark.parametrize(
    ("precision", "unit"),
    {
        "": 1,
        "n": 1,
        "ns": 1,
        "u": 10**3,
        "us": 10**3,
        "ms": 10**6,
        "s": 10**9,
        "m": 6 * 10**10,
        "h": 36 * 10**11,
    }.items(),
)
def test_times_are_in_the_precision_of_the_request(client, precision, unit):
    assert write(client, b"m v=1 12", f"/write?db=atipico&precision={precision}&consistency=all").status_code == 204

    assert lines(client, "m") == (b"m v=1 12\n" if unit == 1 else b"m v=1.0 %d\n" % (12 * unit))


def test_a_packed_body_is_unpacked_within_the_bound(made):
    client, _ = made(body=10_000)

    def send(data: bytes):
        return write(client, data, **{"Content-Encoding": "gzip"})

    assert send(gzip.compress(b"m v=1 1\n") + gzip.compress(b"m v=2 2\n")).status_code == 204
    assert lines(client, "m") == b"m v=1 1\nm v=2 2\n"
    assert send(gzip.compress(b"m v=1 1\n" * 100_000)).status_code == 413
    assert send(b"m v=1 1\n").status_code == 400
    assert send(gzip.compress(b"m v=3 3\n")[:-5]).json == {"error": "unexpected EOF"}
    assert send(gzip.compress(b"") * 300).status_code == 400
    assert lines(client, "m") == b"m v=1 1\nm v=2 2\n"


def test_a_body_over_the_bound_is_refused_whole(made):
    client, _ = made(body=1000)

    answer = write(client, b"m v=1 1\n" * 126)

    assert answer.status_code == 413
    assert answer.json["error"].startswith("Request Entity Too Large")
    assert lines(client, "m") == b""
    assert write(client, b"m v=1 1\n" * 125).status_code == 204


def test_v2_writes_with_its_own_words(client):
    good = write(client, b"m v=1 7\n", "/api/v2/write?org=any&bucket=atipico/autogen&precision=us")
    unknown = write(client, b"m v=1 7\n", "/api/v2/write?org=any&bucket=nope&precision=ns")
    bad = write(client, b"m v=1 7\nbad\n", "/api/v2/write?bucket=atipico")
    unit = write(client, b"m v=1 7\n", "/api/v2/write?bucket=atipico&precision=h")

    assert good.status_code == 204
    assert lines(client, "m").splitlines()[0] == b"m v=1.0 7000"
    assert (unknown.status_code, unknown.json["code"]) == (404, "not found")
    assert (bad.status_code, bad.json["code"]) == (400, "invalid")
    assert bad.json["message"] == "partial write: unable to parse 'bad': missing fields dropped=0"
    assert unit.json["message"] == 'invalid precision "h" (use ns, us, ms or s)'


def test_a_line_of_ten_megabytes_is_refused_alone(client):
    answer = write(client, b'a v=1 1\nb s="' + b"x" * 10 * 2**20 + b'" 2\na v=2 3\n')

    assert answer.status_code == 400
    assert len(answer.data) < 1000
    assert lines(client, "a") == b"a v=1.0 1\na v=2 3\n"


# ---------------------------------------------------------------- the log


def test_the_log_is_read_on_from_where_one_was(made):
    client, database = made()
    for number in range(20):
        write(client, b"a v=%d 1\nb v=1 1\n" % number)

    offset, found = "first", []
    while True:
        answer = client.get(f"/log?db=atipico&measurement=a&offset={offset}&limit=30")
        if not answer.data:
            break
        found += answer.data.splitlines()
        offset = answer.headers["X-Atipico-Next"]

    assert found == [b"a v=%d.0 1" % number for number in range(20)]
    assert int(offset) == int(answer.headers["X-Atipico-End"]) == database.log.end


def test_a_reader_waits_for_its_own_measurement_and_no_longer_than_it_said(client):
    write(client, b"a v=1 1\n")
    end = client.get("/log?db=atipico&measurement=a&offset=first").headers["X-Atipico-Next"]
    answers = []
    begun = time.monotonic()
    reader = threading.Thread(
        target=lambda: answers.append(client.get(f"/log?db=atipico&measurement=a&offset={end}&wait=20"))
    )
    reader.start()
    for number in range(5):
        write(client, b"b v=%d 1\n" % number)
    write(client, b"a v=2 2\n")
    reader.join(20)

    assert [answer.data for answer in answers] == [b"a v=2 2\n"]
    assert time.monotonic() - begun < 15

    late = client.get(f"/log?db=atipico&measurement=nothing&offset={end}&wait=0.05")
    assert (late.status_code, late.data) == (200, b"")
    assert late.headers["X-Atipico-Next"] == late.headers["X-Atipico-End"]


def test_an_offset_that_is_not_in_the_log_is_gone(made):
    client, database = made()
    write(client, b"a v=1 1\n")

    for offset in (0, database.log.oldest + 1, database.log.end + 1):
        answer = client.get(f"/log?db=atipico&measurement=a&offset={offset}")
        assert answer.status_code == 410
        assert (answer.json["oldest"], answer.json["end"]) == (database.log.oldest, database.log.end)
        assert "error" in answer.json


@pytest.mark.parametrize("query", ["offset=x", "offset=-1", "limit=much", "wait=nan", "reader=r&done=1e5"])
def test_a_question_to_the_log_that_makes_no_sense_is_refused(client, query):
    assert client.get(f"/log?measurement=m&db=atipico&{query}").status_code == 400
    assert client.get(f"/log?measurement=m&db=nope&{query}").status_code == 404
    assert client.get(f"/log?db=atipico&{query}").status_code == 400


def test_the_log_remembers_who_reads_it(made):
    client, database = made()

    client.get(f"/log?db=atipico&measurement=m&offset=first&reader=host&done={database.log.end}")

    assert [tuple(reader) for reader in database.readers.all()] == [("host", "m", database.log.end)]


# ---------------------------------------------------------------- who may


def test_a_writer_faster_than_its_reader_is_told_when_to_come_again(made):
    client, database = made(unread=1000)
    client.get("/log?db=atipico&measurement=m&reader=host.job&done=0&offset=first")
    body = b"".join(b"m v=%d %d\n" % (number, number) for number in range(300))

    answers = [write(client, body) for _ in range(3)]

    assert [one.status_code for one in answers] == [204, 503, 503]
    assert int(answers[1].headers["Retry-After"]) >= 1
    assert "host.job is more than 1000 bytes" in answers[1].json["error"]
    client.get(f"/log?db=atipico&measurement=m&reader=host.job&done=0&offset={database.log.end}")
    assert write(client, body).status_code == 204


def test_a_reader_that_says_nonsense_spoils_the_log_for_nobody(client):
    ask = {"db": "atipico", "measurement": "cpu"}

    nonsense = client.get("/log", query_string={**ask, "reader": "fool", "done": "9" * 25})
    other = client.get("/log", query_string={**ask, "reader": "host", "done": 5})

    assert (nonsense.status_code, other.status_code) == (400, 200)


def test_on_loopback_a_page_of_another_site_may_not_write(client):
    evil = write(client, b"m v=1 1", Origin="http://evil.example")
    own = write(client, b"m v=1 1", Origin="http://localhost")
    none = write(client, b"m v=1 1", Origin="http://evil.example=1]=1")
    dropped = client.post("/query?q=DROP%20DATABASE%20atipico", headers={"Origin": "http://evil.example"})

    assert evil.status_code == none.status_code == dropped.status_code == 403
    assert own.status_code == 204
    assert lines(client, "m") == b"m v=1 1\n"


def test_bound_elsewhere_writing_needs_the_token_and_reading_does_not(made, tmp_path):
    client, _ = made(host="0.0.0.0")
    path = tmp_path / "run" / "token"
    token = path.read_text().strip()

    def status(**headers) -> int:
        return write(client, b"m v=1 1", **headers).status_code

    basic = base64.b64encode(f"anyone:{token}".encode()).decode()
    assert path.stat().st_mode & 0o077 == 0
    assert status() == status(Authorization="Token wrong") == status(Authorization="Basic xxxx") == 401
    assert status(Authorization=f"Token {token}") == status(Authorization=f"Basic {basic}") == 204
    assert write(client, b"m v=1 1", f"/write?db=atipico&u=any&p={token}").status_code == 204
    assert write(client, b"m v=1 1", "/api/v2/write?bucket=atipico").json["code"] == "unauthorized"
    dropped = client.post("/query?q=DROP%20DATABASE%20atipico").json["results"][0]
    assert "read only" in dropped["error"]
    assert lines(client, "m") != b""


LABEL = b"labels,source=m id=1i,label=1i 1"


@pytest.mark.parametrize("line", [LABEL, b"my_labels id=1i,label=1i 1", b"  " + LABEL, b"m v=1 1\nm v=2 2\n" + LABEL])
@pytest.mark.parametrize("path", ["/write?db=atipico", "/api/v2/write?bucket=atipico"])
def test_labels_are_told_by_who_knows_the_token_on_loopback_too(made, tmp_path, line, path):
    client, _ = made()
    secret.make(tmp_path / "run" / "token")
    token = secret.read(tmp_path / "run" / "token")

    refused = [write(client, line, path, **headers) for headers in ({}, {"Authorization": "Token wrong"})]
    before = [lines(client, name) for name in ("m", "labels", "my_labels")]
    taken = write(client, line, path, Authorization=f"Token {token}")

    assert [answer.status_code for answer in refused] == [401, 401]
    assert b"labels are told by who knows the token" in refused[0].data
    assert before == [b"", b"", b""], "nothing of it is taken"
    assert taken.status_code == 204


def test_labels_by_a_password_as_influxdbs_clients_send_it(made, tmp_path):
    client, _ = made()
    secret.make(tmp_path / "run" / "token")
    token = secret.read(tmp_path / "run" / "token")

    assert write(client, LABEL, f"/write?db=atipico&u=any&p={token}").status_code == 204
    assert write(client, LABEL, "/write?db=atipico&u=any&p=wrong").status_code == 401


def test_without_a_token_nobody_tells_labels_and_samples_go_on(made):
    client, _ = made()

    assert write(client, LABEL, Authorization="Token ").status_code == 401
    assert write(client, b'm v=1,why="the labels" 1').status_code == 204
    assert lines(client, "m") == b'm v=1,why="the labels" 1\n'


def test_a_failure_within_is_told_without_its_trace(made, monkeypatch):
    client, database = made()
    monkeypatch.setattr(database, "write", lambda *_: 1 / 0)

    answer = write(client, b"m v=1 1")

    assert answer.status_code == 500
    assert answer.json == {"error": "internal error: ZeroDivisionError; see the store's log"}


def test_the_settings_file_tells_the_defaults():
    text = (config.PACKAGE / "store" / "config.toml").read_text()
    shown = {line.lstrip("# ").split(" = ")[0] for line in text.splitlines() if " = " in line}

    assert shown == set(StoreSettings.model_fields)
    assert config.load(StoreSettings).model_dump() == StoreSettings.model_construct().model_dump()


# ---------------------------------------------------------------- a process of its own


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = RunningStore(tmp_path_factory.mktemp("store")).start()
    yield store
    assert store.stop() == 0


def test_the_official_client_writes_and_is_told_what_was_wrong(store):
    from influxdb_client import InfluxDBClient, Point
    from influxdb_client.client.write_api import SYNCHRONOUS
    from influxdb_client.rest import ApiException

    for packed in (False, True):
        with InfluxDBClient(store.url, token="any", org="any", enable_gzip=packed) as client:
            writer = client.write_api(write_options=SYNCHRONOUS)
            tags = Point("client").tag("a b", "c,d").field("i", 5).field("f", 1.5)
            writer.write("atipico", record=[tags.field("s", 'x "y" \\').time(7 + packed)])
            with pytest.raises(ApiException) as refused:
                writer.write("atipico", record="client i=1.5 9")
            assert orjson.loads(refused.value.body)["message"].endswith("dropped=1")
            with pytest.raises(ApiException) as unknown:
                writer.write("nope", record="client i=1i 9")
            assert unknown.value.status == 404

    assert store.query('SELECT "i", "f", "s" FROM "client"') == [[7 + n, 5, 1.5, 'x "y" \\'] for n in (0, 1)]


def test_a_body_without_a_length_is_read_to_its_end(store):
    def pieces():
        for number in range(100):
            yield b"chunked v=1 %d\n" % number

    assert requests.post(f"{store.url}/write?db=atipico", data=pieces(), timeout=30).status_code == 204
    assert store.query('SELECT count("v") FROM "chunked"')[0][1] == 100
    too_much = (b"x" * 2**20 for _ in range(26))
    assert requests.post(f"{store.url}/write?db=atipico", data=too_much, timeout=30).status_code == 413


LINES = b"".join(b"cut v=%d 17000000000000000%02d\n" % (number, number) for number in range(50))
WITH_LENGTH = b"Content-Length: %d\r\n\r\n" % len(LINES)
IN_CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(LINES)


@pytest.mark.parametrize(
    ("head", "sent"),
    [(WITH_LENGTH, 700), (WITH_LENGTH, LINES.index(b"\n") + 1), (IN_CHUNKS, 700)],
    ids=["in a line", "between lines", "in a chunk"],
)
def test_a_write_whose_connection_is_cut_in_its_midst_brings_no_line_that_was_never_written(store, head, sent):
    with socket.create_connection(("127.0.0.1", store.port)) as client:
        client.sendall(b"POST /write?db=atipico HTTP/1.1\r\nHost: localhost\r\n" + head + LINES[:sent])
        client.shutdown(socket.SHUT_WR)
        client.settimeout(30)
        answer = client.recv(65536)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert store.query('SELECT "v" FROM "cut"') == []


def test_a_store_that_is_stopped_does_not_wait_for_those_who_wait(tmp_path):
    store = RunningStore(tmp_path).start()
    url = f"{store.url}/log?db=atipico&measurement=m&offset=first&wait=30"
    answers = []
    reader = threading.Thread(target=lambda: answers.append(requests.get(url, timeout=40)))
    begun = time.monotonic()
    reader.start()
    until(lambda: 'what="readers waiting"} 1.0' in requests.get(f"{store.url}/metrics", timeout=5).text)

    assert store.stop() == 0
    reader.join(10)

    assert time.monotonic() - begun < 20
    assert [answer.status_code for answer in answers] == [200]


def test_another_host_name_is_refused(store):
    answer = requests.get(f"{store.url}/ping", headers={"Host": "evil.example"}, timeout=30)

    assert answer.status_code == 403
