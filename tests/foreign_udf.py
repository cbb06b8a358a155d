"""Somebody else's UDF, for tests beside ours: gives each point back with one field more.

python tests/foreign_udf.py SOCKET
"""

from __future__ import annotations

import socket
import threading

from atipico.wire.frames import Splitter, frame
from atipico.wire.udf_pb2 import STREAM, Request, Response


def answer(request: Request) -> Response:
    kind = request.WhichOneof("message")
    if kind == "info":
        return Response(info={"wants": STREAM, "provides": STREAM, "options": {}})
    if kind == "keepalive":
        return Response(keepalive={"time": request.keepalive.time})
    if kind == "point":
        request.point.fieldsDouble["mirrored"] = 1.0
        return Response(point=request.point)
    return {
        "init": Response(init={"success": True}),
        "snapshot": Response(snapshot={"snapshot": b""}),
        "restore": Response(restore={"success": True}),
    }[kind]


def serve(connection: socket.socket) -> None:
    splitter = Splitter()
    while data := connection.recv(2**16):
        for message in splitter.feed(data):
            connection.sendall(frame(answer(Request.FromString(message)).SerializeToString()))
    connection.close()


def main(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
