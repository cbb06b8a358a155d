"""`serve`: the model of the folder answers /ping and /invocations, JSON or CSV."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import orjson
from flask import Flask, Response, request

from atipico import logs
from atipico.classifier import problems
from atipico.classifier.blocks import read_body
from atipico.engines.sagemaker.folders import Folders
from atipico.errors import NotYet, Refused
from atipico.metrics import SAMPLES_IN, SAMPLES_OUT
from atipico.registry.models import Model
from atipico.registry.shelf import Shelf, open_shelf
from atipico.web import WSGI, serve
from atipico.wire import feature_csv, rows_json

MOST = 8 * 2**20  # bytes of a body; SageMaker hands over 6 MB at most
_THREADS = 4


def run(folders: Folders, host: str, port: int | None) -> None:
    """Serve in the foreground until SIGTERM. port: 8080, or what SageMaker binds it to, unless given."""
    logs.start("sagemaker")
    port = port or int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    serve("sagemaker", create_app(open_shelf(folders.model)), host, port, _THREADS, body=MOST)


def create_app(shelf: Shelf) -> WSGI:
    """The two routes over the newest version of the one model there is."""
    app = Flask("atipico.sagemaker")

    @app.errorhandler(Exception)
    def troubled(error: Exception) -> Response:
        status, headers, body = problems.answer(error)
        return Response(body, status, headers)

    @app.get("/ping")
    def ping() -> Response:
        """200 while the model gives its golden rows the scores they had when it was registered."""
        shelf.check()
        _only(shelf)
        return Response(status=200)

    @app.post("/invocations")
    def invocations() -> Response:
        model = _only(shelf)
        rows = _rows(str(request.content_type or ""), read_body(request.environ, MOST), model)
        SAMPLES_IN.labels(model.id).inc(len(rows))
        scores = model.score(rows)
        SAMPLES_OUT.labels(model.id).inc(len(rows))
        wanted = request.accept_mimetypes.best_match([rows_json.CONTENT_TYPE, feature_csv.CONTENT_TYPE])
        return _csv(scores, model) if wanted == feature_csv.CONTENT_TYPE else _json(scores, model)

    return app.wsgi_app


def _only(shelf: Shelf) -> Model:
    names = sorted({model.manifest.name for model in shelf.models.values()})
    if not names:
        raise NotYet("no model is served" + "".join(f"; {why}" for why in shelf.refused.values()))
    if len(names) > 1:
        raise Refused(f"the folder has several models ({', '.join(names)}); one was needed")
    return shelf.get(names[0])


def _rows(given: str, body: bytes, model: Model) -> np.ndarray:
    kind = given.partition(";")[0].strip().lower()
    if kind == feature_csv.CONTENT_TYPE:
        return feature_csv.read_rows(body, model.columns)
    if kind == rows_json.CONTENT_TYPE:
        return rows_json.read_rows(body, model.columns)
    needed = f"{rows_json.CONTENT_TYPE} or {feature_csv.CONTENT_TYPE}"
    raise problems.Problem(415, "content type", f"Content-Type is {given or 'missing'!r}, {needed} was needed")


def _json(scores: np.ndarray, model: Model) -> Response:
    told: dict[str, Any] = {"scores": scores.tolist(), "anomalous": (scores >= model.threshold).tolist()}
    told |= {"threshold": model.threshold, "version": model.id}
    return Response(orjson.dumps(told) + b"\n", content_type=rows_json.CONTENT_TYPE)


def _csv(scores: np.ndarray, model: Model) -> Response:
    """A line a row: its score, and 1 where that is an anomaly."""
    lines = (f"{score!r},{int(score >= model.threshold)}\n" for score in scores.tolist())
    return Response("".join(lines), content_type=f"{feature_csv.CONTENT_TYPE}; charset=utf-8")
