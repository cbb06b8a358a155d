"""Queries on a small store answer as InfluxDB 1.8.10 does: the expected answers were read from it."""

import sqlite3

import pytest

from atipico.errors import Refused
from atipico.store import bound
from atipico.store.query import answer
from small_store import SmallStore

S = 10**9
# At 3 s three points share one time; InfluxDB leaves their order open, here it is that of their series' first points.
POINTS = [
    ("m", {"host": "a", "dc": "x"}, {"f": 1.5, "i": 3, "b": True, "s": "hi"}, 1 * S),
    ("m", {"host": "a", "dc": "y"}, {"f": 1.5, "i": 5}, 3 * S),
    ("m", {"host": "b", "dc": "x"}, {"f": 2.5, "i": 4, "b": False, "s": "ho"}, 2 * S),
    ("m", {"host": "b", "dc": "x"}, {"f": 9.0, "i": 5, "s": "ha"}, 3 * S),
    ("m", {"host": "c"}, {"f": 7.0}, 3 * S),
    ("m", {"host": "a", "dc": "x"}, {"i": 7}, 65 * S),
    ("n", {"host": "z"}, {"f": 1, "only": 3.0}, 2 * S),
    ("n", {"zone": "q"}, {"g": 1.0}, 4 * S),
    ("neg", {}, {"f": 1.0}, -1_500_000_000),
    ("neg", {}, {"f": 2.0}, -7),
    ("neg", {}, {"f": 3.0}, 1_500_000_000),
]
NOW = 100 * S


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = SmallStore(tmp_path_factory.mktemp("store"))
    store.create("d")
    store.get("d").write(POINTS)
    return store


@pytest.fixture
def ask(store):
    """The first result of a query; times in ns."""

    def ask(q, db="d", epoch="ns", method="GET"):
        return answer(store, q, db, epoch, NOW, method)["results"][0]

    return ask


@pytest.fixture
def rows(ask):
    """The rows of the one series of an answer, times in s; [] for an answer without a series."""

    def rows(q):
        result = ask(q, epoch="s")
        assert "error" not in result
        (series,) = result.get("series", [{"values": []}])
        return series["values"]

    return rows


@pytest.mark.parametrize(
    ("q", "columns", "expected"),
    [
        ("f, host", ["f", "host"], [[1, 1.5, "a"], [2, 2.5, "b"], [3, 1.5, "a"], [3, 9.0, "b"], [3, 7.0, "c"]]),
        ("f, nofield", ["f", "nofield"], [[1, 1.5, None], [2, 2.5, None], [3, 1.5, None], [3, 9, None], [3, 7, None]]),
        ("count(f)", ["count"], [[0, 5]]),
        ("count(*)", ["count_b", "count_f", "count_i", "count_s"], [[0, 2, 5, 5, 3]]),
        ("mean(*)", ["mean_f", "mean_i"], [[0, 4.3, 4.8]]),
        ("min(*)", ["min_b", "min_f", "min_i"], [[0, False, 1.5, 3]]),
        ("sum(i), sum(f)", ["sum", "sum_1"], [[0, 24, 21.5]]),
        ("first(s), last(s)", ["first", "last"], [[0, "hi", "ha"]]),
        ("mean(f) AS a, mean(i)", ["a", "mean"], [[0, 4.3, 4.8]]),
        (
            "f AS f_1, f, f",
            ["f_1", "f", "f_2"],
            [[1, 1.5, 1.5, 1.5], [2, 2.5, 2.5, 2.5], [3, 1.5, 1.5, 1.5], [3, 9, 9, 9], [3, 7, 7, 7]],
        ),
        ("max(f)", ["max"], [[3, 9.0]]),
        ("max(f), min(f)", ["max", "min"], [[0, 9.0, 1.5]]),
        ("min(b)", ["min"], [[2, False]]),
        ("first(i)", ["first"], [[1, 3]]),
        ("last(f), host, s", ["last", "host", "s"], [[3, 9.0, "b", "ha"]]),
        ("count(nofield), count(f)", ["count", "count_1"], [[0, None, 5]]),
        ("host", None, None),
        ("nofield", None, None),
        ("count(nofield)", None, None),
    ],
)
def test_columns_have_the_titles_times_and_values_of_influxdb(ask, q, columns, expected):
    result = ask(f"SELECT {q} FROM m", epoch="s")

    if expected is None:
        assert result == {"statement_id": 0}
    else:
        assert result["series"] == [{"name": "m", "columns": ["time", *columns], "values": expected}]


