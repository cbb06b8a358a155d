"""What every part is doing: as the supervisor of this machine knows it, or as the parts tell it themselves."""

from __future__ import annotations

import time
from typing import Any

from atipico.client.store import Store

_HEARD_OF = "1h"
_SILENT_AFTER_S = 6.0  # three rows did not come
_KEPT = ("pid", "lag_s", "lost", "samples_in", "samples_out", "memory_bytes")


def parts(store: Store) -> list[dict[str, Any]]:
    """One row a part, as `atipico status --json` shows them."""
    from atipico.config import run_dir
    from atipico.engines.embedded import parts, state, status

    if parts.url("store") == store.far.url and state.path(run_dir()).exists():
        return status.rows()
    return _told_by_themselves(store)


def _told_by_themselves(store: Store) -> list[dict[str, Any]]:
    """From the measurement `parts`, into which each writes a row every 2 s; those heard of within the last hour."""
    q = f'SELECT * FROM "parts" WHERE time > now() - {_HEARD_OF} GROUP BY "part" ORDER BY time DESC LIMIT 1'  # noqa: S608
    rows = []
    for table in store.ask(q):
        told = dict(zip(table.columns, table.values[0], strict=True))
        age_s = time.time() - told["time"] / 1e9
        rows.append(
            {
                "name": table.tags["part"],
                "state": "up" if age_s < _SILENT_AFTER_S else "silent",
                **{name: told.get(name) for name in _KEPT},
                "up_s": round((told["time"] - told["started"]) / 1e9, 1),
            }
        )
    return rows
