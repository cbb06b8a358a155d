"""The shelf of sinks: where the outcomes of a job also go. One module a member, one line here.

The name in this index is the name in a job file: `sinks = [{ file = "pumps.jsonl" }]`. The modules are imported when
their sink is made.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any, cast

from atipico.errors import Refused, nearest
from atipico.ports import Sink

SINKS = {
    "file": "atipico.sinks.file:File",
    "webhook": "atipico.sinks.webhook:Webhook",
}


def make(kind: str, to: str, **settings: Any) -> Sink:
    """A sink of this kind, nothing opened yet. Raises Refused for a kind, a place or a setting that there is not."""
    if kind not in SINKS:
        raise Refused(f"no sink {kind!r}{nearest(kind, SINKS)}")
    module, _, name = SINKS[kind].partition(":")
    maker = getattr(import_module(module), name)
    known = list(inspect.signature(maker).parameters)[1:]
    for setting in settings:
        if setting not in known:
            raise Refused(f"sink {kind} has no setting {setting!r}{nearest(setting, known)}")
    return cast(Sink, maker(to, **settings))
