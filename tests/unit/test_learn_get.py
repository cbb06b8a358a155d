"""Getting data: whole and the right ones or not at all, gone on with after a break, clear words when nobody answers."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from atipico.errors import NotYet, Refused
from atipico.learn.get import fetch
from atipico.learn.places import Get
from atipico.learn.progress import unseen
from atipico.learn.recipe import read_recipe
from learning import Bars

CREDITCARD = Path(__file__).parents[2] / "data/creditcard/learn.toml"
DATA = b"a,b\n" + b"".join(b"%d,%d\n" % (at, at * at) for at in range(50_000))
SHA = hashlib.sha256(DATA).hexdigest()
ARFF = """% a comment
@relation 'credit card'
@ATTRIBUTE Time NUMERIC
@attribute 'the amount' real
@attribute Class {'0','1'}

@DATA
0,149.62,'0'
% another
1.5,?,'1'
"""


class Far:
    """A server on this machine. breaks: after so many bytes of each answer the connection ends."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []  # path, range
        self.breaks: int | None = None
        self.ranges = True
        self.packed = False  # whether it packs what it sends, asked for or not
        self.elsewhere: dict[str, str] = {}  # path -> where it has gone
        self.says: dict[str, dict[str, object]] = {}  # path -> what it says with a 412, as OpenML does
        self.url = ""


@pytest.fixture
def far() -> Iterator[Far]:
    there = Far()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            there.asked.append((self.path, wanted))
            body, status = there.files.get(self.path), 200
            if self.path in there.elsewhere:
                self.send_response(302)
                self.send_header("Location", there.elsewhere[self.path])
                return self.end_headers()
            if self.path in there.says:
                self.send_response(412)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.end_headers()
                return self.wfile.write(json.dumps(there.says[self.path]).encode())
            if body is None:
                return self.send_error(404)
            body = gzip.compress(body) if there.packed else body
            if wanted and there.ranges:
                body, status = body[int(wanted.removeprefix("bytes=").removesuffix("-")) :], 206
                if not body:
                    return self.send_error(416)
            self.send_response(status)
            if there.packed:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: there.breaks])

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
    yield there
    server.shutdown()
    server.server_close()


def asked(far: Far, **settings) -> Get:
    """A `[get]` for /data.csv, whose bytes are DATA unless the test says otherwise."""
    far.files.setdefault("/data.csv", DATA)
    return Get.model_validate({"to": "data.csv", "url": f"{far.url}/data.csv", "sha256": SHA, **settings})


def get(what: Get, folder: Path) -> bytes:
    return fetch(what, folder, unseen).read_bytes()


def test_a_file_comes_whole_and_leaves_nothing_beside_it(far, tmp_path):
    assert get(asked(far), tmp_path) == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


def test_where_the_connection_broke_the_next_try_goes_on(far, tmp_path):
    far.breaks = 100_000
    with pytest.raises(NotYet, match="the connection broke"):
        get(asked(far), tmp_path)
    assert not (tmp_path / "data.csv").exists()
    far.breaks = None

    assert get(asked(far), tmp_path) == DATA

    assert far.asked == [("/data.csv", ""), ("/data.csv", "bytes=65536-")]  # whole blocks are kept


def test_a_server_that_can_not_go_on_is_asked_for_all_of_it(far, tmp_path):
    far.breaks, far.ranges = 100_000, False
    with pytest.raises(NotYet):
        get(asked(far), tmp_path)
    far.breaks = None

    assert get(asked(far), tmp_path) == DATA


def test_the_halves_of_two_files_are_not_taken_for_one(far, tmp_path):
    far.files["/data.csv"], far.breaks = DATA.replace(b"1", b"7"), 100_000
    with pytest.raises(NotYet):
        get(asked(far), tmp_path)
    far.files["/data.csv"], far.breaks = DATA, None

    assert get(asked(far), tmp_path) == DATA


def test_another_file_than_the_one_that_was_meant_is_refused_and_the_old_one_stays(far, tmp_path):
    (tmp_path / "data.csv").write_bytes(b"old")
    far.files["/data.csv"] = DATA + b"0,0\n"

    with pytest.raises(Refused, match=f"its sha256 is .*, needed {SHA}"):
        get(asked(far), tmp_path)

    assert (tmp_path / "data.csv").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


def test_no_more_than_is_allowed_is_taken(far, tmp_path):
    with pytest.raises(Refused, match=f"{len(DATA)} bytes, at most 1024 are taken; raise \\[get\\] most"):
        get(asked(far, most="1KiB"), tmp_path)

    assert not list(tmp_path.iterdir())


def test_what_is_not_there_is_refused_and_who_does_not_answer_is_waited_for(far, tmp_path):
    with pytest.raises(Refused, match="answered 404"):
        get(asked(far, url=f"{far.url}/other.csv"), tmp_path)
    by_hand = r"is this machine online\?.*\nor get it by hand: put it there as .*, or give it with --data"
    with pytest.raises(NotYet, match=by_hand):
        get(asked(far, url="http://127.0.0.1:9/data.csv"), tmp_path)


