"""SHOW on a small store answers as InfluxDB 1.8.10 does: the expected answers were read from it."""

import pytest

from atipico.store.query import answer
from small_store import SmallStore

S = 10**9


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """The series of an answer as (name, values), or the error."""
    store = SmallStore(tmp_path_factory.mktemp("store"))
    store.create("d")
    store.get("d").write(
        [
            ("m", {"host": "a", "dc": "x"}, {"f": 1.5, "i": 3, "b": True, "s": "hi"}, 1 * S),
            ("m", {"host": "b", "dc": "x"}, {"f": 2.5}, 2 * S),
            ("m", {"host": "a", "dc": "y"}, {"f": 1.5}, 3 * S),
            ("m", {"host": "c"}, {"f": 7.0}, 3 * S),
            ("n", {"host": "z"}, {"f": 1}, 2 * S),
            ("n", {"zone": "q r"}, {"g": 1.0}, 4 * S),
        ]
    )

    def ask(q, db="d"):
        (result,) = answer(store, q, db, None, 100 * S, "GET")["results"]
        if "error" in result:
            return result["error"]
        return [(series.get("name"), series.get("values")) for series in result.get("series", [])]

    return ask


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("MEASUREMENTS", [("measurements", [["m"], ["n"]])]),
        ("MEASUREMENTS LIMIT 1 OFFSET 1", [("measurements", [["n"]])]),
        ("MEASUREMENTS WITH MEASUREMENT = m", [("measurements", [["m"]])]),
        ("MEASUREMENTS WITH MEASUREMENT =~ /n/", [("measurements", [["n"]])]),
        ("MEASUREMENTS WHERE zone = 'q r'", [("measurements", [["n"]])]),
        ("MEASUREMENTS ON nodb", []),
        (
            "FIELD KEYS",
            [
                ("m", [["b", "boolean"], ["f", "float"], ["i", "integer"], ["s", "string"]]),
                ("n", [["f", "integer"], ["g", "float"]]),
            ],
        ),
        ("FIELD KEYS ON d FROM n LIMIT 1", [("n", [["f", "integer"]])]),
        ("FIELD KEYS FROM nope", []),
        ("TAG KEYS", [("m", [["dc"], ["host"]]), ("n", [["host"], ["zone"]])]),
        ("TAG KEYS FROM m WHERE host = 'c'", [("m", [["host"]])]),
        ("TAG VALUES WITH KEY = host", [("m", [["host", "a"], ["host", "b"], ["host", "c"]]), ("n", [["host", "z"]])]),
        (
            "TAG VALUES FROM m WITH KEY IN (host, dc) WHERE dc = 'x'",
            [("m", [["dc", "x"], ["host", "a"], ["host", "b"]])],
        ),
        ("TAG VALUES FROM /m/ WITH KEY =~ /d/", [("m", [["dc", "x"], ["dc", "y"]])]),
        ("TAG VALUES WITH KEY != host", [("m", [["dc", "x"], ["dc", "y"]]), ("n", [["zone", "q r"]])]),
        ("TAG VALUES WITH KEY = nope", []),
        ("TAG VALUES FROM m WITH KEY = host WHERE time > 2s", [("m", [["host", "a"], ["host", "c"]])]),
        ("SERIES FROM m", [(None, [["m,dc=x,host=a"], ["m,dc=x,host=b"], ["m,dc=y,host=a"], ["m,host=c"]])]),
        ("SERIES WHERE zone = 'q r'", [(None, [["n,zone=q\\ r"]])]),
        ("RETENTION POLICIES ON d", [(None, [["autogen", "0s", "168h0m0s", 1, True]])]),
        ("RETENTION POLICIES ON nodb", "database not found: nodb"),
        ("TAG KEYS ON nodb", "database not found: nodb"),
    ],
)
def test_what_a_database_holds_is_shown_by_name(ask, q, expected):
    assert ask(f"SHOW {q}") == expected


def test_without_a_database_only_databases_are_shown(ask):
    assert ask("SHOW DATABASES", db=None) == [("databases", [["d"]])]
    assert ask("SHOW MEASUREMENTS", db=None) == "database name required"


def test_a_condition_on_a_field_is_refused_in_show(ask):
    assert "a condition on a field is not spoken here" in ask("SHOW TAG KEYS WHERE f > 3")
