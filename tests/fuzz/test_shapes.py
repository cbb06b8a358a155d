"""Well-formed input of every shape, where bytes seldom come by chance: whole samples, whole conversations."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atipico.store.databases import Databases
from atipico.store.settings import StoreSettings
from atipico.wire.frames import frame, point_frames
from atipico.wire.lines import write
from atipico.wire.points import write_point
from atipico.wire.sample import Sample
from atipico.wire.udf_pb2 import Request
from fuzz.targets import session, written

few = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
names = st.sampled_from(["m", 'm"', "m;--", "m 1", "m,1", "m=1", "ä", "sqlite_master", "*", "\x7f", "a\\b"])
values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
stored = st.builds(
    Sample,
    names,
    st.dictionaries(names.map("tag {}".format), names, max_size=2),
    st.dictionaries(names, values, min_size=1, max_size=3),
    st.sampled_from([-(2**62), -1, 0, 1, 2, 10**18, 2**62]),
)


@few
@given(st.lists(stored, min_size=1, max_size=8))
def test_what_is_accepted_is_in_the_log_and_in_the_rows_of_a_query(tmp_path, samples):
    number = sum(1 for _ in tmp_path.iterdir())
    databases = Databases(StoreSettings(data=str(tmp_path / str(number))))
    try:
        written.check(databases, write(samples))
    finally:
        databases.close()


fields = st.dictionaries(
    st.sampled_from(["heat", "pump", "event_time", "id", "label", "x"]),
    st.one_of(st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.sampled_from(["", "a", "1"])),
    max_size=6,
)
good = st.builds(
    lambda heat, pump, id, at: {"heat": heat, "pump": pump, "id": id, "event_time": at},
    st.floats(-1e6, 1e6),
    st.integers(0, 2),
    st.integers(0, 5),
    st.integers(0, 10**11),
)
points = st.builds(
    lambda measurement, fields, at: write_point(Sample(measurement, {}, fields, at), "d", "", []),
    st.sampled_from(["pump", "labels"]),
    good | fields,
    st.integers(-(2**63), 2**63 - 1),
)
messages = st.one_of(
    st.lists(points, min_size=1, max_size=5).map(point_frames),
    st.sampled_from(["snapshot", "keepalive", "begin", "end"]).map(
        lambda kind: frame(Request(**{kind: {}}).SerializeToString())
    ),
    st.sampled_from([b"", b'{"checkpoint":1}', b'{"checkpoint":9,"shape":"x"}']).map(
        lambda snapshot: frame(Request(restore={"snapshot": snapshot}).SerializeToString())
    ),
)
beginnings = st.sampled_from([{"rewind": "yes", "labels": "labels"}, {}, {"labels": "labels"}, {"rewind": "no"}])


@few
@given(beginnings, st.lists(messages, max_size=6))
def test_a_session_of_any_messages_ends_with_whole_answers(options, told):
    session.attack(session.init(job="pumps", **options) + b"".join(told))
