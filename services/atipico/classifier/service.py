"""The classifier's routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response, request
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from atipico import __version__
from atipico.classifier.answers import (
    MANY,
    ONE,
    Health,
    ModelAnswer,
    ModelsAnswer,
    Named,
    Ready,
    Result,
    Results,
    Trouble,
)
from atipico.classifier.blocks import Blocks, read_body
from atipico.classifier.problems import answer, checked_type
from atipico.metrics import SAMPLES_IN, SAMPLES_OUT
from atipico.registry.models import Model
from atipico.registry.shelf import Shelf
from atipico.web import WSGI
from atipico.wire import rows_json

_TROUBLES: Mapping[str | int, type[BaseModel]] = dict.fromkeys((404, 413, 415, 503), Trouble)


def create_app(shelf: Shelf, default: str, most: int) -> WSGI:
    """The service over the models of a shelf.

    default: the model of a request that names none. most: bytes of a body.
    """
    app = OpenAPI(
        "atipico.classifier",
        info=Info(title="Atipico classifier", version=__version__),
        doc_ui=False,  # it would come from a CDN
        responses={400: Trouble},
        validation_error_status=400,
        validation_error_model=Trouble,
    )

    app.url_map.merge_slashes = False  # //classify is no route, and needs no redirect

    @app.errorhandler(Exception)
    def troubled(error: Exception) -> Response:
        status, headers, body = answer(error)
        return Response(body, status, headers)

    def asked() -> Model:
        return shelf.get(request.args.get("model", default))

    def body() -> bytes:
        checked_type(request.content_type, rows_json.CONTENT_TYPE)
        return read_body(request.environ, most)

    @app.post("/", summary="Score one row", openapi_extensions=ONE, responses={200: Result, **_TROUBLES})
    def score_one() -> Response:
        model = asked()
        score = _scored(model, rows_json.read_row(body(), model.columns))[0]
        return _json(
            {
                "results": int(score >= model.threshold),
                "score": score,
                "threshold": model.threshold,
                "version": model.id,
            }
        )

    @app.post(
        "/classify",
        summary="Score many rows",
        openapi_extensions=MANY,
        responses={200: Results, **_TROUBLES, 409: Trouble},
    )
    def score_many() -> Response:
        model = asked()
        scores = _scored(model, rows_json.read_rows(body(), model.columns))
        anomalous = [score >= model.threshold for score in scores]
        return _json(
            {"scores": scores, "anomalous": anomalous, "threshold": model.threshold, "version": model.id},
        )

    @app.get("/models", summary="The models that are served", responses={200: ModelsAnswer})
    def models() -> Response:
        asked = shelf.asked  # first: the models may be newer than it, never older
        told = [_told(model) for _, model in sorted(shelf.models.items())]
        return _json({"models": told, "refused": shelf.refused, "default": default, "asked": asked})

    @app.get("/models/<name>", summary="One model", responses={200: ModelAnswer, 404: Trouble, 503: Trouble})
    def model_named(path: Named) -> Response:
        return _json(_told(shelf.get(path.name)))

    @app.get("/ping", summary="Is it up?", responses={200: Health})
    @app.get("/health", summary="Is it up?", responses={200: Health})
    def health() -> Response:
        return _json({"status": "pass", "name": "atipico classifier", "version": __version__})

    @app.get(
        "/-/ready", summary="Do the models give their golden scores just now?", responses={200: Ready, 503: Trouble}
    )
    def ready() -> Response:
        shelf.check()
        return _json({"status": "ready", "models": sorted(shelf.models), "refused": shelf.refused})

    @app.get(
        "/metrics",
        summary="Counters, as Prometheus reads them",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    @app.route("/openapi.json")
    def openapi() -> Response:
        return _json(app.api_doc)

    return Blocks(app.wsgi_app, shelf, default, most)


def _scored(model: Model, rows: Any) -> list[float]:
    SAMPLES_IN.labels(model.id).inc(len(rows))
    scores: list[float] = model.score(rows).tolist()
    SAMPLES_OUT.labels(model.id).inc(len(rows))
    return scores


def _told(model: Model) -> dict[str, Any]:
    manifest = model.manifest.model_dump(exclude={"files", "format"})
    typical = dict(zip(model.columns, model.typical, strict=True))
    return {**manifest, "id": model.id, "digest": model.digest, "typical": typical}


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value) + b"\n", content_type="application/json")
