"""Line protocol: what is read, what is refused in which words, and that writing and reading are one another's inverse.

The expected values of the tables were got from InfluxDB 1.8.10, except where the name says that we differ.
"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.wire.lines import MAX_LINE, MAX_TIME, Known, blocks, parse, write
from atipico.wire.sample import Sample, Score, outcome

NOW = 1_700_000_000_000_000_000


def only(body: bytes, **more: int) -> Sample:
    """The one sample of a body in which nothing is refused."""
    parsed = parse(body, now=NOW, **more)
    assert parsed.refused == []
    (sample,) = parsed.samples
    return sample


@pytest.mark.parametrize(
    ("line", "measurement", "tags"),
    [
        (rb"a\=b v=1 1", "a=b", {}),
        (rb"a\"b v=1 1", 'a"b', {}),
        (rb"a\,b\ c v=1 1", "a,b c", {}),
        (rb"m,b=1,a=2 v=1 1", "m", {"a": "2", "b": "1"}),
        (
            rb"tg,a\=b=c\=d,e\,f=g\ h,i\"j=k\"l,x=y\\z v=1 1",
            "tg",
            {"a=b": "c=d", "e,f": "g h", 'i\\"j': 'k\\"l', "x": "y\\\\z"},
        ),
        ("größe,ort=Zürich\\ See,日=本 v=1 1".encode(), "größe", {"ort": "Zürich See", "日": "本"}),
    ],
)
def test_names_lose_the_backslashes_that_influxdb_takes_away(line, measurement, tags):
    sample = only(line)

    assert (sample.measurement, dict(sample.tags)) == (measurement, tags)
    assert list(sample.tags) == sorted(tags)


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"1", 1.0), (b"1.", 1.0), (b".5", 0.5), (b"-.5", -0.5), (b"1e5", 1e5), (b"1E+5", 1e5), (b"-2.5e-3", -0.0025)]
    + [(b"5i", 5), (b"-9223372036854775808i", -(2**63)), (b"9223372036854775807i", 2**63 - 1), (b"5u", 5)]
    + [(text, True) for text in (b"t", b"T", b"true", b"True", b"TRUE")]
    + [(text, False) for text in (b"f", b"F", b"false", b"False", b"FALSE")]
    + [(b'""', ""), (rb'"say \"hi\" \\ \n"', 'say "hi" \\ \\n'), (b'"a, b=c\nd\r\ne"', "a, b=c\nd\r\ne")],
)
def test_a_value_is_read_with_its_type(text, value):
    read = only(b"m v=%b 1" % text).fields["v"]

    assert (read, type(read)) == (value, type(value))


def test_a_field_name_may_hold_all_that_delimits():
    sample = only(rb'fk f\"k=1,g\=h=2,i\ j=3,k\,l=4,m"n=5 1')

    assert dict(sample.fields) == {'f"k': 1.0, "g=h": 2.0, "i j": 3.0, "k,l": 4.0, 'm"n': 5.0}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"cpu", "missing fields"),
        (b"c\\", "missing fields"),
        (b"cpu,a=b", "missing fields"),
        (b"cpu ", "invalid field format"),
        (b"cpu v", "invalid field format"),
        (b"cpu v=1,", "invalid field format"),
        (b"cpu v=1,w", "invalid field format"),
        (b"cpu\tv=4 6", "invalid field format"),
        (b"cpu v=", "missing field value"),
        (b"cpu =1", "missing field key"),
        (b"cpu v=1,=2", "missing field key"),
        (b",a=b v=1", "missing measurement"),
        (b"cpu, v=1", "missing tag key"),
        (b"cpu,=b v=1", "missing tag key"),
        (b"cpu,a v=1", "missing tag value"),
        (b"cpu,a= v=1", "missing tag value"),
        (b"cpu,a=b=c v=1", "invalid tag format"),
        (rb"cpu,a=b\ v=1 1", "invalid tag format"),
        (b"cpu,a=1,a=2 v=1", "duplicate tags"),
        (b"cpu,b=1,a=2,b=3 v=1", "duplicate tags"),
        (b"cpu v=NaN", "invalid number"),
        (b"cpu v=nan", "invalid number"),
        (b"cpu v=-inf", "invalid number"),
        (b"cpu v=-", "invalid number"),
        (b"cpu v=.", "invalid number"),
        (b"cpu v=1.1.1", "invalid number"),
        (b"cpu v=1i1", "invalid number"),
        (b"cpu v=inf", "invalid boolean"),
        (b"cpu v=+1", "invalid boolean"),
        (b"cpu v=tru", "invalid boolean"),
        (b"cpu v=1e999", "invalid float"),
        (b"cpu v=1e", "invalid float"),
        (b"cpu v=" + b"9" * 400, "invalid float"),
        (
            b"cpu v=9223372036854775808i",
            "unable to parse integer 9223372036854775808: strconv.ParseInt: "
            'parsing "9223372036854775808": value out of range',
        ),
        (b'cpu v="abc', "unbalanced quotes"),
        (b"cpu v=1 1 1", "point is invalid"),
        (b"cpu v=1 abc", "bad timestamp"),
        (b"cpu v=1 1.5", "bad timestamp"),
        (b"cpu v=1 1\\", "bad timestamp"),
        (b"cpu v=1 %d" % (MAX_TIME + 1), "time outside range -9223372036854775806 - 9223372036854775806"),
        (b"cpu v=1 %d" % (-MAX_TIME - 1), "time outside range -9223372036854775806 - 9223372036854775806"),
        (b"m%b v=1" % (b"m" * 65535), "max key length exceeded: 65541 > 65535"),
    ],
)
def test_a_bad_line_is_refused_in_the_words_of_influxdb_and_its_neighbours_are_kept(line, reason):
    parsed = parse(b"before v=1 1\n%b\nafter v=2 2\n" % line, now=NOW)

    assert [sample.measurement for sample in parsed.samples] == ["before", "after"]
    (bad,) = parsed.refused
    assert (bad.number, bad.reason) == (2, reason)
    assert line.decode().startswith(bad.text.rstrip("…"))
    assert not parsed.verbatim


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff v=1 1", "text is not UTF-8"),
        (b'm v="\xff" 1', "text is not UTF-8"),
        (b"m v=1,\tw=1 1", "missing field key"),
        (b'm v="abc"x 1', "invalid field format"),
        (b"m v=9223372036854775808u 1", "value out of range"),
        (b"m a=1,v=" + b"1" * 10 * 2**20, f"line of {10 * 2**20 + 8} bytes, at most {MAX_LINE} are read"),
        (b'm v="' + b"a\n" * 2**20 + b'" 1', f"at most {MAX_LINE} are read"),
    ],
)
def test_what_influxdb_would_take_and_we_refuse(line, reason):
    parsed = parse(b"before v=1 1\n%b\nafter v=2 2\n" % line, now=NOW)

    assert [sample.measurement for sample in parsed.samples] == ["before", "after"]
    (bad,) = parsed.refused
    assert reason in bad.reason
    assert len(bad.text) <= 201


def test_a_quote_that_never_closes_spoils_its_own_line_alone():
    body = b'a v="open\nb v=1 1\nc s="x" 2\nd v="open\n'

    parsed = parse(body, now=NOW)

    assert [sample.measurement for sample in parsed.samples] == ["b", "c"]
    assert [bad.number for bad in parsed.refused] == [1, 4]


def test_what_stands_in_a_closed_string_is_never_read_as_a_line():
    parsed = parse(b'a v=wrong,s="x\nevil v=1 1\n" 1\nb v=1 1\n', now=NOW)

    assert [sample.measurement for sample in parsed.samples] == ["b"]
    assert [bad.number for bad in parsed.refused] == [1]


def test_white_lines_comments_and_crlf_say_nothing():
    parsed = parse(b'# a "comment\r\n\r\n \t\n  cpu v=3 7  \r\ncpu  v=4i  8\r\ncpu s="x"\r\n', now=NOW)

    assert parsed.refused == []
    assert [(dict(sample.fields), sample.time) for sample in parsed.samples] == [
        ({"v": 3.0}, 7),
        ({"v": 4}, 8),
        ({"s": "x"}, NOW),
    ]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9, 60 * 10**9])
def test_a_time_is_counted_in_the_unit_of_the_body_and_may_not_overflow(unit):
    assert only(b"m v=1 -12", unit=unit).time == -12 * unit
    assert only(b"m v=1 %d" % (MAX_TIME // unit), unit=unit).time == MAX_TIME // unit * unit

    (bad,) = parse(b"m v=1 %d" % (MAX_TIME // unit + 1), unit=unit, now=NOW).refused
    assert bad.reason.startswith("time outside range")


def test_lines_without_time_never_share_one():
    numbered = parse(b"m v=1\nm v=1\nm v=2 5\nm v=1\n" * 3, now=NOW).samples
    clocked = parse(b"m v=1\n" * 5, now=itertools.count(7, 10).__next__).samples

    assert [sample.time for sample in numbered if sample.time != 5] == list(range(NOW, NOW + 9))
    assert [sample.time for sample in clocked] == [7, 17, 27, 37, 47]


@pytest.mark.parametrize(
    ("body", "verbatim"),
    [
        (b'm,a=1,b=2 v=1,s="a b" 1\nm v=2i 2', True),
        (b"m,b=1,a=2 v=1 1\n", False),
        (b"m v=1\n", False),
        (b"m v=1 1\r\n", False),
        (b"m v=1 1\n\n", False),
        (b"#\nm v=1 1\n", False),
        (b"m  v=1 1\n", False),
        (b"m v=1 1 \n", False),
        (b"m v=1 1\nbad\n", False),
    ],
)
def test_verbatim_tells_whether_the_body_can_be_kept_as_it_is(body, verbatim):
    assert {parse(body, now=NOW, known=known).verbatim for known in (None, Known())} == {verbatim}
    assert not parse(body, now=NOW, unit=1000).verbatim

    again = Known()
    assert [parse(body, now=NOW, known=again).verbatim for _ in range(4)] == [verbatim] * 4


def test_a_large_body_can_be_read_in_steps():
    body = b"".join(b"m v=%d %d\n" % (i, i) if i % 7 else b"bad %d\n" % i for i in range(1000))

    steps = list(blocks(body, now=NOW, most=64))

    whole = parse(body, now=NOW)
    assert max(len(step.samples) + len(step.refused) for step in steps) == 64
    assert [sample for step in steps for sample in step.samples] == whole.samples
    assert [bad for step in steps for bad in step.refused] == whole.refused
    assert b"".join(body[step.start : step.end] for step in steps) == body

    small = list(blocks(body, now=NOW, size=100))
    assert all(
        body.count(b"\n", step.start, step.start + 100) <= len(step.samples) + len(step.refused) for step in small
    )
    assert [sample for step in small for sample in step.samples] == whole.samples


def test_samples_of_one_head_share_their_tags():
    samples = parse(b"m,a=1 v=1,w=2 1\n" * 5, now=NOW, known=Known()).samples

    assert len({id(sample.tags) for sample in samples[2:]}) == 1


# ---------------------------------------------------------------- properties

writable = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=8)
keys = (writable | st.text("\\, =\"'#\tä", min_size=1, max_size=6)).filter(lambda text: not text.endswith("\\"))
names = keys.filter(lambda text: text[0] not in "#\t\0")
values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text('\\"\n\r ,=', max_size=8),
)
samples = st.builds(
    Sample,
    names,
    st.dictionaries(keys, keys, max_size=3),
    st.dictionaries(names, values, min_size=1, max_size=4),
    st.integers(-MAX_TIME, MAX_TIME),
)


def exactly(sample: Sample) -> tuple[object, ...]:
    """A sample with its types and signs: 1, 1.0 and True are three things, 0.0 and -0.0 two."""
    fields = [(name, type(value), repr(value)) for name, value in sample.fields.items()]
    return sample.measurement, sorted(sample.tags.items()), fields, sample.time


@settings(max_examples=200)
@given(st.lists(samples, max_size=4))
def test_what_is_written_reads_back_the_same(written):
    body = write(written)

    for known in (None, Known()):
        read = parse(body, now=NOW, known=known)
        assert read.refused == []
        assert [exactly(sample) for sample in read.samples] == [exactly(sample) for sample in written]


words = rb"""m ,a=1 ,b=2 v= w= 1 2.5 -3e7 1e99 5i 123456789012345678i 9223372036854775808i t false "x" " "q\" \ , = #"""
white = rb"~|~|\n|\n|\r\n|\t|\0|~17|~18446744073709551616|\xff|\xc3\xa4|m~v=1~1\n|m,a=1~v=1,w=2i~5\n|m~s='a~b',v=t~6\n"
unescaped = white.decode("unicode_escape").encode("latin-1").replace(b"~", b" ").replace(b"'", b'"')
pieces = st.sampled_from([*words.split(), *unescaped.split(b"|")])