def test_a_wildcard_gives_fields_and_tags_in_the_order_of_their_names(ask):
    (series,) = ask("SELECT * FROM m LIMIT 1")["series"]

    assert series["columns"] == ["time", "b", "dc", "f", "host", "i", "s"]
    assert series["values"] == [[1 * S, True, "x", 1.5, "a", 3, "hi"]]


def test_groups_are_series_in_the_order_of_their_tags(ask):
    result = ask("SELECT count(f) FROM m GROUP BY *")

    assert [(series["tags"], series["values"]) for series in result["series"]] == [
        ({"dc": "", "host": "c"}, [[0, 1]]),
        ({"dc": "x", "host": "a"}, [[0, 1]]),
        ({"dc": "x", "host": "b"}, [[0, 2]]),
        ({"dc": "y", "host": "a"}, [[0, 1]]),
    ]


def test_newest_first_turns_rows_and_series_round(ask):
    result = ask("SELECT f FROM m GROUP BY host ORDER BY time DESC", epoch="s")

    assert [(series["tags"]["host"], series["values"]) for series in result["series"]] == [
        ("c", [[3, 7.0]]),
        ("b", [[3, 9.0], [2, 2.5]]),
        ("a", [[3, 1.5], [1, 1.5]]),
    ]


def test_limit_and_offset_count_in_each_series_and_slimit_counts_series(ask):
    result = ask("SELECT f FROM m GROUP BY host LIMIT 1 OFFSET 1 SLIMIT 2", epoch="s")

    assert [(series["tags"]["host"], series["values"]) for series in result["series"]] == [
        ("a", [[3, 1.5]]),
        ("b", [[3, 9.0]]),
    ]


