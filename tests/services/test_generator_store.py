"""What the store's answers mean to the generator."""

from __future__ import annotations

import pytest

from atipico.errors import NotYet, Refused
from atipico.generator.store import Partly, StoreWriter
from atipico.store_access import Login, StoreAccess
from recorder import TAKEN, recording
from running_store import free_port

LINE = b"m,host=a x=1 1700000000000000001\n"


@pytest.fixture
def store():
    with recording() as recorder:
        yield recorder


def writer(port: int) -> StoreWriter:
    return StoreWriter(StoreAccess(f"http://127.0.0.1:{port}", Login(token="a token")), "some db", 5.0)


def test_acknowledged_lines_are_in_the_named_database_as_they_were(store):
    writer(store.port).write(LINE)

    assert store.points == {("m", (("host", "a"),), 1700000000000000001): {"x": 1.0}}
    assert "bucket=some+db" in store.requests[0]
    assert "precision=ns" in store.requests[0]


@pytest.mark.parametrize(
    ("status", "headers", "after_s"), [(503, {"Retry-After": "7"}, 7.0), (500, {}, 0.0), (429, {}, 0.0)]
)
def test_a_store_that_can_t_now_is_asked_later(store, status, headers, after_s):
    store.judge = lambda samples: (status, headers, b'{"error":"not now"}')

    with pytest.raises(NotYet, match="not now") as caught:
        writer(store.port).write(LINE)

    assert caught.value.retry_after_s == after_s


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_store_that_does_not_know_us_yet_costs_no_sample(store, status):
    store.judge = lambda samples: (status, {}, b"")

    with pytest.raises(NotYet, match=str(status)):
        writer(store.port).write(LINE)


def test_a_partial_write_tells_how_many_lines_were_dropped(store):
    store.judge = lambda samples: (400, {}, b'{"error":"partial write: field type conflict dropped=3"}')

    with pytest.raises(Partly, match="field type conflict") as caught:
        writer(store.port).write(LINE)

    assert caught.value.dropped == 3


@pytest.mark.parametrize("status", [400, 413, 422])
def test_other_refusals_are_for_ever(store, status):
    store.judge = lambda samples: (status, {}, b'{"error":"never"}')

    with pytest.raises(Refused, match="never") as caught:
        writer(store.port).write(LINE)

    assert not isinstance(caught.value, Partly)


def test_a_store_that_is_not_there_is_asked_later_and_found_when_it_comes(store):
    port = free_port()
    later = writer(port)

    with pytest.raises(NotYet, match="is it up"):
        later.write(LINE)
    with recording(port) as comes:
        later.write(LINE)

    assert len(comes.points) == 1


def test_a_connection_that_the_store_closed_is_opened_anew(store):
    kept = writer(store.port)
    kept.write(LINE)
    store.judge = lambda samples: (204, {"Connection": "close"}, b"")
    kept.write(LINE)
    store.judge = lambda samples: TAKEN

    kept.write(LINE)

    assert len(store.requests) == 3
