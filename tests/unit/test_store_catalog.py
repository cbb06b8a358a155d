"""What fits into a database and what is refused, and how accepted samples become rows."""

from __future__ import annotations

import random
import sqlite3

import pytest

from atipico.store.catalog import Catalog, Limits
from atipico.store.tables import Tables
from atipico.wire.sample import Sample


def sample(measurement: str = "m", tags: dict | None = None, time: int = 1, **fields) -> Sample:
    return Sample(measurement, tags or {}, fields or {"v": 1.0}, time)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (1, 1.0, 'input field "v" on measurement "m" is type float, already exists as type integer'),
        (1.0, 1, 'input field "v" on measurement "m" is type integer, already exists as type float'),
        (1.0, True, 'input field "v" on measurement "m" is type boolean, already exists as type float'),
        (True, 1, 'input field "v" on measurement "m" is type integer, already exists as type boolean'),
        (1.0, "x", 'input field "v" on measurement "m" is type string, already exists as type float'),
    ],
)
def test_the_first_type_of_a_field_is_its_type_for_ever(first, second, reason):
    catalog = Catalog()

    admitted = catalog.admit([sample(v=first), sample(v=second, other=5), sample(v=first)])

    assert [kept.fields["v"] for kept in admitted.samples] == [first, first]
    assert admitted.refused == {f"field type conflict: {reason}": 1}
    assert not admitted.whole
    assert catalog.admit([sample(other="x")]).refused == {}  # nothing was learnt from what was refused


def test_time_is_no_name_for_a_tag_or_a_field():
    admitted = Catalog().admit([sample(tags={"time": "1"}), sample(time=1, **{"v": 1.0}), sample("n")])
    fields = Catalog().admit([Sample("m", {}, {"time": 1.0}, 1), Sample("m", {}, {"time": 1.0, "v": 2.0}, 2)])

    assert admitted.refused == {'invalid tag key: input tag "time" on measurement "m" is invalid': 1}
    assert fields.refused == {'invalid field name: input field "time" on measurement "m" is invalid': 1}
    assert fields.samples == [Sample("m", {}, {"v": 2.0}, 2)]


def test_each_bound_refuses_what_is_one_too_many_and_keeps_the_rest():
    catalog = Catalog(Limits(series=3, fields=2, measurements=2, name=5))

    def refused(*samples: Sample) -> list[str]:
        return list(catalog.admit(list(samples)).refused)

    assert refused(*(sample(tags={"k": str(number)}) for number in range(3))) == []
    assert refused(sample(tags={"k": "3"})) == ["max-series-per-database limit exceeded: (3)"]
    assert refused(sample(tags={"k": "1"}, w=1)) == []
    assert "too many fields" in refused(sample(tags={"k": "1"}, x=1))[0]
    assert refused(sample(tags={"k": "1"}, v=2.0, w=2)) == []
    assert "6 characters" in refused(sample(tags={"k": "1"}, f12345=1))[0]
    assert refused(sample("n")) == ["max-series-per-database limit exceeded: (3)"]

    many = Catalog(Limits(measurements=2, name=5))
    assert many.admit([sample("m12345"), sample(tags={"t12345": "1"})]).refused.total() == 2
    assert many.admit([sample("a"), sample("b"), sample("c"), sample("a")]).refused.total() == 1


@pytest.fixture
def tables(tmp_path):
    tables = Tables(tmp_path / "tables.sqlite")
    yield tables
    tables.close()


def fold(catalog: Catalog, tables: Tables, samples: list[Sample], offset: int = 0) -> None:
    admitted = catalog.admit(samples)
    assert not admitted.refused
    tables.fold(catalog.take_news(), admitted.rows, offset)


def shown(tables: Tables, number: int = 1) -> list[tuple]:
    return tables.db.execute(f"SELECT * FROM m{number} ORDER BY t, s").fetchall()


def test_rows_lie_as_the_schema_says_and_each_value_keeps_its_type(tables):
    samples = [
        Sample("m", {"a": "1"}, {"f": 1.0, "i": 2**63 - 1, "b": True, "s": "é\x00\n"}, -5),
        Sample("m", {}, {"f": -0.0, "late": 1}, 7),
        Sample("n", {"z": "1", "a": 'x,"y'}, {"f": False}, 7),
    ]

    fold(Catalog(), tables, samples, 99)

    assert repr(shown(tables)) == repr([(-5, 1, 1.0, 2**63 - 1, 1, "é\x00\n", None), (7, 2, -0.0, None, None, None, 1)])
    assert shown(tables, 2) == [(7, 3, 0)]
    assert tables.db.execute("SELECT * FROM measurement").fetchall() == [(1, "m"), (2, "n")]
    assert tables.db.execute("SELECT * FROM field WHERE measurement = 1 ORDER BY position").fetchall() == [
        (1, "f", "float", 0),
        (1, "i", "integer", 1),
        (1, "b", "boolean", 2),
        (1, "s", "string", 3),
        (1, "late", "integer", 4),
    ]
    assert tables.db.execute("SELECT measurement, tags FROM series ORDER BY id").fetchall() == [
        (1, '{"a":"1"}'),
        (1, "{}"),
        (2, '{"z":"1","a":"x,\\"y"}'),
    ]
    assert tables.folded() == 99


def test_a_point_that_comes_again_overwrites_field_by_field_in_the_order_it_came(tables):
    catalog, generator = Catalog(), random.Random(5)
    samples, expected = [], {}
    for number in range(3000):
        names = generator.sample(["a", "b", "c", "d"], generator.randint(1, 4))
        time = generator.randrange(40)
        samples.append(sample(time=time, **dict.fromkeys(names, number)))
        expected.setdefault(time, {}).update(dict.fromkeys(names, number))

    for start in range(0, 3000, 500):
        fold(catalog, tables, samples[start : start + 500])

    columns = [name for (name,) in tables.db.execute("SELECT name FROM field ORDER BY position")]
    assert {row[0]: dict(zip(columns, row[2:], strict=True)) for row in shown(tables)} == {
        time: {name: fields.get(name) for name in columns} for time, fields in expected.items()
    }


def test_a_fold_that_fails_leaves_nothing(tables):
    catalog = Catalog()
    fold(catalog, tables, [sample()], 1)
    admitted = catalog.admit([sample(time=2), sample(time=3, v=2.0, w=1)])
    news = catalog.take_news()

    with pytest.raises(sqlite3.Error):
        tables.fold([*news, ("INSERT INTO nowhere VALUES(1)", ())], admitted.rows, 2)

    assert (tables.folded(), len(shown(tables))) == (1, 1)
    tables.fold(news, admitted.rows, 2)
    assert (tables.folded(), len(shown(tables))) == (2, 3)


def test_a_catalog_that_was_loaded_goes_on_where_the_old_one_was(tables):
    fold(Catalog(), tables, [sample(tags={"a": "1"}), sample("n", w=1)])
    again = Catalog()
    tables.load(again)

    admitted = again.admit(
        [sample(tags={"a": "1"}, v=1), sample(tags={"a": "1"}, time=5), sample(tags={"a": "2"}, x=1)]
    )
    tables.fold(again.take_news(), admitted.rows, 1)

    assert admitted.refused.total() == 1
    assert shown(tables) == [(1, 1, 1.0, None), (1, 3, None, 1), (5, 1, 1.0, None)]
