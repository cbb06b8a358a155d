"""The host's small parts: what it remembers on disk, what it waits for, what it writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atipico.agent.app import AgentSettings
from atipico.config import load
from atipico.errors import NotYet
from atipico.registry.jobs import Job
from atipico.stream.jobs import readable_jobs
from atipico.stream.ledger import KEPT, MOST_BACK, Ledger, Mark
from atipico.stream.outcomes import OutcomeLines
from atipico.stream.outgoing import Outgoing, Reader
from atipico.stream.pending import MOST_BYTES, Pending
from atipico.stream.section import Section, section
from atipico.stream.settings import HostSettings
from atipico.stream.store import LogBlock
from atipico.wire.lines import parse
from atipico.wire.points import AnswerWriter, write_point
from atipico.wire.sample import Sample, Score, outcome, sample_tags
from atipico.wire.snapshot import Snapshot

SCORE = Score(0.25, 0.5, False, "test@1", True, "")


def answer(time: int, score: Score = SCORE) -> bytes:
    return AnswerWriter().write(write_point(Sample("m", {}, {}, time), "atipico", "", []), score)


def test_a_ledger_goes_on_at_the_newest_mark_it_committed(tmp_path):
    ledger = Ledger(tmp_path / "host" / "payments.json")
    assert ledger.newest() == Mark(None, "")

    for offset in range(5):
        ledger.commit(Mark(offset, f"snapshot {offset}"))
    again = Ledger(tmp_path / "host" / "payments.json")

    assert again.newest() == Mark(4, "snapshot 4")
    fallen = []
    for _ in range(KEPT):
        fallen.append(again.newest().offset)
        again.drop_newest()
    assert (fallen, again.newest()) == ([4, 3, 2], Mark())


def test_a_stream_that_pauses_leaves_the_older_snapshots_to_fall_back_to(tmp_path):
    ledger = Ledger(tmp_path / "payments.json")
    ledger.commit(Mark(10, "older"))

    for offset in (20, 30, 40, 50):
        ledger.commit(Mark(offset, "newest"))

    assert ledger.newest() == Mark(50, "newest")
    ledger.drop_newest()
    assert ledger.newest() == Mark(10, "older")


@pytest.mark.parametrize("torn", [b"", b'[[1,"x"', b'{"a":1}', b'[["x",1]]'])
def test_a_torn_ledger_counts_as_none(tmp_path, torn):
    (tmp_path / "payments.json").write_bytes(torn)

    assert Ledger(tmp_path / "payments.json").newest() == Mark()


def test_a_ledger_that_is_torn_goes_on_with_the_one_before_it(tmp_path):
    path = tmp_path / "payments.json"
    ledger = Ledger(path)
    for offset in (1, 2):
        ledger.commit(Mark(offset, f"snapshot {offset}"))

    path.write_bytes(path.read_bytes()[:9])

    assert Ledger(path).newest() == Mark(1, "snapshot 1")
    path.write_bytes(b'[[7,"of a version before"]]')
    assert Ledger(path).newest() == Mark(7, "of a version before")


def test_a_job_goes_back_to_the_newest_mark_whose_clock_is_before_the_late_sample(tmp_path):
    ledger = Ledger(tmp_path / "payments.json")
    marks = [Mark(offset, Snapshot(offset, clock=100 * offset).to_bytes().decode()) for offset in (1, 2, 3)]
    for mark in marks:
        ledger.commit(mark)

    assert [ledger.before(clock) for clock in (301, 300, 101, 100)] == [marks[2], marks[1], marks[0], None]
    ledger.go_back(marks[1])
    assert Ledger(tmp_path / "payments.json").newest() == marks[1]
    assert ledger.oldest == 1


def test_a_stream_that_rests_keeps_no_more_of_the_log_than_it_might_go_back_over(tmp_path):
    ledger = Ledger(tmp_path / "payments.json")
    for offset in (10, 20, 30):
        ledger.commit(Mark(offset, f"snapshot {offset}"))
    assert ledger.oldest == 10

    ledger.commit(ledger.newest()._replace(offset=30 + MOST_BACK))

    assert ledger.oldest == 30


def test_where_nothing_is_known_is_before_all_samples(tmp_path):
    ledger = Ledger(tmp_path / "payments.json")
    ledger.commit(Mark(7))

    assert ledger.before(-(2**62)) == Mark(7)


def sent(*clocks: int) -> list[Outgoing]:
    return [Outgoing(clock, 0, "head", b"point") for clock in clocks]


def test_a_section_has_its_mark_so_far_back_that_what_is_allowed_to_be_late_is_behind_it():
    section = Section(sent(10, 40, 60, 90, 100), [3, 1, 2, 5, 4], end=9, floor=-1)

    assert list(section.parts(late=50)) == [
        (sent(10, 40), Mark(2, until=9, floor=49)),
        (sent(60, 90, 100), None),
    ]
    assert [mark for _, mark in section.parts(late=200)] == [None]


def test_a_section_of_only_what_is_far_too_late_is_behind_its_mark_whole():
    section = Section(sent(10, 20), [3, 1], end=9, floor=70)

    assert list(section.parts(late=50)) == [(sent(10, 20), Mark(9, until=9, floor=70)), ([], None)]


def test_a_section_from_a_mark_in_the_midst_of_another_leaves_out_what_that_knows():
    lines = {0: b"m v=1 10\nm v=2 50", 20: b"m v=3 30", 40: b"m v=4 20\nm v=5 60"}
    job = Job("j", "model", "m", ())

    def read(offset: int, until: int) -> LogBlock:
        return LogBlock(lines[offset], offset, offset + 20, 60)

    told = section(read, Reader(job, OutcomeLines("j", "scores")), Mark(0, "x", until=40, floor=30), 60, None)

    assert told is not None
    assert [one.time for one in told.sent] == [20, 50, 60]
    assert section(read, Reader(job, OutcomeLines("j", "scores")), Mark(0, "x"), 60, 20) is None


def test_answers_become_rows_in_the_order_of_what_was_sent():
    pending = Pending(most=10)
    pending.add([("a", 1), ("b", 2), ("c", 3)])

    rows = pending.answered([answer(1), answer(2)])

    assert [(row.head, row.time) for row in rows] == [("a", 1), ("b", 2)]
    assert len(pending) == 1


@pytest.mark.parametrize("times", [[2], [1, 3], [1, 2, 3]])
def test_an_answer_that_is_not_the_next_one_is_never_taken_for_another_samples(times):
    pending = Pending(most=10)
    pending.add([("a", 1), ("b", 2)])

    with pytest.raises(NotYet):
        pending.answered([answer(time) for time in times])


def test_the_sender_is_held_while_too_many_are_unanswered():
    pending = Pending(most=2)
    pending.add([("a", 1), ("b", 2)])
    assert not pending.wait_for_room(0)

    pending.answered([answer(1)])

    assert pending.wait_for_room(0)


def test_labels_alone_hold_the_sender_until_the_agent_has_answered_something_behind_them():
    behind, snapshot = Pending(most=10), Pending(most=10)
    for pending in (behind, snapshot):
        pending.add([("a", 1)], 100)
        pending.add([], MOST_BYTES)
    behind.add([("b", 2)], 100)
    snapshot.add_snapshot(Mark(7))

    for pending in (behind, snapshot):
        pending.answered([answer(1)])
        pending.answered([])  # as with a keepalive, which is answered before them
        assert not pending.wait_for_room(0)
    behind.answered([answer(2)])
    snapshot.snapshot_taken()

    assert behind.wait_for_room(0)
    assert snapshot.wait_for_room(0)


def test_a_snapshot_nobody_asked_for_is_not_committed():
    pending = Pending(most=2)
    pending.add_snapshot(Mark(7))

    assert pending.snapshot_mark() == Mark(7)
    pending.snapshot_taken()
    assert not pending.snapshot_asked()
    with pytest.raises(NotYet):
        pending.snapshot_mark()


names = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=6).filter(lambda s: s[-1] != "\\")


@given(
    st.dictionaries(names, names, max_size=3),
    st.builds(
        Score,
        st.floats(0, 1),
        st.floats(0, 1),
        st.booleans(),
        st.text(max_size=9),
        st.booleans(),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ),
    st.integers(0, 2**62),
)
def test_an_outcomes_line_reads_back_as_the_outcome(tags, score, time):
    sample = Sample("payments", tags, {"amount": 1.0}, time)
    lines = OutcomeLines("job 1", "scores")

    line = lines.line(lines.head(sample.measurement, sample.tags), score, time)

    assert parse(line.encode(), now=0).samples == [outcome(sample, score, "job 1")]


@pytest.mark.parametrize("name", ["source", "atipico_job", "sample_source", "sample_sample_atipico_job"])
def test_samples_that_differ_in_a_tag_the_outcome_needs_have_an_outcome_each(name):
    all_tags = [{name: "north"}, {name: "south"}, {}, {f"sample_{name}": "north"}]

    rows = [outcome(Sample("weather", tags, {"temp": 1.0}, 5), SCORE, "job") for tags in all_tags]

    assert len({tuple(row.tags.items()) for row in rows}) == len(all_tags)
    assert all((row.tags["atipico_job"], row.tags["source"]) == ("job", "weather") for row in rows)
    assert [sample_tags(row.tags) for row in rows] == all_tags


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_becomes_an_unscored_row(number):
    lines = OutcomeLines("job", "scores")

    line = lines.line(lines.head("payments", {}), SCORE._replace(score=number), 5)
    row = parse(line.encode(), now=0).samples[0]

    assert row.fields["scored"] is False
    assert str(number) in row.fields["why"]


def test_a_job_whose_file_is_wrong_costs_the_others_nothing(tmp_path):
    (tmp_path / "good.toml").write_text('model = "m"\nstream = "s"\n[features]\nx = "x"\n')
    (tmp_path / "torn.toml").write_text('model = "m"\nstream = ')

    assert list(readable_jobs(tmp_path)) == ["good"]


@pytest.mark.parametrize(
    ("settings", "port", "everyones", "its_own"),
    [
        (HostSettings, "store_port", "ATIPICO_STORE_PORT", "ATIPICO_HOST_STORE_PORT"),
        (AgentSettings, "classifier_port", "ATIPICO_CLASSIFIER_PORT", "ATIPICO_AGENT_CLASSIFIER_PORT"),
    ],
)
def test_a_part_can_be_pointed_at_another_port_than_that_which_all_are_told(
    monkeypatch, settings, port, everyones, its_own
):
    monkeypatch.setenv(everyones, "20001")
    told_like_all = getattr(load(settings), port)
    monkeypatch.setenv(its_own, "20002")

    assert (told_like_all, getattr(load(settings), port)) == (20001, 20002)
