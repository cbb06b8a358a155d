"""What parts say of bad input is said millions of times here, and nobody reads it."""

from __future__ import annotations

import logging

import structlog


def be_quiet() -> None:
    """Say nothing more in this process. What is logged as an exception was caught: the targets look for that."""
    logging.disable(logging.CRITICAL)
    structlog.configure(processors=[_drop])


def _drop(*_: object) -> structlog.typing.EventDict:
    raise structlog.DropEvent
