"""What comes over the network too large, too slowly, in odd names or for somebody else: bounded, refused in words."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from http.client import HTTPResponse

import psutil
import pytest
import requests

from atipico import connections
from atipico.bodies import bodies_first
from atipico.web import serve_metrics
from limits import no_more_files
from page_chain import Chain
from running_store import free_port
from waiting import until

SERVED = ("store", "classifier", "page")
SERVICES = (*SERVED, "metrics")
MANY = 300
GET = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /write?db=atipico HTTP/1.1\r\nHost: localhost\r\n"
HALF = {
    "nothing": b"",
    "half a head": GET,
    "half a body": POST + b"Content-Length: 100\r\n\r\nm v=1",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n100\r\nm v=1",
}


@pytest.fixture(scope="module")
def ports():
    """The ports of the three services as processes, and of a part's /metrics."""
    chain = Chain()
    try:
        chain.start(*SERVED)
        until(lambda: listens(chain.ports["classifier"]))
        metrics = free_port()
        serve_metrics("test", metrics)
        yield {**chain.ports, "metrics": metrics}
    finally:
        chain.close()


@contextmanager
def sent(port: int, data: bytes, times: int = 1):
    """Connections on which so much was sent, open while the block runs."""
    opened = []
    try:
        for _ in range(times):
            opened.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            opened[-1].sendall(data)
        yield opened
    finally:
        for one in opened:
            one.close()


def answer(port: int, data: bytes) -> tuple[int, str]:
    """Status and body of what is answered to these bytes."""
    with sent(port, data) as [connection], closing(HTTPResponse(connection)) as response:
        response.begin()
        return response.status, response.read().decode()


