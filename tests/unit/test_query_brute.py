"""Random points and random statements: SQLite's answer is that of a walk over all points in plain Python."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from atipico.store.query import answer
from small_store import SmallStore

TYPES = {"f": "float", "i": "integer"}
NOW = 10**6

tags = st.fixed_dictionaries({}, optional={"h": st.sampled_from("ab"), "k": st.sampled_from("cd")})
fields = st.fixed_dictionaries({}, optional={"f": st.integers(-8, 8).map(lambda n: n / 4), "i": st.integers(-5, 5)})
points = st.lists(st.tuples(tags, fields.filter(bool), st.integers(-40, 40)), min_size=1, max_size=25)
functions = st.sampled_from(["count", "sum", "mean", "min", "max", "first", "last"])
columns = st.lists(st.tuples(functions, st.sampled_from("fi")), min_size=1, max_size=3)
groupings = st.lists(st.sampled_from("hkz"), unique=True, max_size=2)
conditions = st.sampled_from(
    [
        ("true", lambda tags, fields: True),
        ("h = 'a'", lambda tags, fields: tags.get("h", "") == "a"),
        ("h != 'a'", lambda tags, fields: tags.get("h", "") != "a"),
        ("k = '' AND f >= 0", lambda tags, fields: "k" not in tags and fields.get("f", -1) >= 0),
        ("k =~ /c/ OR i < 2", lambda tags, fields: tags.get("k") == "c" or fields.get("i", 9) < 2),
        (
            "(h = 'b' OR i != 1) AND k !~ /d/",
            lambda t, f: (t.get("h") == "b" or f.get("i", 1) != 1) and t.get("k") != "d",
        ),
    ]
)


def written(rows):
    """The points as a store keeps them: what comes again at one time overwrites field by field."""
    kept = {}
    for tags, fields, time in rows:
        kept.setdefault((tuple(sorted(tags.items())), time), {}).update(fields)
    return [(dict(tags), fields, time) for (tags, time), fields in kept.items()]


def folded(function, found):
    """What a function makes of [(time, value)], None for nothing."""
    if not found:
        return None
    values = [value for _, value in found]
    match function:
        case "mean":
            return sum(values) / len(values)
        case "first":
            return max(found, key=lambda point: (-point[0], point[1]))[1]
        case "last":
            return max(found)[1]
    return {"count": len, "sum": sum, "min": min, "max": max}[function](values)


def by_hand(rows, asked, names, fits, low, high, width, offset):
    """{group: {begin of the window: [value of each column]}} of windows in which any column has a value."""
    cells = {}
    for tags, fields, time in rows:
        if low <= time <= high and fits(tags, fields):
            window = time - (time - offset) % width if width else low
            group = tuple(tags.get(name, "") for name in sorted(names))
            cells.setdefault(group, {}).setdefault(window, []).append((time, fields))
    answer = {}
    for group, windows in cells.items():
        for window, found in sorted(windows.items()):
            line = [folded(fn, [(t, f[name]) for t, f in found if name in f]) for fn, name in asked]
            if any(value is not None for value in line):
                answer.setdefault(group, {})[window] = line
    return answer


@examples(max_examples=150)
@given(
    points,
    columns,
    groupings,
    conditions,
    st.tuples(st.integers(-45, 0), st.integers(-5, 45)),
    st.integers(0, 30),
    st.integers(-20, 20),
)
def test_functions_over_windows_and_groups_are_those_of_a_walk_over_all_points(
    rows, asked, names, condition, ends, width, offset
):
    (low, high), (text, fits) = ends, condition
    if not width and len(set(asked)) == 1:
        asked = [*asked, ("count", "f"), ("mean", "f")]  # one selector alone would answer at its point's own time
    made = ", ".join(f"{function}({name})" for function, name in asked)
    grouped = ", ".join(([f"time({width}ns, {offset}ns)"] if width else []) + names)
    q = f"SELECT {made} FROM m WHERE time >= {low} AND time <= {high} AND ({text})"
    q += f" GROUP BY {grouped}" * bool(grouped) + " fill(none)"

    with tempfile.TemporaryDirectory() as folder:
        store = SmallStore(Path(folder))
        store.create("d")
        store.get("d").write(("m", tags, fields, time) for tags, fields, time in rows)
        (result,) = answer(store, q, "d", "ns", NOW, "GET")["results"]

    told = {
        tuple(s.get("tags", {}).values()): {t: values for t, *values in s["values"]} for s in result.get("series", [])
    }
    assert "error" not in result
    assert told == by_hand(written(rows), asked, names, fits, low, high, width, offset)


@examples(max_examples=100)
@given(points, groupings, conditions, st.booleans(), st.integers(0, 4), st.integers(0, 3))
def test_points_are_those_that_a_walk_finds_in_order_and_page(rows, names, condition, newest_first, limit, offset):
    text, fits = condition
    q = f"SELECT f, i, h FROM m WHERE {text}" + (f" GROUP BY {', '.join(names)}" if names else "")
    q += " ORDER BY time DESC" * newest_first + (f" LIMIT {limit}" if limit else "") + f" OFFSET {offset}"

    with tempfile.TemporaryDirectory() as folder:
        store = SmallStore(Path(folder))
        store.create("d")
        store.get("d").write(("m", tags, fields, time) for tags, fields, time in rows)
        (result,) = answer(store, q, "d", "ns", NOW, "GET")["results"]

    numbers = {tags: at for at, tags in enumerate(dict.fromkeys(tuple(sorted(tags.items())) for tags, _, _ in rows))}
    expected = {}
    for tags, fields, time in sorted(
        written(rows), key=lambda row: (row[2], numbers[tuple(sorted(row[0].items()))]), reverse=newest_first
    ):
        if fits(tags, fields):
            line = [time, fields.get("f"), fields.get("i"), tags.get("h")]
            expected.setdefault(tuple(tags.get(name, "") for name in sorted(names)), []).append(line)
    pages = {group: lines[offset:][: limit or None] for group, lines in expected.items()}
    told = {tuple(s.get("tags", {}).values()): s["values"] for s in result.get("series", [])}
    assert told == {group: lines for group, lines in pages.items() if lines}