RANGE = "time >= 1s AND time < 80s"


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (f"count(f) FROM m WHERE {RANGE} GROUP BY time(20s)", [[0, 5], [20, 0], [40, 0], [60, 0]]),
        (f"count(f) FROM m WHERE {RANGE} GROUP BY time(20s) fill(none)", [[0, 5]]),
        (f"mean(f) FROM m WHERE {RANGE} GROUP BY time(20s)", [[0, 4.3], [20, None], [40, None], [60, None]]),
        (
            f"mean(f) FROM m WHERE {RANGE} GROUP BY time(20s) fill(previous)",
            [[0, 4.3], [20, 4.3], [40, 4.3], [60, 4.3]],
        ),
        (f"sum(i) FROM m WHERE {RANGE} GROUP BY time(20s) fill(7.5)", [[0, 17], [20, 7], [40, 7], [60, 7]]),
        (f"first(s) FROM m WHERE {RANGE} GROUP BY time(20s) fill(3)", [[0, "hi"], [20, ""], [40, ""], [60, ""]]),
        (f"count(f) FROM m WHERE {RANGE} GROUP BY time(20s, 5s)", [[-15, 5], [5, 0], [25, 0], [45, 0], [65, 0]]),
        (f"count(f) FROM m WHERE {RANGE} GROUP BY time(20s) LIMIT 2 OFFSET 1", [[20, 0], [40, 0]]),
        (f"count(f) FROM m WHERE {RANGE} GROUP BY time(20s) ORDER BY time DESC LIMIT 1", [[60, 0]]),
        ("count(f) FROM m WHERE time < 80s GROUP BY time(20s)", [[0, 5], [20, 0], [40, 0], [60, 0]]),
        (
            "sum(i) FROM m WHERE time >= 30s GROUP BY time(20s)",
            [[20, None], [40, None], [60, 7], [80, None], [100, None]],
        ),
        (
            "mean(f), count(nofield) FROM m WHERE time >= 0 AND time < 40s GROUP BY time(20s)",
            [[0, 4.3, None], [20, None, None]],
        ),
        (
            "first(i) FROM m WHERE time >= 10s AND time < 80s GROUP BY time(20s) fill(previous)",
            [[0, None], [20, None], [40, None], [60, 7]],
        ),
        ("max(f), host FROM m WHERE time >= 0 AND time < 40s GROUP BY time(20s)", [[0, 9.0, "b"], [20, None, None]]),
        ("count(f) FROM neg WHERE time < 2s GROUP BY time(1s)", [[-2, 1], [-1, 1], [0, 0], [1, 1]]),
    ],
)
def test_windows_lie_on_multiples_of_their_width_and_are_filled(rows, q, expected):
    assert rows(f"SELECT {q}") == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("host = 'c'", [7.0]),
        ("host != 'c'", [1.5, 2.5, 1.5, 9.0]),
        ("dc = ''", [7.0]),
        ("nope = ''", [1.5, 2.5, 1.5, 9.0, 7.0]),
        ("nope = 'a'", []),
        ("host = 5", []),
        ("host =~ /a|c/", [1.5, 1.5, 7.0]),
        ("host !~ /a|c/", [2.5, 9.0]),
        ("dc =~ /^$/", [7.0]),
        ("host = 'a' OR f > 5", [1.5, 1.5, 9.0, 7.0]),
        ("(host = 'a' AND f > 1) OR (host = 'b' AND f > 5)", [1.5, 1.5, 9.0]),
        ("s != 'hi'", [2.5, 9.0]),
        ("s > 'hi'", []),
        ("b = true", [1.5]),
        ("i > 3.5", [2.5, 1.5, 9.0]),
        ("5 < f", [9.0, 7.0]),
        ("f = 'a'", []),
        ("true", [1.5, 2.5, 1.5, 9.0, 7.0]),
        ("time = '1970-01-01T00:00:02Z'", [2.5]),
        ("time >= '1970-01-01' + 3s", [1.5, 9.0, 7.0]),
        ("time > '1970-01-01 00:00:01.5' AND time < 3000ms", [2.5]),
        ("time > '1970-01-01T01:00:01+01:00' AND time < 3000000000", [2.5]),
        ("now() - 98s > time", [1.5]),
        ("time > 10s AND time < 5s", []),
    ],
)
def test_conditions_leave_what_influxdb_leaves(rows, where, expected):
    assert [value for _, value in rows(f"SELECT f FROM m WHERE {where}")] == expected


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (None, ["1969-12-31T23:59:58.5Z", "1969-12-31T23:59:59.999999993Z", "1970-01-01T00:00:01.5Z"]),
        ("ns", [-1_500_000_000, -7, 1_500_000_000]),
        ("u", [-1_500_000, 0, 1_500_000]),
        ("ms", [-1500, 0, 1500]),
        ("s", [-1, 0, 1]),
        ("m", [0, 0, 0]),
        ("h", [0, 0, 0]),
    ],
)
def test_times_are_shown_in_the_unit_that_was_asked_for(ask, epoch, expected):
    (series,) = ask("SELECT f FROM neg", epoch=epoch)["series"]

    assert [time for time, _ in series["values"]] == expected


@pytest.mark.parametrize(
    ("q", "told"),
    [
        ("SELECT mean(s) FROM m", "unsupported mean iterator type: *query.stringInterruptIterator"),
        ("SELECT sum(b) FROM m", "unsupported sum iterator type: *query.booleanInterruptIterator"),
        ("SELECT count(f), f FROM m", "mixing aggregate and non-aggregate queries is not supported"),
        (
            "SELECT max(f), min(f), host FROM m",
            "mixing multiple selector functions with tags or fields is not supported",
        ),
        ("SELECT f FROM m GROUP BY time(1s)", "GROUP BY requires at least one aggregate function"),
        ("SELECT count(f) FROM m GROUP BY time(1s), time(2s)", "multiple time dimensions not allowed"),
        ("SELECT foo(f) FROM m", "undefined function foo()"),
        ("SELECT count(f, i) FROM m", "invalid number of arguments for count, expected 1, got 2"),
        ("SELECT time FROM m", "at least 1 non-time field must be queried"),
        ("SELECT f FROM m WHERE time != 5", "invalid time comparison operator: !="),
        ("SELECT f FROM m WHERE time > '2020-13-01'", "invalid timestamp string"),
        ("SELECT f FROM m WHERE host", "invalid condition expression: host"),
        ("SELECT f FROM d.foo.m", "retention policy not found: foo"),
        ("SELECT f FROM x..m", "database not found: x"),
    ],
)
def test_a_wrong_statement_is_told_in_its_result_in_the_words_of_influxdb(ask, q, told):
    assert ask(q) == {"statement_id": 0, "error": told}


