"""Writing and asking over HTTP: our store answers as the real InfluxDB does."""

from __future__ import annotations

import gzip

import pytest

from beside import same

LINES = [
    "m,h=a f=1 1",
    "m,h=a f=1 1\nm,h=a f=\nm,h=b f=2 2",
    "m,h=a",
    "m f=1 x",
    "",
    "\n\n",
    "# a comment\nm f=2 5",
    "m f=1i 9223372036854775807",
    "m f=9223372036854775808i 1",
    "m f=1e400 1",
    "m f=nan 1",
    "m,a= f=1",
    "m,=b f=1 1",
    "m,a=b,a=c f=1 1",
    "m time=1 1",
    "m,time=x f=1 1",
    'm f="a\nb" 1',
    'm\\ x,t\\,a=b\\=c f\\ g="q\\"uo\\\\te" 5',
    "m f=1 -9223372036854775808",
    "m f=1 -9223372036854775806",
    "m f=1 9223372036854775807",
    "m f=1 9223372036854775806",
    "m,t=a\\ f=1 1",
    "m f=TRUE,g=F,h=true 1",
    "m f=tRue 1",
    "m f=1i,f=2i 1",
    "m f=1 1 1",
    'm f="unclosed 1',
    " m f=1 1",
    "m  f=1  1 ",
    "m f=1,",
    "m f=+1 1",
    "m f=.5 1",
    "m f=5. 1",
    "m f=-0 1",
    "m f=1E3 1",
    "m f=0x10 1",
    "m f=١ 1",
    "é,ü=ñ ø=1 1",
    "\tm f=1 1",
    "m\tx f=1 1",
    ",t=a f=1 1",
    "m,t f=1 1",
    "m,t=a,u=b f=1,g=2i 1",
    "m,u=b,t=a f=2 1",
    '"m" f=1 1',
    "m f=- 1",
    "m f=i 1",
    "m =1 1",
    "m,t=\\ f=1 1",
    "m f=1_000 1",
]
PATHS = ["/write", "/api/v2/write"]


def told(answer):
    """What an error says; under /api/v2 ours says it as InfluxDB 2 does too."""
    return answer.body.get("error") if isinstance(answer.body, dict) else answer.body


def alike(answers):
    ours, real = answers["ours"], answers["real"]
    return (ours.status, told(ours)) == (real.status, told(real))


@pytest.fixture(scope="module")
def taking(both):
    """Servers in which `m` has a field f of floats."""
    return both().filled("m,h=a f=1 1")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("lines", LINES, ids=range(len(LINES)))
def test_a_body_of_lines_is_taken_or_refused_in_the_same_words(taking, path, lines):
    answers = taking.write(lines, path)

    assert alike(answers), answers


@pytest.mark.parametrize("path", PATHS)
def test_after_all_these_writes_both_hold_the_same(both, path):
    held = both()
    for lines in LINES:
        held.write(lines, path)

    for q in ("SHOW MEASUREMENTS", "SHOW SERIES", "SHOW FIELD KEYS", "SHOW TAG KEYS"):
        held.agree(q)
    for measurement in ("m", "m x", "é", "m\tx", '\\"m\\"'):
        held.agree(f'SELECT * FROM "{measurement}" GROUP BY *')


V1 = [(PATHS[0], unit) for unit in ("", "ns", "n", "u", "ms", "s", "m", "h")]
V2 = [(PATHS[1], unit) for unit in ("", "ns", "us", "ms", "s")]


@pytest.mark.parametrize(("path", "precision"), V1 + V2)
def test_times_are_read_in_each_unit(both, path, precision):
    held = both()

    assert {answer.status for answer in held.write("m f=1 12345", path, precision=precision).values()} == {204}

    held.agree("SELECT f FROM m")


