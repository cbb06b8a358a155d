"""The classifier as it is written first: Flask's own server, and scikit-learn's `predict` for one row a request."""

from __future__ import annotations

import argparse

import joblib
from flask import Flask, Response, jsonify, request
from forest import FIELDS


def create_app(path: str) -> Flask:
    """POST / with a sample's numbers as JSON answers {"score": 0.0 | 1.0}. path: a forest that joblib wrote."""
    app, forest = Flask(__name__), joblib.load(path)

    @app.get("/ping")
    def ping() -> Response:
        return jsonify(status="pass")

    @app.post("/")
    def score() -> Response:
        sample = request.get_json()
        row = [float(sample.get(name, 0.0)) for name in FIELDS]
        return jsonify(score=float(forest.predict([row])[0]))

    return app


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--forest", required=True)
    given = words.parse_args()
    create_app(given.forest).run(host="127.0.0.1", port=given.port)


if __name__ == "__main__":
    main()
