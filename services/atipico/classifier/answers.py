"""What the classifier answers, as /openapi.json shows it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from atipico.wire.classify import COLUMNS, CONTENT_TYPE

Share = Field(ge=0, le=1)


class Result(BaseModel):
    """The score of one row."""

    results: int = Field(ge=0, le=1, description="1: anomalous, the score reached the threshold")
    score: float = Share
    threshold: float = Share
    version: str = Field(examples=["payments@1"])


class Results(BaseModel):
    """The scores of many rows, in their order."""

    scores: list[float]
    anomalous: list[bool]
    threshold: float = Share
    version: str = Field(examples=["payments@1"])


class ModelAnswer(BaseModel):
    """A model: what it takes and when it alerts."""

    name: str
    version: int
    id: str = Field(examples=["payments@1"])
    kind: str
    columns: list[str] = Field(description="the features, in the order of a float64 block")
    digest: str = Field(description=f"of the columns: the header {COLUMNS} of a float64 block")
    threshold: float = Share
    usual: dict[str, tuple[float, float]] = Field(description="mean and spread of each column among usual samples")
    typical: dict[str, float] = Field(description="a usual row: the median of the golden rows that are no anomalies")
    made_by: str
    trained_on: str
    metrics: dict[str, float]


class ModelsAnswer(BaseModel):
    """Every model that is served, and why others are not."""

    models: list[ModelAnswer]
    refused: dict[str, str]
    default: str
    asked: int = Field(description="The newest request to read the folder again that these follow, 0 for none")


class Named(BaseModel):
    name: str = Field(description="NAME or NAME@VERSION; a NAME alone is its newest version")


class Health(BaseModel):
    status: str
    name: str
    version: str


class Ready(BaseModel):
    status: str
    models: list[str]
    refused: dict[str, str]


class Trouble(BaseModel):
    """What went wrong, in one sentence with its cure."""

    error: str


_FEATURES = {"type": "object", "additionalProperties": {"type": "number"}}
_MODEL = {
    "name": "model",
    "in": "query",
    "schema": {"type": "string"},
    "description": "NAME or NAME@VERSION; a NAME alone is its newest version, none the default model",
}
ONE: dict[str, Any] = {
    "parameters": [_MODEL],
    "requestBody": {"required": True, "content": {"application/json": {"schema": _FEATURES}}},
}
MANY: dict[str, Any] = {
    "parameters": [
        _MODEL,
        {"name": COLUMNS, "in": "header", "schema": {"type": "string"}, "description": "needed with a float64 block"},
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"rows": {"type": "array", "items": _FEATURES}},
                    "required": ["rows"],
                }
            },
            CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    },
}