def test_a_file_that_has_gone_elsewhere_is_got_there_and_gone_on_with(far, tmp_path):
    far.elsewhere["/old.csv"] = f"{far.url.replace('127.0.0.1', 'localhost')}/data.csv"
    far.breaks = 100_000
    with pytest.raises(NotYet):
        get(asked(far, url=f"{far.url}/old.csv"), tmp_path)
    far.breaks = None

    assert get(asked(far, url=f"{far.url}/old.csv"), tmp_path) == DATA

    assert far.asked[-2:] == [("/old.csv", "bytes=65536-"), ("/data.csv", "bytes=65536-")]


def test_a_server_that_packs_what_it_sends_is_understood_and_its_length_is_not_taken_for_the_files(far, tmp_path):
    far.packed, bars = True, Bars()

    assert fetch(asked(far), tmp_path, bars).read_bytes() == DATA

    assert (bars.seen["bytes"].at[-1], bars.seen["bytes"].total) == (len(DATA), None)


def test_a_page_in_place_of_the_file_is_seen_in_the_error(far, tmp_path):
    far.files["/data.csv"] = b"<!DOCTYPE html>\n<html>we are being mended</html>"

    with pytest.raises(Refused, match="it begins with '<!DOCTYPE html> <html>we are being mended"):
        get(asked(far), tmp_path)


@pytest.mark.parametrize("change", [{}, {"url": "http://x/y"}, {"path": "a", "openml": 3}])
def test_a_source_is_named_once_and_one_from_the_network_with_its_hash(change):
    with pytest.raises(ValueError, match=r"needed one of path, url, openml, world|needs the sha256"):
        Get.model_validate({"to": "data.csv", **change})


def test_a_file_of_this_machine_is_copied_when_it_is_the_right_one(tmp_path):
    (tmp_path / "there.csv").write_bytes(DATA)

    assert get(Get.model_validate({"to": "data.csv", "path": "there.csv", "sha256": SHA}), tmp_path) == DATA
    with pytest.raises(Refused, match="its sha256 is"):
        get(Get.model_validate({"to": "data.csv", "path": "there.csv", "sha256": "0" * 64}), tmp_path)
    with pytest.raises(Refused, match=r"not\.csv is not there"):
        get(Get.model_validate({"to": "data.csv", "path": "not.csv"}), tmp_path)


def described(far: Far, arff: str, **told) -> Get:
    """Data set 7 of an OpenML on this machine."""
    far.files["/download/7.arff"] = arff.encode()
    about = {"url": f"{far.url}/download/7.arff", "md5_checksum": hashlib.md5(arff.encode()).hexdigest(), **told}
    far.files["/api/v1/json/data/7"] = json.dumps({"data_set_description": {"format": "ARFF", **about}}).encode()
    return Get.model_validate({"to": "seven.csv", "openml": 7})


def test_a_data_set_of_openml_becomes_a_csv(far, tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_OPENML", far.url)

    rows = get(described(far, ARFF), tmp_path).decode().splitlines()

    assert rows == ["Time,the amount,Class", "0,149.62,0", "1.5,,1"]
    assert [path.name for path in tmp_path.iterdir()] == ["seven.csv"]


def test_a_file_without_any_text_becomes_a_csv_and_both_its_halves_are_counted(far, tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_OPENML", far.url)
    arff, bars = ARFF.replace("'0'", "0").replace("'1'", "1"), Bars()

    rows = fetch(described(far, arff, id="7", version="2"), tmp_path, bars).read_text().splitlines()

    assert rows[1:] == ["0,149.62,0", "1.5,,1"]
    assert bars.seen["bytes"].at[-1] == bars.seen["bytes"].total == bars.seen["as CSV"].total == len(arff)
    assert 0 < bars.seen["as CSV"].at[-1] < len(arff)  # its head is read before


def test_what_openml_says_of_a_data_set_that_it_does_not_have_is_told(far, tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_OPENML", far.url)
    far.says["/api/v1/json/data/7"] = {"error": {"code": "111", "message": "Unknown dataset"}}

    with pytest.raises(Refused, match=r"data/7 answered 412 Precondition Failed: .*Unknown dataset"):
        get(Get.model_validate({"to": "seven.csv", "openml": 7}), tmp_path)


def test_the_bound_lets_the_card_payments_of_openml_pass():
    found = read_recipe(CREDITCARD).get

    assert found.openml
    assert found.most > 160_000_000  # the ARFF of its 284,807 payments has 150 MB


@pytest.mark.parametrize(
    ("arff", "told", "why"),
    [
        (ARFF, {"md5_checksum": "0" * 32}, "its md5 is"),
        (ARFF, {"format": "Sparse_ARFF"}, "only ARFF over HTTP is read"),
        (ARFF.replace("0,149.62,'0'", "{0 1, 2 '1'}"), {}, "its rows are sparse"),
        (ARFF.replace("0,149.62,'0'", "0,149.62"), {}, "row 1 has 2 values, needed 3"),
        ("a,b\n1,2\n", {}, "no line @data"),
    ],
)
def test_what_openml_has_and_is_not_as_told_is_refused(far, tmp_path, monkeypatch, arff, told, why):
    monkeypatch.setenv("ATIPICO_OPENML", far.url)

    with pytest.raises(Refused, match=why):
        get(described(far, arff, **told), tmp_path)

    assert not (tmp_path / "seven.csv").exists()