@pytest.mark.parametrize("precision", ["n", "u", "m", "h", "years"])
def test_a_unit_that_the_second_interface_does_not_know_is_refused_alike(taking, precision):
    assert alike(taking.write("m f=1 12345", "/api/v2/write", precision=precision))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("field", ["f=1i", 'f="x"', "f=t"])
def test_a_type_in_conflict_refuses_its_line_and_no_other(both, path, field):
    held = both().filled("m,h=a f=1 1")

    answers = held.write(f"m,h=a {field} 9\nm,h=a f=8,g=1i 8\nm,h=b {field},z=3 7", path)

    assert alike(answers)
    held.agree("SELECT * FROM m")
    held.agree("SHOW FIELD KEYS")


def test_a_point_written_again_is_overwritten_and_fields_of_one_point_merge(both):
    held = both().filled('m,h=a f=1,i=2i,s="old" 10\nm,h=a f=5 20')

    held.filled('m,h=a f=2 10\nm,h=b f=3 10\nm,h=a s="new",b=true 10')

    held.agree("SELECT * FROM m GROUP BY h")
    held.agree("SELECT count(f), sum(f), count(i) FROM m")


@pytest.mark.parametrize("path", PATHS)
def test_gzip_is_undone(both, path):
    held = both()
    params = {"db": held.db, "bucket": held.db}
    packed = {"params": params, "headers": {"Content-Encoding": "gzip"}}

    good = held.ask("POST", path, data=gzip.compress(b"m,h=g f=3 7"), **packed)
    bad = held.ask("POST", path, data=b"no gzip", **packed)

    assert {answer.status for answer in good.values()} == {204}
    assert {answer.status for answer in bad.values()} == {400}
    held.agree("SELECT * FROM m")


@pytest.mark.parametrize("path", PATHS)
def test_a_key_that_is_too_long_is_refused_by_both(taking, path):
    answers = taking.write(f"m,t={'x' * 66_000} f=1 1", path)

    assert {answer.status for answer in answers.values()} == {400}


def test_a_database_that_is_not_there_is_named_alike(taking):
    assert alike(taking.write("m f=1", db="nope"))
    assert alike(taking.write("m f=1", "/api/v2/write", bucket="nope"))
    assert alike(taking.write("m f=1", db=""))
    assert alike(taking.query("SELECT f FROM m", db="nope"))
    assert alike(taking.query("SELECT f FROM m", db=""))


def test_the_policy_that_a_database_has_may_be_named(taking):
    assert alike(taking.write("m f=1 1", rp="autogen"))
    assert alike(taking.write("m f=1 1", "/api/v2/write", bucket=f"{taking.db}/autogen"))


@pytest.mark.parametrize(
    "asked", ["GET /ping", "HEAD /ping", "GET /ping?verbose=true", "GET /ping?verbose=false", "GET /health"]
)
def test_that_it_is_there_is_told_alike(taking, asked):
    answers = taking.ask(*asked.split())

    assert alike(answers)
    assert same(answers["ours"].body, answers["real"].body)
    assert answers["ours"].headers["X-Influxdb-Version"] == answers["real"].headers["X-Influxdb-Version"]


def test_a_query_may_come_in_the_address_or_in_a_form(taking):
    for request in ({"params": {"q": "SHOW DATABASES"}}, {"data": {"q": "SHOW MEASUREMENTS", "db": taking.db}}):
        answers = taking.ask("POST", "/query", **request)
        assert answers["ours"].status == answers["real"].status == 200
    assert same(answers["ours"].body, answers["real"].body)
    assert alike(taking.ask("GET", "/query"))
    assert alike(taking.query("SELECT f FROM m", db=taking.db, pretty="true"))


def test_what_changes_a_server_is_not_done_by_get_though_influxdb_only_warns(taking):
    taking.ask("GET", "/query", params={"q": "CREATE DATABASE sneaked"})

    there = taking.query("SHOW DATABASES")
    assert "sneaked" in str(there["real"].body)
    assert "sneaked" not in str(there["ours"].body)
