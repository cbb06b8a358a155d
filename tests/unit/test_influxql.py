"""InfluxQL: text becomes statements and back; what is wrong is told in InfluxDB's words."""

import math

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.wire.influxql import parse, write
from atipico.wire.influxql.lexer import MOST_BYTES
from atipico.wire.influxql.tree import (
    Binary,
    Call,
    Column,
    CreateDatabase,
    DropDatabase,
    Duration,
    Fill,
    From,
    Literal,
    Match,
    Name,
    Regex,
    Select,
    Show,
    Wildcard,
)

MINUTE = 60 * 10**9

texts = st.text("ab_ \"'\\\n/é€;*", max_size=5)
names = texts
kinds = st.sampled_from(["", "field", "tag"])
patterns = st.from_regex(r"[a-z.^$|()*\[\]]{1,8}", fullmatch=True)
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False, width=32)
leaves = (
    st.builds(Name, names, kinds)
    | st.builds(Literal, numbers | st.booleans() | texts)
    | st.builds(Duration, st.integers(-(2**62), 2**62))
    | st.builds(
        Call, st.from_regex(r"z[a-z0-9_]{0,6}", fullmatch=True), st.lists(st.builds(Name, names), max_size=2).map(tuple)
    )
)
ops = st.sampled_from(["+", "-", "*", "/", "%", "&", "|", "^", "=", "!=", "<", "<=", ">", ">=", "AND", "OR"])
expressions = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Binary, ops, inner, inner)
        | st.builds(Binary, st.sampled_from(["=~", "!~"]), inner, st.builds(Regex, patterns))
    ),
    max_leaves=8,
)
sources = st.lists(
    st.builds(From, names | st.builds(Regex, patterns), st.none() | names, st.none() | names), min_size=1, max_size=3
).map(tuple)
limits = st.integers(0, 2**31)
selects = st.builds(
    Select,
    st.lists(
        st.builds(Column, expressions | st.builds(Wildcard, kinds), st.none() | names), min_size=1, max_size=3
    ).map(tuple),
    sources,
    st.none() | expressions,
    st.lists(expressions, max_size=2).map(tuple),
    st.sampled_from([Fill(kind) for kind in ("null", "none", "previous", "linear")])
    | st.builds(Fill, st.just("number"), numbers),
    st.booleans(),
    limits,
    limits,
    limits,
    limits,
)
matches = st.builds(Match, st.just("IN"), st.lists(names, min_size=1, max_size=3).map(tuple)) | st.builds(
    Match, st.sampled_from(["=~", "!~"]), st.tuples(st.builds(Regex, patterns))
)
shows = st.builds(Show, st.sampled_from(["databases"])) | st.builds(
    Show,
    st.just("tag values"),
    st.none() | names,
    sources | st.just(()),
    matches,
    st.none() | expressions,
    limits,
    limits,
)
statements = selects | shows | st.builds(CreateDatabase, names) | st.builds(DropDatabase, names)


@examples(max_examples=200)
@given(st.lists(statements, max_size=2))
def test_a_statement_written_and_read_again_is_the_same(written):
    read = parse("; ".join(map(write, written)))

    assert list(read) == written


def test_a_subquery_is_a_source_and_is_written_as_it_was_read():
    text = "SELECT max(m) FROM (SELECT mean(f) AS m FROM x GROUP BY host), y"

    (select,) = parse(text)

    inner = Select((Column(Call("mean", (Name("f"),)), "m"),), (From("x"),), None, (Name("host"),))
    assert select.sources == (inner, From("y"))
    assert parse(write(select)) == (select,)


@pytest.mark.parametrize("text", ["DISTINCT f", "DISTINCT(f)", "distinct(f)", 'DISTINCT "f"'])
def test_distinct_is_a_function_however_it_is_written(text):
    (select,) = parse(f"SELECT {text} FROM m")

    assert select.columns == (Column(Call("distinct", (Name("f"),))),)


def test_subqueries_nested_without_end_are_refused():
    with pytest.raises(Refused, match="nested deeper than 64 levels"):
        parse("SELECT f FROM (" * 70 + "SELECT f FROM m" + ")" * 70)


