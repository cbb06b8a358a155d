"""InfluxQL, the query language of InfluxDB 1: text becomes statements (`parse`), statements become text (`write`).

The grammar is read in full where it costs little (arithmetic, casts, any function name); what of it
is answered is decided by whoever executes a statement.
"""

from atipico.wire.influxql.parser import parse
from atipico.wire.influxql.text import write

__all__ = ["parse", "write"]