@pytest.mark.parametrize(
    "q",
    [
        "SELECT sample(f, 2) FROM m",
        "SELECT f > 1 FROM m",
        "SELECT f FROM (SELECT f FROM m SLIMIT 1)",
        "SELECT f FROM (SELECT holt_winters(f, 1, 1) FROM m)",
        "SELECT f FROM m WHERE host = a",
        "SELECT f FROM m WHERE f + 1 > 3",
    ],
)
def test_what_is_not_spoken_is_refused_before_anything_is_run(store, q):
    with pytest.raises(Refused, match=r"^error parsing query: .* not spoken here yet; .+"):
        answer(store, f"CREATE DATABASE never; {q}", "d", None, NOW, "POST")

    assert "never" not in store.names()


def test_time_under_or_is_refused_and_never_answered_wrongly(ask):
    assert "under OR is not spoken here" in ask("SELECT f FROM m WHERE time > 5 OR host = 'a'")["error"]


def test_without_a_database_a_query_is_told_so(ask):
    assert ask("SELECT f FROM m", db=None)["error"] == "database name required"
    assert ask("SELECT f FROM d..neg LIMIT 1", db=None)["series"][0]["values"] == [[-1_500_000_000, 1.0]]


def test_behind_a_failure_nothing_is_executed(store):
    results = answer(store, "SELECT f FROM neg LIMIT 1; SELECT f FROM x..m; DROP DATABASE d", "d", "ns", NOW, "POST")[
        "results"
    ]

    assert [result["statement_id"] for result in results] == [0, 1, 2]
    assert ["error" in result and result["error"] for result in results] == [
        False,
        "database not found: x",
        "not executed",
    ]
    assert "d" in store.names()


def test_only_a_post_makes_and_drops_databases(store, ask):
    told = ask('CREATE DATABASE "a b"')["error"]
    assert (
        told == "deprecated use of 'CREATE DATABASE \"a b\"' in a read only context, please use a POST request instead"
    )
    assert store.names() == ["d"]

    assert ask('CREATE DATABASE "a b"', method="POST") == {"statement_id": 0}
    assert ask("SHOW DATABASES")["series"] == [{"name": "databases", "columns": ["name"], "values": [["a b"], ["d"]]}]
    assert ask('DROP DATABASE "a b"', method="POST") == {"statement_id": 0}
    assert store.names() == ["d"]


def test_a_query_waits_until_earlier_writes_can_be_seen(store, ask):
    before = store.get("d").waited

    ask("SELECT f FROM m")

    assert store.get("d").waited == before + 1


def test_an_answer_with_too_many_windows_is_refused_unless_a_limit_makes_it_small(ask):
    q = "SELECT mean(f) FROM m WHERE time >= 0 GROUP BY time(1u)"

    assert ask(q)["error"].startswith("the answer has more than 1000000 values; ")
    assert len(ask(f"{q} LIMIT 3")["series"][0]["values"]) == 3


def test_an_answer_with_too_many_points_is_refused(ask, monkeypatch):
    monkeypatch.setattr(bound, "MOST_VALUES", 6)

    assert ask("SELECT f FROM m")["error"].startswith("the answer has more than 6 values; ")
    assert len(ask("SELECT f FROM m LIMIT 3")["series"][0]["values"]) == 3