def test_a_statement_of_a_dashboard_is_read_in_all_its_parts():
    text = (
        'SELECT mean("score") AS "m", count(*) FROM "atipico"."autogen"."scores" WHERE time > now() - 1h30m '
        'AND ("shard" = \'3\' OR "shard" =~ /^a\\/b$/) GROUP BY time(1m, -5s), "shard", * fill(previous) '
        "ORDER BY time DESC LIMIT 5 OFFSET 1 SLIMIT 2 SOFFSET 3"
    )

    (select,) = parse(text)

    since = Binary(">", Name("time"), Binary("-", Call("now"), Duration(90 * MINUTE)))
    shards = Binary("OR", Binary("=", Name("shard"), Literal("3")), Binary("=~", Name("shard"), Regex("^a/b$")))
    assert select == Select(
        (Column(Call("mean", (Name("score"),)), "m"), Column(Call("count", (Wildcard(),)))),
        (From("scores", "atipico", "autogen"),),
        Binary("AND", since, shards),
        (Call("time", (Duration(MINUTE), Duration(-5 * 10**9))), Name("shard"), Wildcard()),
        Fill("previous"),
        True,
        5,
        1,
        2,
        3,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1 OR b = 2 AND c = 3", Binary("OR", "a1", Binary("AND", "b2", "c3"))),
        ("a = 1 AND b = 2 OR c = 3", Binary("OR", Binary("AND", "a1", "b2"), "c3")),
        ("(a = 1 OR b = 2) AND c = 3", Binary("AND", Binary("OR", "a1", "b2"), "c3")),
    ],
)
def test_and_binds_tighter_than_or_unless_parentheses_say_else(text, expected):
    short = {f"{name}{n}": Binary("=", Name(name), Literal(n)) for name, n in (("a", 1), ("b", 2), ("c", 3))}

    def spelled(tree):
        if isinstance(tree, str):
            return short[tree]
        return Binary(tree.op, spelled(tree.left), spelled(tree.right))

    (select,) = parse(f"SELECT f FROM m WHERE {text}")

    assert select.where == spelled(expected)


@pytest.mark.parametrize(
    ("text", "ns"),
    [("1h30m", 90 * MINUTE), ("10ms", 10**7), ("5u", 5000), ("5µ", 5000), ("7ns", 7), ("1w", 7 * 24 * 60 * MINUTE)],
)
def test_a_duration_is_read_in_every_unit(text, ns):
    (select,) = parse(f"SELECT f FROM m WHERE time > {text}")

    assert select.where.right == Duration(ns)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("select", "found EOF, expected identifier, string, number, bool at line 1, char 8"),
        ("select f", "found EOF, expected FROM at line 1, char 10"),
        ("select f form m", "found form, expected FROM at line 1, char 10"),
        ("select f\nfrom m\nlimit x", "found x, expected integer at line 3, char 7"),
        ("select f from m where host=~5", "found 5, expected regex at line 1, char 29"),
        ("select f from m limit 5 limit 6", "found LIMIT, expected ; at line 1, char 25"),
        ("select f from m order by f", "only ORDER BY time supported at this time"),
        ("select count(f from m", "found FROM, expected ) at line 1, char 16"),
        ("select mean(f) from m group by time(1x)", "invalid duration"),
        ("select mean(f) from m fill()", "fill requires an argument, e.g.: 0, null, none, previous, linear"),
        ("select f from m where f = 99999999999999999999", "unable to parse integer at line 1, char 27"),
        ("show tag values from m", "found EOF, expected WITH at line 1, char 24"),
        ("show tag values with key", "found EOF, expected IN, =, =~ at line 1, char 26"),
        ("create database", "found EOF, expected identifier at line 1, char 17"),
        (
            "foo",
            "found foo, expected SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL "
            "at line 1, char 1",
        ),
    ],
)
def test_a_syntax_error_is_told_as_influxdb_1_8_tells_it(text, told):
    with pytest.raises(Refused) as refused:
        parse(text)

    assert str(refused.value) == f"error parsing query: {told}"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT f INTO x FROM m",
        "SELECT f::integer FROM m",
        "SELECT f FROM m WHERE host = $x",
        "SELECT f FROM m tz('Europe/Madrid')",
        "DELETE FROM m",
        "DROP MEASUREMENT m",
        "CREATE USER x WITH PASSWORD 'y'",
        "CREATE DATABASE x WITH DURATION 1d",
        "SHOW STATS",
        "SHOW SERIES CARDINALITY",
    ],
)
def test_what_is_not_spoken_is_refused_by_its_name(text):
    with pytest.raises(Refused, match=r"^error parsing query: .* not spoken here yet; .+"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT f FROM m WHERE " + "(" * 5000 + "f",
        "SELECT " + "a(" * 5000,
        "SELECT " + "-" * 20000 + "f FROM m",
        "SELECT f FROM m WHERE " + " AND ".join(["f = 1"] * 3000),
        "SELECT f FROM m WHERE f = '" + "x" * MOST_BYTES + "'",
    ],
)
def test_no_text_is_too_deep_or_too_long_to_be_refused(text):
    with pytest.raises(Refused, match=r"^error parsing query: "):
        parse(text)


WORDS = """select f from m where time > 1h and ( ) , 'x' "y" /z/ group by fill * = =~ ; . - ' " / é"""


@examples(max_examples=200)
@given(st.lists(st.sampled_from(WORDS.split()), max_size=12))
def test_any_words_are_read_or_refused_and_never_crash(words):
    try:  # any other exception fails this test
        parse(" ".join(words))
    except Refused as refused:
        told = str(refused)
    else:
        told = "error parsing query: "

    assert told.startswith("error parsing query: ")


def test_the_lexer_keeps_a_number_too_small_for_a_short_form():
    (select,) = parse(write(Select((Column(Literal(5e-324)),), (From("m"),))))

    assert math.isclose(select.columns[0].value.value, 5e-324)
