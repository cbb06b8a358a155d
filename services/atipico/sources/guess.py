"""Guess what a file of one's own holds, so that its dataset.toml need not be written from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from atipico.errors import Refused
from atipico.sources.look import Column, Look, look_at, plain

RESERVED = ("payments", "machine", "scores", "labels", "parts")  # measurements that have a writer already
MOST_KEYS, SHARDS = 4, 4
_TIME = {"time", "timestamp", "datetime", "date", "ts", "when", "at", "epoch", "fecha", "hora", "tiempo", "instante"}
_ID = {"id", "uuid", "guid", "row", "nr", "number", "index", "sample"}
_TRUTH = {
    "label",
    "fraud",
    "anomaly",
    "anomalous",
    "outlier",
    "fault",
    "failure",
    "attack",
    "target",
    "class",
    "fraude",
}
_UNITS = {"s": 1e9, "ms": 1e12, "us": 1e15, "ns": 1e18}  # about now, since 1970


class Guess(NamedTuple):
    """What a dataset.toml will say of a file. None where there is none. numbered: the id, where no column is one.

    left_out: columns that are not read, each with why. because: for each of the words time, id, keys, label,
    shard why it was taken, or why there is none. check: what only a person can know.
    """

    file: Path
    measurement: str
    time: Column
    time_unit: str | None
    fields: tuple[Column, ...]
    keys: tuple[Column, ...]
    id: Column | None
    label: Column | None
    numbered: str | None
    shard: Column | None
    left_out: dict[str, str]
    because: dict[str, str]
    check: list[str]


def guess(file: Path, name: str | None = None) -> Guess:
    """Guess from the file's first 20000 rows. name: the measurement, the file's own name unless given.

    Raises Refused when the file can't be read, has no rows, no column that is a time, or nothing to read beside it.
    """
    look = look_at(file)
    measurement = plain(name or file.stem)
    if measurement in RESERVED:
        raise Refused(
            f"the name {measurement} is taken by what Atipico writes itself; give another: --name my_{measurement}"
        )
    if not look.rows:
        raise Refused(f"{file} has no rows under its heading; a look needs some")
    because: dict[str, str] = {}
    check: list[str] = []
    time, unit = _time(file, look, because, check)
    rest = [column for column in look.columns if column is not time]
    id = _id(look, rest, because)
    label = _label(rest, because, check)
    rest = [column for column in rest if column is not label]
    left_out = {column.column: why for column in rest if (why := _useless(column, look, id))}
    left_out |= {column.column: "looks like the truth, which no model may see" for column in rest if _tells(column)}
    fields = [column for column in rest if column.column not in left_out]
    if not fields:
        raise Refused(f"{file}: beside the time {time.column} no column tells anything ({_told(left_out)})")
    if flags := [column.name for column in fields if column.truth]:
        check.append(f"does one of {', '.join(flags)} (0 and 1) tell the truth? Then take it out of [fields]")
    numbered = _free("sample_id", look) if label and not id else None
    keys = _keys(look, [column for column in fields if column is not id], because, check)
    shard = _shard(keys, because)
    return Guess(
        file, measurement, time, unit, tuple(fields), keys, id, label, numbered, shard, left_out, because, check
    )


def _time(file: Path, look: Look, because: dict[str, str], check: list[str]) -> tuple[Column, str | None]:
    """The column of the file's own clock, and the unit where it is a number."""
    times = [column for column in look.columns if column.kind == "time" and column.filled]
    if times:
        best = max(times, key=lambda column: (column.filled, bool(_TIME & set(column.words()))))
        because["time"] = "holds dates and times" + (f", as {len(times) - 1} other columns do" if times[1:] else "")
        check.append(f"a time in {best.column} without a zone counts as UTC")
        return best, None
    numbers = [c for c in look.columns if c.kind in ("integer", "float") and c.filled and c.low >= 0]
    since_1970 = [(c, unit) for c in numbers for unit, now in _UNITS.items() if now / 3 < c.low <= c.high < now * 5]
    named = [(c, unit) for c, unit in since_1970 if _TIME & set(c.words())] or [
        (c, u) for c, u in since_1970 if c.grows
    ]
    if named:
        column, unit = named[0]
        because["time"] = f"its numbers are {unit} since 1970"
        return column, unit
    if counting := [c for c in numbers if c.grows and _TIME & set(c.words())]:
        because["time"] = "is called so and only grows; taken for seconds"
        check.append(
            f"is {counting[0].column} in seconds? It starts at {counting[0].low:g}, so event_time starts in 1970, or "
            "on the day that time_from says"
        )
        return counting[0], "s"
    found = ", ".join(f"{column.column} ({column.kind})" for column in look.columns)
    raise Refused(
        f"{file}: no column holds a time, as 2026-01-31T10:00:00 or a number since 1970; it has {found}; "
        "add one (a row's own time is what windows run on), or say which by hand in a dataset.toml"
    )


