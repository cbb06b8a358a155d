"""All that a host may send an agent: the session ends, answers in whole messages, and breaks on nothing."""

from __future__ import annotations

import socket
import threading
import time

import numpy as np

from atipico.agent.session import Session
from atipico.agent.works import Works
from atipico.ports import ModelInfo, Scored
from atipico.wire.frames import Splitter, frame, point_frames
from atipico.wire.points import write_point
from atipico.wire.sample import Sample
from atipico.wire.udf_pb2 import Request, Response
from fuzz.folders import scratch

_JOB = """
model = "test"
stream = "pump"
clock = "event_time"
[labels]
id = "id"
delay = "1s"
[features]
heat = "heat"
z = { z = "heat", by = "pump", over = 50 }
known = { mean = "label", by = "pump", over = "1d" }
"""
_COLUMNS = ("heat", "z", "known")
_WITHIN_S = 5.0


class _Scorer:
    def info(self) -> ModelInfo:
        return ModelInfo("test@1", _COLUMNS, 0.5, dict.fromkeys(_COLUMNS, (0.0, 1.0)))

    def score(self, rows: np.ndarray) -> Scored:
        assert rows.dtype == np.float64
        assert rows.shape[1] == len(_COLUMNS)
        assert np.isfinite(rows).all(), "a scorer was asked for what is no number"
        return Scored(1 / (1 + np.exp(-np.clip(rows[:, 0], -50, 50))), 0.5, "test@1", {})


def _framed(**message: object) -> bytes:
    return frame(Request(**message).SerializeToString())  # type: ignore[arg-type]


def init(**options: str) -> bytes:
    given = [{"name": k, "values": [{"type": "STRING", "stringValue": v}]} for k, v in options.items()]
    return _framed(init={"options": given, "taskID": "test"})


def point(at: int, measurement: str = "pump", **fields: object) -> bytes:
    return write_point(Sample(measurement, {"shard": "0"}, fields, at), "d", "shard=0", ["shard"])  # type: ignore[arg-type]


_PUMP = point(7, heat=20.5, pump=3, id=1, event_time=1000)
_LABEL = point(8, "labels", id=1, label=1)
WORDS = [init(job="pumps", rewind="yes", labels="labels"), init(job="pumps"), init(job="../pumps"), _framed(info={})]
WORDS += [point_frames([_PUMP]), point_frames([_LABEL]), _framed(snapshot={}), _framed(restore={"snapshot": b"{}"})]
WORDS += [_framed(restore={"snapshot": b'{"checkpoint":1}'}), _framed(keepalive={"time": 1}), _framed(begin={})]
WORDS += [_framed(end={}), b"heat", b"pump", b"event_time", b"id", b"label"]

_home = scratch()
(_home / "jobs").mkdir()
(_home / "jobs" / "pumps.toml").write_text(_JOB)


def attack(data: bytes) -> None:
    state = _home / "agent"
    works = Works(_home / "jobs", state, lambda job, stop: _Scorer())
    mine, its = socket.socketpair()
    heard: list[bytes] = []
    reader = threading.Thread(target=_hear, args=(mine, heard), daemon=True)
    reader.start()
    mine.sendall(data)
    mine.shutdown(socket.SHUT_WR)
    begun = time.monotonic()
    Session(its, works.open).run()
    reader.join(_WITHIN_S)
    mine.close()
    assert time.monotonic() - begun < _WITHIN_S
    splitter = Splitter()
    for message in splitter.feed(b"".join(heard)):
        answer = Response.FromString(message)
        assert answer.WhichOneof("message"), "an answer that says nothing"
        assert "the agent failed on a block" not in answer.error.error, answer.error.error
    assert splitter._rest == b"", "an answer that is cut"
    assert {path.name for path in _home.iterdir()} <= {"jobs", "agent"}
    assert not state.exists() or {path.name for path in state.iterdir()} <= {"pumps"}


def _hear(connection: socket.socket, heard: list[bytes]) -> None:
    while data := connection.recv(2**20):
        heard.append(data)
