"""The shelf of sources: where samples come from. One module a member, one line here.

The modules are named, and imported when their source is made: DuckDB, psutil and numpy are only
loaded where they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from atipico.errors import Refused, nearest
from atipico.ports import Source

SOURCES = {
    "file": "atipico.sources.file:File",
    "machine": "atipico.sources.machine:Machine",
    "series": "atipico.sources.series:Series",
    "payments": "atipico.sources.payments:Payments",
}


def make(name: str, **options: Any) -> Source:
    """The source `name` with its options. Raises Refused for an unknown name or options that it does not take."""
    if name not in SOURCES:
        raise Refused(f"no source {name!r}{nearest(name, SOURCES)}")
    module, _, kind = SOURCES[name].partition(":")
    try:
        return cast(Source, getattr(import_module(module), kind)(**options))
    except TypeError as error:
        raise Refused(f"source {name}: options {options} do not fit: {error}") from error
