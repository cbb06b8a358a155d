"""Regular expressions of queries: RE2's, as InfluxDB's are, so that no pattern takes more than linear time.

DuckDB carries RE2; it is loaded by the first query that has a pattern (about 55 MB and 0.2 s once).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from atipico.errors import Refused

_lock = threading.Lock()


def matching(pattern: str, values: Iterable[str]) -> set[str]:
    """Those of the values in which the pattern is found. Raises Refused when it is no pattern."""
    import duckdb

    with _lock, duckdb.connect(config={"threads": 1, "enable_external_access": False}) as db:
        try:
            found = db.execute(
                "SELECT value FROM (SELECT unnest(?::VARCHAR[]) AS value) WHERE regexp_matches(value, ?)",
                [sorted(set(values)), pattern],
            ).fetchall()
        except duckdb.Error as error:
            raise Refused(f"error parsing query: error parsing regexp: {str(error)[:200]}") from error
    return {value for (value,) in found}
