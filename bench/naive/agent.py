"""The agent as it is written first: a byte at a time in, one request a sample, the whole point back, flushed each.

Speaks Kapacitor's UDF protocol as our own agent does, so that the same host can stand before both. It keeps
no windows and takes no snapshots: what it sends on are the sample's own numbers.
"""

from __future__ import annotations

import argparse
import socket
from typing import BinaryIO

import requests

from atipico.wire.udf_pb2 import STREAM, InfoResponse, Point, Request, Response

THRESHOLD, VERSION = 0.5, "naive@1"


def read_request(stream: BinaryIO) -> Request | None:
    """The next message, None at the end of the stream."""
    size = shift = 0
    while byte := stream.read(1):
        size |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return Request.FromString(stream.read(size))
    return None


def write_response(stream: BinaryIO, response: Response) -> None:
    """One message, a byte of its length at a time, sent at once."""
    message = response.SerializeToString()
    size = len(message)
    while size > 0x7F:
        stream.write(bytes([size & 0x7F | 0x80]))
        size >>= 7
    stream.write(bytes([size]))
    stream.write(message)
    stream.flush()


def scored(point: Point, url: str) -> Point:
    """The point with all that it had, and its score. Raises requests.RequestException when there is none."""
    answer = requests.post(url, json={**point.fieldsDouble, **point.fieldsInt}, timeout=60)
    answer.raise_for_status()
    score = float(answer.json()["score"])
    out = Point()
    out.CopyFrom(point)
    out.fieldsDouble["score"] = score
    out.fieldsDouble["threshold"] = THRESHOLD
    out.fieldsBool["anomalous"] = score >= THRESHOLD
    out.fieldsBool["scored"] = True
    out.fieldsString["version"] = VERSION
    out.fieldsString["why"] = ""
    return out


def answer_to(request: Request, url: str) -> Response:
    """What a request is answered, in its turn."""
    kind = request.WhichOneof("message")
    if kind == "point":
        return Response(point=scored(request.point, url))
    if kind == "info":
        return Response(info=InfoResponse(wants=STREAM, provides=STREAM))
    if kind == "init":
        return Response(init={"success": True})
    if kind == "keepalive":
        return Response(keepalive={"time": request.keepalive.time})
    if kind == "snapshot":
        return Response(snapshot={"snapshot": b""})
    if kind == "restore":
        return Response(restore={"success": True})
    return Response(error={"error": f"{kind} is nothing this agent knows"})


def serve(connection: socket.socket, url: str) -> None:
    """Answer a host until it ends the connection."""
    with connection, connection.makefile("rb") as requests_in, connection.makefile("wb") as answers_out:
        while (request := read_request(requests_in)) is not None:
            write_response(answers_out, answer_to(request, url))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--socket", required=True, help="the Unix socket to listen on")
    words.add_argument("--url", required=True, help="where a sample is posted to for its score")
    given = words.parse_args()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(given.socket)
        listener.listen()
        while True:
            try:
                serve(listener.accept()[0], given.url)
            except (ConnectionError, BrokenPipeError) as error:
                print(f"connection lost: {error}")


if __name__ == "__main__":
    main()
