"""Random points, and random statements of InfluxQL about them."""

from __future__ import annotations

import re

from hypothesis import strategies as st

BASE = 1_600_000_000  # s; the points lie in the four minutes behind it
SPAN = 240
S = 10**9

_floats = st.integers(-40, 40).map(lambda n: n / 4)
_fields = {
    "m": {
        "f": _floats.map(str),
        "i": st.integers(-20, 20).map(lambda n: f"{n}i"),
        "b": st.sampled_from(["true", "false"]),
        "s": st.sampled_from(["ho", "hi", "x y", ""]).map(lambda text: f'"{text}"'),
    },
    "n": {"f": _floats.map(str), "g": _floats.map(str), "i": st.integers(-5, 5).map(lambda n: f"{n}i")},
}
_tags = {"h": ["a", "b", "c"], "k": ["x", "y z"]}


@st.composite
def points(draw):
    """Line protocol: no two points of one time and no two equal values of f, so that every order is one."""
    times = draw(st.lists(st.integers(0, SPAN * 4), unique=True, min_size=12, max_size=60))
    return "\n".join(draw(_point(BASE * S + time * S // 4, number)) for number, time in enumerate(times))


@st.composite
def _point(draw, time, number):
    measurement = draw(st.sampled_from(["m", "m", "m", "n"]))
    known = _fields[measurement]
    names = draw(st.lists(st.sampled_from(sorted(known)), unique=True, min_size=1))
    tags = [f",{tag}={draw(st.sampled_from(values))}" for tag, values in _tags.items() if draw(st.integers(0, 3))]
    own = {"f": f"{draw(st.integers(-40, 40)) / 4 + number / 1024}"}
    fields = ",".join(f"{name}={own.get(name) or draw(known[name])}" for name in names)
    return f"{measurement}{''.join(tags)} {fields} {time}".replace("k=y z", "k=y\\ z")


_windows = st.sampled_from(["5s", "10s", "7s, 2s", "30s", "1m, -13s", "45s, 100s"])
_of_numbers = ["count", "sum", "mean", "min", "max", "first", "last", "median", "mode", "stddev", "spread"]
_of_all = ["count", "first", "last", "mode"]
_numeric = st.sampled_from(["f", "i"])
_any = st.sampled_from(["f", "i", "f", "i", "b", "s", "g", "nothing"])
_units = st.sampled_from(["", "", ", 1s", ", 10s", ", 500ms"])
_steps = ["derivative", "non_negative_derivative", "difference", "non_negative_difference", "cumulative_sum", "elapsed"]


@st.composite
def _fold(draw, field=None):
    """A function over the points of a window."""
    which = draw(st.integers(0, 9))
    if which == 0 and field is None:  # of f alone: which of equal values has a rank is left open
        return f"percentile(f, {draw(st.sampled_from(['0', '5', '50', '90.5', '100']))})"
    if which == 1:
        return f"count(distinct({field or draw(_any)}))"
    if which == 2 and field is None:
        return f"{draw(st.sampled_from(_of_all))}({draw(_any)})"
    return f"{draw(st.sampled_from(_of_numbers))}({field or draw(_numeric)})"


@st.composite
def _step(draw, inner):
    name = draw(st.sampled_from([*_steps, "moving_average"]))
    if name == "moving_average":
        return f"{name}({inner}, {draw(st.integers(2, 4))})"
    timed = name.endswith("derivative") or name == "elapsed"
    return f"{name}({inner}{draw(_units) if timed else ''})"


@st.composite
def _computed(draw, of):
    """Arithmetic and mathematics over what `of` draws."""
    which = draw(st.integers(0, 5))
    if which == 0:
        return f"{draw(st.sampled_from(['abs', 'floor', 'ceil', 'round', 'sin', 'exp', 'atan']))}({draw(of)})"
    if which == 1:
        return f"-{draw(of)}"
    left, op = draw(of), draw(st.sampled_from("+-*/%"))
    right = draw(st.one_of(of, st.sampled_from(["2", "0.5", "3", "0", "(1 + 2) * 4"])))
    return f"{left} {op} ({right})" if which < 4 else f"({right}) {op} {left}"


_CONDITIONS = """
h = 'a'
h != 'a'
k = ''
k != ''
k = 'y z'
h =~ /a|b/
h !~ /a/
k =~ /^$/
f > 0
f <= 1.5
i >= 2
i != 3
f = 0
b = true
b != true
s = 'ho'
s != 'ho'
s =~ /h/
s !~ /^h/
s =~ /^$/ OR h = 'a'
f =~ /1/
f !~ /1/
nothing =~ /x/
nothing !~ /x/
nothing = 'x'
nothing != 'x'
nothing > 3
2 < f
h = 'a' OR f > 2
(h = 'b' AND i < 3) OR k = 'x'
f > 0 AND f < 5
i > 1.5
f > -3
s > 'a'
h > 'a'
b > 1
f = 'x'
h = 3
true
false
g < 3
"""
_condition = st.sampled_from(_CONDITIONS.strip().splitlines())


@st.composite
def _where(draw, bounded):
    parts = []
    low = draw(st.sampled_from([-30, -5, 0, 0, 20, 100]))
    if bounded or draw(st.booleans()):  # without a beginning InfluxDB fills windows since 1677
        parts.append(f"time {draw(st.sampled_from(['>', '>=']))} {draw(_moment(low))}")
    if bounded or draw(st.booleans()):
        high = low + draw(st.sampled_from([10, 100, 200, 300, 300]))
        parts.append(f"time {draw(st.sampled_from(['<', '<=']))} {draw(_moment(high))}")
    parts += [f"({one})" for one in draw(st.lists(_condition, max_size=draw(st.sampled_from([0, 0, 1, 2]))))]
    return f" WHERE {' AND '.join(draw(st.permutations(parts)))}" if parts else ""


@st.composite
def _moment(draw, second):
    return draw(st.sampled_from([f"{BASE + second}s", f"{(BASE + second) * 1000}ms", str((BASE + second) * S)]))


_grouped = st.sampled_from([[], [], ["h"], ["k"], ["h", "k"], ["k", "h"], ["*"], ["/h|z/"], ["zone"], ["h", "zone"]])
_fills = st.sampled_from(
    ["", "", "", " fill(none)", " fill(null)", " fill(previous)", " fill(linear)", " fill(5)", " fill(-0.5)"]
)


@st.composite
def _ending(draw, windows, deep):
    """GROUP BY, fill, order and limits. windows: a width, or ""."""
    grouped = draw(_grouped) + ([f"time({windows})"] if windows else [])
    text = f" GROUP BY {', '.join(grouped)}" if grouped else ""
    text += draw(_fills) if windows or not draw(st.integers(0, 5)) else ""
    if deep:
        return text
    text += draw(st.sampled_from(["", "", "", " ORDER BY time DESC", " ORDER BY time ASC"]))
    # An offset stands with its limit: alone it gives what InfluxDB's own pages call inconsistent.
    wanted = [word for word in ("LIMIT", "OFFSET", "SLIMIT", "SOFFSET") if not draw(st.integers(0, 5))]
    wanted = [word for word in wanted if word.replace("OFFSET", "LIMIT") in wanted]
    return text + "".join(f" {word} {draw(st.integers(1, 4))}" for word in wanted)


_raw = st.one_of(
    st.sampled_from(
        [
            "*",
            "f",
            "f, i",
            "h, f",
            "f, h, k",
            "*::field",
            "b, s",
            "/f|i/",
            "f, nothing",
            "f::field, h::tag",
            "f AS x, i AS x",
        ]
    ),
    _computed(st.sampled_from(["f", "i", "g"])),
    st.lists(_computed(st.sampled_from(["f", "i"])), min_size=1, max_size=2).map(", ".join),
)
_selector = st.sampled_from(["max(f)", "min(i)", "first(f)", "last(s)", "percentile(f, 50)"])
_windowed = st.one_of(
    st.lists(_fold(), min_size=1, max_size=3).map(", ".join),
    _computed(_fold()),
    _fold().flatmap(_step),
    _fold().flatmap(_step).flatmap(_step),
    _computed(_fold().flatmap(_step)),
    st.tuples(_fold(), _fold().flatmap(_step)).map(", ".join),
    st.tuples(_selector, st.sampled_from(["h", "f, i", "s, k"])).map(", ".join),
    st.sampled_from(["distinct(i)", "distinct(s)", "distinct(b)", "DISTINCT f", "top(f, 2)", "bottom(i, 3)"]),
    st.sampled_from(["mean(*)", "max(*)", "first(/f|s/)", "count(*)"]),
)
_unwindowed = st.one_of(
    _windowed,
    _numeric.flatmap(_step),
    _computed(_numeric.flatmap(_step)),
    st.lists(_numeric.flatmap(_step), min_size=2, max_size=2).map(", ".join),
)


@st.composite
def _flat(draw, deep=False, windows=None):
    """A SELECT of measurements. deep: it is a subquery."""
    windows = draw(st.one_of(st.just(""), _windows)) if windows is None else windows
    kind = draw(st.integers(0, 2))
    what = draw(_raw if kind == 0 and not windows else _windowed if windows else _unwindowed)
    source = draw(st.sampled_from(["m", "m", "m", "n", "m, n", "/m|n/"]))
    ending = draw(_ending(windows, deep))
    if what.startswith(("top", "bottom")):  # with a limit InfluxDB chooses among the first points alone
        ending = re.sub(r" (LIMIT|OFFSET) \d", "", ending)
    return f"SELECT {what} FROM {source}{draw(_where(bool(windows)))}{ending}"


_by_outer = st.sampled_from([[], [], ["h"], ["h", "k"]])


@st.composite
def _aligned(draw, bounded):
    """A range that begins with a window: InfluxDB's outer statement ends at a point that lies before its own range."""
    if not bounded and draw(st.booleans()):
        return ""
    low = draw(st.sampled_from([0, 0, 60, 120]))
    return (
        f" WHERE time >= {draw(_moment(low))} AND time < {draw(_moment(low + draw(st.sampled_from([60, 180, 240]))))}"
    )


@st.composite
def _nested(draw):
    """A SELECT of a subquery, whose columns are a and c.

    Where the inner one groups by more tags than the outer, it has one column and no fill(), with which InfluxDB loses
    its way between the groups; and the outer asks for what no order of rows of one time changes.
    """
    inner_windows = draw(st.one_of(st.just(""), st.sampled_from(["5s", "10s"])))
    folds = inner_windows or draw(st.booleans())
    of = _fold() if folds else st.sampled_from(["f", "i", "f", "f + i"])
    of = st.one_of(of, of, of, _fold().flatmap(_step)) if inner_windows else of
    outer_tags = draw(_by_outer)
    more = draw(st.sampled_from([[], [], ["h"], ["h", "k"]]))
    alike = not set(more) - set(outer_tags)
    two = (alike or not folds) and draw(st.booleans())
    columns = f"{draw(of)} AS a" + (f", {draw(of)} AS c" if two else "")
    inner = f"SELECT {columns} FROM {draw(st.sampled_from(['m', 'n', 'm, n']))}{draw(_aligned(bool(inner_windows)))}"
    grouped = more + ([f"time({inner_windows})"] if inner_windows else [])
    inner += f" GROUP BY {', '.join(grouped)}" if grouped else ""
    inner += draw(_fills) if inner_windows and alike else ""
    windows = draw(st.one_of(st.just(""), st.sampled_from(["20s", "1m"])))
    any_order = st.one_of(_fold("a"), _computed(_fold("a"))).filter(lambda text: "mode" not in text)
    both = st.tuples(_fold("a"), _fold("c")).map(", ".join) if two else _fold("a")
    plain = st.sampled_from(["a, c", "a", "a + 1", "a / c", "*"] if two else ["a", "a * 2", "*"])
    ordered = st.one_of(_fold("a"), both, both if windows else plain, _computed(_fold("a")), _outer_step(windows))
    outer = draw(ordered if alike else any_order)
    where = draw(_aligned(bool(windows)))
    if not draw(st.integers(0, 3)):
        where += (" AND " if where else " WHERE ") + draw(
            st.sampled_from(["a > 1", "(a < 5 OR h = 'a')", "nothing = 'x'"])
        )
    grouped = outer_tags + ([f"time({windows})"] if windows else [])
    ending = (f" GROUP BY {', '.join(grouped)}" if grouped else "") + (draw(_fills) if windows else "")
    ending += f" LIMIT {draw(st.integers(1, 3))}" if not draw(st.integers(0, 4)) else ""
    return f"SELECT {outer} FROM ({inner}){where}{ending}"


def _outer_step(windows):
    return _fold("a").flatmap(_step) if windows else _step("a")


flat, nested = _flat(), _nested()
statements = st.one_of(flat, flat, flat, nested)