def test_a_query_that_takes_too_long_is_stopped_and_the_connection_serves_the_next(tmp_path):
    store = SmallStore(tmp_path)
    store.create("d")
    database = store.get("d")
    database.write([("m", {}, {"f": 1.0}, 0)])
    database.db.execute(
        "INSERT INTO m1 WITH RECURSIVE n(t) AS (SELECT 1 UNION ALL SELECT t + 1 FROM n WHERE t < 300000) "
        "SELECT t, 1, 1.0 FROM n"
    )
    q = "SELECT mean(f) FROM m"

    (stopped,) = answer(store, q, "d", "ns", NOW, "GET", longest_s=0.0)["results"]
    (answered,) = answer(store, q, "d", "ns", NOW, "GET")["results"]

    assert stopped["error"].startswith("query stopped after 0 s; ")
    assert answered["series"][0]["values"] == [[0, 1.0]]


def test_a_sum_beyond_64_bits_is_refused_and_never_wrong(tmp_path):
    store = SmallStore(tmp_path)
    store.create("d")
    store.get("d").write([("m", {}, {"i": 2**62}, t) for t in range(4)])

    (result,) = answer(store, "SELECT sum(i) FROM m", "d", "ns", NOW, "GET")["results"]

    assert result["error"].startswith("sum() of these integers does not fit 64 bits; ")


def test_names_of_any_kind_are_only_names(tmp_path):
    nasty = 'f"; DROP TABLE series; --'
    store = SmallStore(tmp_path)
    store.create("d")
    store.get("d").write([(nasty, {nasty: nasty}, {nasty: 1.0}, 5)])
    name = '"' + nasty.replace('"', '\\"') + '"'
    text = "'" + nasty + "'"

    q = f"SELECT mean({name}) FROM {name} WHERE {name}::tag = {text} AND {name} > 0 GROUP BY {name}"

    (result,) = answer(store, q, "d", "ns", NOW, "GET")["results"]

    assert result["series"] == [
        {"name": nasty, "tags": {nasty: nasty}, "columns": ["time", "mean"], "values": [[0, 1.0]]}
    ]
    assert answer(store, "SHOW SERIES", "d", "ns", NOW, "GET")["results"][0]["series"][0]["values"]


def test_a_pattern_that_would_take_for_ever_elsewhere_is_answered_at_once(tmp_path):
    store = SmallStore(tmp_path)
    store.create("d")
    store.get("d").write([("m", {"word": "a" * 5000}, {"f": 1.0}, 5)])

    (result,) = answer(store, "SELECT f FROM m WHERE word =~ /^(a+)+b$/", "d", "ns", NOW, "GET", longest_s=5)["results"]

    assert result == {"statement_id": 0}


def test_a_reader_is_left_without_a_transaction_or_temporary_tables(store, ask):
    ask("SELECT f FROM m WHERE host = 'a' GROUP BY host")
    ask("SELECT mean(s) FROM m WHERE host = 'a'")

    reader = store.get("d").reader()
    assert not reader.in_transaction
    assert reader.execute("SELECT count(*) FROM sqlite_temp_master").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM m1")


@pytest.mark.parametrize("one", ["host = 'a'", "f = 1.5"])
def test_a_condition_of_three_hundred_values_is_answered(rows, one):
    many = " OR ".join([one] * 299)

    assert rows(f"SELECT f FROM m WHERE time > 0 AND ({many})") == [[1, 1.5], [3, 1.5]]


@pytest.mark.parametrize("pairs", [1, 10, 15])
def test_a_deep_condition_is_answered_or_refused_with_the_cure(ask, pairs):
    deep = "f = 9"
    for op in ["AND", "OR"] * pairs:
        deep = f"f {'>' if op == 'AND' else '<'} 0 {op} ({deep})"

    result = ask(f"SELECT f FROM m WHERE {deep}", epoch="s")

    if "error" in result:  # SQLite's parser has a bound of its own, which newer ones do not have
        assert pairs > 10
        assert result["error"] == "the condition is nested too deep; write it flatter"
    else:
        assert result["series"][0]["values"] == [[3, 9.0]]