def asked(port: int, *headers: str, path: str = "/metrics", host: str = "localhost", method: str = "GET"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return answer(port, "\r\n".join([*lines, "", ""]).encode())


# ---------------------------------------------------------------- slow


@pytest.mark.parametrize("half", HALF)
@pytest.mark.parametrize("service", SERVED)
def test_many_requests_that_never_end_stop_nobody_else(ports, service, half):
    with sent(ports[service], HALF[half], MANY):
        for _ in range(3):
            assert asked(ports[service])[0] == 200


def test_bodies_that_were_read_where_requests_are_worked_on_would_stop_the_service():
    """The control: as many half bodies as threads."""
    port = free_port()
    code = (
        "from atipico import web; from prometheus_client import make_wsgi_app\n"
        "web.bodies_first = lambda app, most, at_once: app; web._CONNECTIONS = 4\n"
        "read = lambda environ, start: (environ['wsgi.input'].read(), make_wsgi_app()(environ, start))[1]\n"
        f"web.serve('test', read, '127.0.0.1', {port}, 4)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listens(port))
        assert asked(port)[0] == 200

        with sent(port, HALF["half a body"], 4), sent(port, GET + b"\r\n") as [other]:
            other.settimeout(2)
            with pytest.raises(TimeoutError):
                other.recv(1)
    finally:
        process.kill()
        process.wait(10)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the kernel tells of a silent connection on Linux only")
def test_a_connection_without_an_answer_is_ended_and_one_with_answers_is_not():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with sent(port, b"x", 2) as [silent, answered]:
            served = [listener.accept()[0] for _ in range(2)]
            peer = {one.getpeername(): one for one in served}
            ended = threading.Event()
            threading.Thread(target=connections.look, args=(port, 1.0, ended), daemon=True).start()

            def answers() -> None:
                while not ended.wait(0.1):
                    peer[answered.getsockname()].sendall(b"still here")

            threading.Thread(target=answers, daemon=True).start()
            try:
                assert silent.recv(1) == b""
                answered.settimeout(5)
                for _ in range(30):
                    assert answered.recv(10)
                silent_again = socket.create_connection(("127.0.0.1", port), timeout=10)
                served.append(listener.accept()[0])
                assert silent_again.recv(1) == b""
            finally:
                ended.set()
                for one in served:
                    one.close()


def test_while_no_descriptor_is_free_to_look_by_the_next_look_is_waited_for():
    with no_more_files():
        assert list(connections._connections(1)) == []


def test_bodies_that_fill_their_memory_are_told_to_come_again_and_those_that_fit_are_not():
    most, started, inside, going = 1000, [], threading.Event(), threading.Event()

    def app(environ, start_response):
        inside.set()
        going.wait(20)
        return [environ["wsgi.input"].read()]

    served = bodies_first(app, most, at_once=20)

    def ask(size: int) -> list[bytes]:
        import io

        environ = {"wsgi.input": io.BytesIO(bytes(size)), "CONTENT_LENGTH": str(size)}
        return list(served(environ, lambda status, headers: started.append((status, dict(headers)))))

    threads = [threading.Thread(target=ask, args=(most,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: sum(thread.is_alive() for thread in threads) == 8 and inside.is_set())
    until(lambda: ask_refused(ask, started))
    going.set()
    for thread in threads:
        thread.join(20)

    assert ask(most) == [bytes(most)]
    assert started[-1][0].startswith("503")
    assert int(started[-1][1]["Retry-After"]) >= 1


def ask_refused(ask, started) -> bool:
    """Whether a body of one byte finds no room; it is asked from a thread, because it waits where there is room."""
    thread = threading.Thread(target=ask, args=(1,), daemon=True)
    thread.start()
    thread.join(0.5)
    return bool(started)


# ---------------------------------------------------------------- large and deep


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X-Long: " + b"a" * 600_000 + b"\r\n\r\n",
        GET + b"".join(b"X-%d: 1\r\n" % number for number in range(500)) + b"\r\n",
        b"GET /" + b"a" * 600_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["a long header", "many headers", "a long address"],
)
@pytest.mark.parametrize("service", SERVED)
def test_a_huge_head_is_refused_and_the_service_goes_on(ports, service, head):
    assert answer(ports[service], head)[0] in (414, 431)
    assert asked(ports[service])[0] == 200


@pytest.mark.parametrize("body", [b"[" * 1_000_000, b'{"a":' * 500_000, b'{"rows":' + b"[" * 1_000_000])
@pytest.mark.parametrize("path", ["/", "/classify"])
def test_json_that_is_nested_deep_is_refused(ports, path, body):
    url = f"http://127.0.0.1:{ports['classifier']}{path}"

    told = requests.post(url, body, headers={"Content-Type": "application/json"}, timeout=20)

    assert told.status_code == 400
    assert 0 < len(told.json()["error"]) < 1000


@pytest.mark.parametrize("q", ["SELECT " + "(" * 5000 + "f", "SELECT f FROM m WHERE " + "f=1 OR " * 9000 + "f=1"])
def test_a_query_that_is_nested_deep_is_refused(ports, q):
    told = requests.post(f"http://127.0.0.1:{ports['store']}/query", {"db": "atipico", "q": q}, timeout=20)

    assert told.status_code == 400
    assert "error parsing query" in told.json()["error"]


def test_a_packed_body_that_would_unpack_to_a_gigabyte_is_refused_and_never_unpacked(ports):
    bomb = gzip.compress(b"\n" * 2**20) * 90 + gzip.compress(bytes(2**30), 9)[: 2**20]
    process = owner(ports["store"])
    before = process.memory_info().rss

    for _ in range(3):
        told = requests.post(
            f"http://127.0.0.1:{ports['store']}/write?db=atipico",
            bomb,
            headers={"Content-Encoding": "gzip"},
            timeout=30,
        )
        assert told.status_code == 413
        assert "Too Large" in told.json()["error"]

    assert process.memory_info().rss - before < 200 * 2**20


def owner(port: int) -> psutil.Process:
    """The process that listens on a port."""
    children = psutil.Process().children(recursive=True)
    [found] = [
        one for one in children if any(c.laddr.port == port and c.status == "LISTEN" for c in one.net_connections())
    ]
    return found


# ---------------------------------------------------------------- names

PATHS = ["..", ".", "../up", "../../../etc/passwd", "a/b", "/etc", "a\0b", "..\\up", "%2e%2e", "~", "-rf", "CON"]


@pytest.mark.parametrize("name", PATHS)
def test_a_database_of_any_name_is_a_folder_of_the_stores_own(tmp_path, name):
    from atipico.store.databases import Databases
    from atipico.store.settings import StoreSettings

    databases = Databases(StoreSettings(data=str(tmp_path / "data")))
    try:
        databases.create(name)
        databases.get(name).write(b"m v=1 1\n")

        assert databases.get(name).folder.parent == tmp_path / "data"
        assert [path.name for path in tmp_path.iterdir()] == ["data"]
    finally:
        databases.close()


@pytest.mark.parametrize("name", PATHS)
def test_a_model_of_such_a_name_is_not_known(ports, name):
    url = f"http://127.0.0.1:{ports['classifier']}"
    headers = {"Content-Type": "application/json"}

    told = [
        requests.get(f"{url}/models/{requests.utils.quote(name, safe='')}", timeout=10),
        requests.post(f"{url}/classify", b"{}", params={"model": name}, headers=headers, timeout=10),
    ]

    assert all(one.status_code in (404, 405) for one in told)


@pytest.mark.parametrize(
    "path", ["/static/../service.py", "/static/%2e%2e/service.py", "/static/..%2fservice.py", "//etc/passwd"]
)
def test_only_the_pages_own_files_are_served(ports, path):
    status, body = asked(ports["page"], path=path)

    assert status == 404
    assert "import" not in body


SQL = [
    '"',
    "'",
    "`",
    ";",
    "m; DROP TABLE m1; --",
    "x' OR '1'='1",
    '" FROM meta --',
    "a\0b",
    "\x7f",
    "sqlite_master",
    "t",
    "s",
    "f0",
]


@pytest.mark.parametrize("name", SQL)
def test_a_measurement_tag_and_field_of_any_name_are_only_names(ports, name):
    from atipico.wire.influxql.text import quoted
    from atipico.wire.lines import write
    from atipico.wire.sample import Sample

    url, at = f"http://127.0.0.1:{ports['store']}", 7
    sample = Sample(name, {f"tag {name}": name}, {name: 1.5, f"text {name}": name}, at)
    assert requests.post(f"{url}/write?db=atipico", write([sample]), timeout=10).status_code == 204

    q = f"SELECT * FROM {quoted(name)}; SHOW MEASUREMENTS"
    told = requests.post(f"{url}/query", {"db": "atipico", "epoch": "ns", "q": q}, timeout=10).json()["results"]

    [series] = told[0]["series"]
    row = dict(zip(series["columns"], series["values"][0], strict=True))
    assert row == {"time": at, name: 1.5, f"text {name}": name, f"tag {name}": name}
    assert [name] in told[1]["series"][0]["values"]


# ---------------------------------------------------------------- other sites


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "", "[::2]"]
)
def test_a_name_that_was_bound_to_this_machine_is_refused(ports, service, host):
    status, body = asked(ports[service], host=host)

    assert status == 403
    assert "loopback" in body


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "header",
    [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: http://localhost:1",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_a_page_of_another_site_asks_is_refused(ports, service, header, method):
    status, body = asked(ports[service], header, "Content-Length: 0", method=method)

    assert status == 403
    assert "another site" in body


@pytest.mark.parametrize("service", SERVICES)
def test_programs_people_and_our_own_pages_are_answered(ports, service):
    own = f"localhost:{ports[service]}"

    for header in ("X-None: 1", "Sec-Fetch-Site: none", "Sec-Fetch-Site: same-origin", f"Origin: http://{own}"):
        assert asked(ports[service], header, host=own)[0] == 200


LINK = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")


def test_a_link_leads_to_the_page_and_to_nothing_that_acts(ports):
    done = "/log?db=atipico&measurement=m&reader=r&done=9000000000000000000"

    assert asked(ports["page"], *LINK, path="/")[0] == 200
    assert asked(ports["page"], *LINK[:2], "Sec-Fetch-Dest: iframe", path="/")[0] == 403
    assert asked(ports["store"], *LINK, path=done)[0] == 403
    assert asked(ports["store"], path=done)[0] == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_of_any_kind_scores_nothing(ports, kind):
    """Those are the kinds that a page of another site may send without being asked back."""
    url = f"http://127.0.0.1:{ports['classifier']}"

    told = [requests.post(url + path, b"{}", headers={"Content-Type": kind}, timeout=10) for path in ("/", "/classify")]

    assert [one.status_code for one in told] == [415, 415]


def test_more_connections_to_metrics_than_it_has_are_closed_and_it_goes_on(ports):
    with sent(ports["metrics"], GET, 40) as opened:
        deadline = time.monotonic() + 5
        closed = 0
        for connection in opened[16:]:
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            closed += connection.recv(1) == b""
        assert closed == 24

    until(lambda: answers_metrics(ports["metrics"]))


def answers_metrics(port: int) -> bool:
    try:
        return asked(port)[0] == 200
    except OSError:
        return False