def _id(look: Look, rest: Sequence[Column], because: dict[str, str]) -> Column | None:
    """A column that is another one in every row, and is called like an id, comes first or only grows."""
    unique = [c for c in rest if c.kind in ("integer", "text") and c.different == c.filled == look.rows > 1]
    likely = [c for c in unique if _ID & set(c.words())] or [c for c in unique if c is look.columns[0] or c.grows]
    because["id"] = "is another one in every row" if likely else "no column is another one in every row"
    return likely[0] if likely else None


def _tells(column: Column) -> bool:
    """Called like a label and of few kinds, as a kind of fraud is."""
    return bool(_TRUTH & set(column.words())) and (column.truth or (column.kind != "float" and column.different <= 20))


def _free(name: str, look: Look) -> str:
    """A name that no column has."""
    taken = {column.name for column in look.columns}
    return next(one for one in (name, *(f"{name}_{at}" for at in range(2, len(taken) + 3))) if one not in taken)


def _label(rest: Sequence[Column], because: dict[str, str], check: list[str]) -> Column | None:
    found = next((column for column in rest if column.truth and _tells(column)), None)
    if found is None:
        because["label"] = "no column of 0 and 1 is called label, fault, fraud or the like"
        return None
    because["label"] = "holds 0 and 1 and is called so; it is written apart and never shown to a model"
    check.append(f"how long after a sample is its {found.column} known? Set delay; 0s says at once")
    return found


def _useless(column: Column, look: Look, id: Column | None) -> str:
    """Why a column is not read; empty when it is."""
    if not column.filled:
        return "is empty"
    if column.kind in ("time", "other"):
        return "is a second time" if column.kind == "time" else "is no number and no text"
    if column.different == 1 and look.rows > 1:
        return "is always the same"
    if column.kind == "text" and column is not id and column.different > look.rows / 2:
        return "is a text that hardly repeats"
    return ""


def _keys(look: Look, fields: Sequence[Column], because: dict[str, str], check: list[str]) -> tuple[Column, ...]:
    """Texts that come again, and whole numbers that are called an id and do."""
    again = [c for c in fields if 2 <= c.different <= look.rows / 2]
    keys = [c for c in again if c.kind == "text" or (c.kind == "integer" and "id" in c.words())][:MOST_KEYS]
    because["keys"] = "come again, so each has a past to compare with" if keys else "no text or id comes again"
    if numbers := [c.name for c in again if c.kind == "integer" and c not in keys and not c.truth]:
        check.append(
            f"is one of {', '.join(numbers)} a number that names something (a device, a card)? Then add it to keys"
        )
    return tuple(keys)


def _shard(keys: Sequence[Column], because: dict[str, str]) -> Column | None:
    """The first key with as many values as there are shards, else the one with the most."""
    most = max(keys, key=lambda key: key.different, default=None)
    shard = next((key for key in keys if key.different >= SHARDS), most)
    because["shard"] = f"spreads the work by {shard.name}" if shard else "no key to spread the work by: one series"
    return shard


def _told(left_out: dict[str, str]) -> str:
    return "; ".join(f"{column} {why}" for column, why in left_out.items()) or "there is no other"