@settings(max_examples=200)
@given(st.lists(st.lists(pieces, max_size=12).map(b"".join), max_size=4).map(b"".join))
def test_the_quick_way_reads_what_the_exact_way_reads(body):
    known = Known()
    exact = parse(body * 3, now=NOW, known=None)

    quick = [parse(body * 3, now=NOW, known=known) for _ in range(3)][-1]

    assert list(map(exactly, quick.samples)) == list(map(exactly, exact.samples))
    assert (quick.refused, quick.verbatim) == (exact.refused, exact.verbatim)


@settings(max_examples=200)
@given(st.lists(st.lists(pieces, max_size=12).map(b"".join), max_size=4).map(b"".join))
def test_whatever_is_read_can_be_written_and_is_the_same_then(body):
    read = parse(b"m," + body, now=NOW).samples + parse(body, now=NOW).samples

    assert list(map(exactly, parse(write(read), now=0).samples)) == list(map(exactly, read))


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_no_bytes_make_it_fail(body):
    parsed = parse(body, now=NOW)

    assert len(parsed.samples) + len(parsed.refused) <= body.count(b"\n") + 1


@pytest.mark.parametrize(
    "sample",
    [
        Sample("", {}, {"v": 1.0}, 1),
        Sample("#m", {}, {"v": 1.0}, 1),
        Sample("\tm", {}, {"v": 1.0}, 1),
        Sample("m\\", {}, {"v": 1.0}, 1),
        Sample("m\nn", {}, {"v": 1.0}, 1),
        Sample("m", {"": "x"}, {"v": 1.0}, 1),
        Sample("m", {"x": ""}, {"v": 1.0}, 1),
        Sample("m", {"x": "y\\"}, {"v": 1.0}, 1),
        Sample("m", {}, {}, 1),
        Sample("m", {}, {"": 1.0}, 1),
        Sample("m", {}, {"v": math.nan}, 1),
        Sample("m", {}, {"v": -math.inf}, 1),
        Sample("m", {}, {"v": 2**63}, 1),
        Sample("m", {}, {"v": None}, 1),
        Sample("m", {}, {"v": "\ud800"}, 1),
        Sample("m", {}, {"v": 1.0}, 2**63 - 1),
        Sample("m" * 65535, {}, {"v": 1.0}, 1),
        Sample("m", {}, {"v": "x" * MAX_LINE}, 1),
    ],
)
def test_what_has_no_form_is_refused(sample):
    with pytest.raises(Refused):
        write([Sample("m", {}, {"v": 1.0}, 1), sample])


def test_an_outcome_reads_back_as_it_was():
    sample = Sample("payments", {"shard": "3"}, {"amount": 12.5}, NOW)
    row = outcome(sample, Score(0.25, 0.5, False, "payments@1", True, 'amount is "odd", 3\\4'), "payments")

    parsed = parse(write([row]), now=0)

    assert parsed.samples == [row]
    assert parsed.verbatim
