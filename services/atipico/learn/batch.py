"""One batch of data beside its suite: what was expected, what was found, and the rows that are not so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from atipico.errors import Refused, nearest
from atipico.learn.extra import needed
from atipico.learn.suite import CLOCK, IN_EVERY_ROW, LABEL, Rule, Suite
from atipico.sources.cells import cell_sql, clock_sql
from atipico.sources.columns import Rows, arrays_of, columns_of, quoted
from atipico.sources.dataset import Dataset
from atipico.sources.file import dataset_of

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {"float": "DOUBLE", "integer": "BIGINT", "text": "VARCHAR", "boolean": "BOOLEAN"}
_EXAMPLES = 5
_LOOKED_AT = 1000  # rows that are not as expected, for what is told of them
_FIRST = 10  # problems that an error tells of


class Example(NamedTuple):
    """row: its number in the file, 1 is the first. cells: column -> what stands there, None for nothing."""

    row: int
    cells: dict[str, str | None]


class Problem(NamedTuple):
    """column: the field's in the file. rows: how many are not as expected; None where it is the whole that is not."""

    field: str
    column: str
    expected: str
    found: str
    rows: int | None
    examples: list[Example]


class Batch(NamedTuple):
    """A checked file. frame: its fields by our names, typed as the suite says."""

    file: str
    rows: int
    suite: Suite
    frame: pd.DataFrame
    problems: list[Problem]

    def told(self) -> str:
        """The problems for a person, the worst of them with a row."""
        many = len(self.problems)
        lines = [f"{self.file}: {self.rows} rows, {many} expectation{'s' * (many > 1)} not met"]
        for problem in self.problems[:_FIRST]:
            where = f" in {problem.rows} rows" if problem.rows else ""
            lines.append(f"  {problem.field}: expected {problem.expected}; found {problem.found}{where}")
            if problem.examples:
                row, cells = problem.examples[0]
                lines.append(f"    row {row}: {', '.join(f'{name}={cell}' for name, cell in cells.items())}")
        if many > _FIRST:
            lines.append(f"  and {many - _FIRST} more")
        return "\n".join(lines)


def check_batch(suite: Suite, file: str, dataset: str | None) -> Batch:
    """Hold the rows of `file` to a suite. Raises Refused where they can't be read at all."""
    named, path = dataset_of(file, dataset), Path(file)
    columns = columns_of_fields(named)
    if unknown := [name for name in suite.field if name not in columns]:
        raise Refused(f"the suite names a field {unknown[0]!r}{nearest(unknown[0], columns)}")
    frame = read_frame(path, named, suite.field)
    found = _problems(suite, frame)
    raw = _examples(path, columns, sorted({row for _, _, _, rows in found for row in (rows or [])[:_EXAMPLES]}))
    problems = []
    for field, expected, what, rows in found:
        shown = [raw[row] for row in (rows or [])[:_EXAMPLES]]
        if shown and expected.endswith(IN_EVERY_ROW):  # then what stands there in its place
            what = _few([one.cells[columns[field]] or "nothing" for one in shown], len(rows or []))
        many = None if rows is None else len(rows)
        problems.append(Problem(field, columns.get(field, ""), expected, what, many, shown))
    return Batch(path.name, len(frame), suite, frame, problems)


def columns_of_fields(dataset: Dataset) -> dict[str, str]:
    """Our name -> the file's column, of all that a suite may speak of."""
    label = {LABEL: dataset.label.column} if dataset.label else {}
    return {CLOCK: dataset.time, **dataset.fields, **label}


def read_frame(path: Path, dataset: Dataset, rules: Mapping[str, Rule]) -> pd.DataFrame:
    """The fields of all rows, each of its rule's type; one that is not of it is missing.

    Numbers are float64, whole ones Int64, texts objects; the clock is ns since 1970.
    """
    with needed("a suite"):
        import pandas as pd
    columns, types = columns_of_fields(dataset), columns_of(path)
    if missing := [columns[name] for name in rules if columns[name] not in types]:
        raise Refused(f"{path}: lacks {', '.join(missing)}; it has {', '.join(types)}")
    clock = clock_sql(dataset, types[dataset.time])
    cells = [clock if name == CLOCK else cell_sql(columns[name], _KINDS[rule.type]) for name, rule in rules.items()]
    arrays = arrays_of(path, cells)
    return pd.DataFrame({name: _series(of, rule) for (name, rule), of in zip(rules.items(), arrays, strict=True)})


def _series(cells: np.ndarray, rule: Rule) -> Any:
    import pandas as pd

    if rule.type == "float":
        return np.ma.filled(cells.astype(np.float64), np.nan)
    mask = np.ma.getmaskarray(cells)
    if rule.type == "integer":
        return pd.arrays.IntegerArray(np.ma.filled(cells, 0).astype(np.int64), mask)
    if rule.type == "boolean":
        return pd.arrays.BooleanArray(np.ma.filled(cells, False).astype(bool), mask)
    texts = np.ma.filled(cells, "").astype(object)
    texts[mask] = None
    return texts


def _problems(suite: Suite, frame: pd.DataFrame) -> list[tuple[str, str, str, list[int] | None]]:
    """Field, what was expected, what was found, and the rows (0 is the first); None for the whole."""
    with needed("a suite"):
        import pandera.pandas as pa

        from atipico.learn.expectations import schema_of
    many, wanted = len(frame), suite.rows
    found: list[tuple[str, str, str, list[int] | None]] = []
    if many < wanted.least or (wanted.most is not None and many > wanted.most):
        most = "" if wanted.most is None else f", at most {wanted.most}"
        found.append(("rows", f"at least {wanted.least}{most}", str(many), None))
    try:
        schema_of(suite).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        for (field, expected), of in cases.groupby(["column", "check"], sort=False):
            rows = None if of["index"].isna().any() else sorted(of["index"].astype(int))
            found.append((str(field), str(expected), _what(frame[field], str(expected), rows), rows))
    return found


def _what(values: pd.Series, expected: str, rows: list[int] | None) -> str:
    if rows is None:
        missing = f"{values.isna().mean():.2%} missing"
        return missing if "missing" in expected else f"{float(values.mean()):.6g}"
    return _few(values.iloc[rows[:_LOOKED_AT]].tolist(), len(rows))


def _few(found: Sequence[object], many: int) -> str:
    """The first different ones, and … where there are more."""
    different = list(dict.fromkeys(map(str, found)))
    more = len(different) > _EXAMPLES or (many > max(len(found), _EXAMPLES) and len(different) > 1)
    return ", ".join(different[:_EXAMPLES]) + ("…" if more else "")


def _examples(path: Path, columns: Mapping[str, str], rows: Sequence[int]) -> dict[int, Example]:
    """Those rows as they stand in the file."""
    cells = Rows(path, [f"CAST({quoted(column)} AS VARCHAR)" for column in columns.values()])
    found = {}
    for row in rows:
        [text] = cells.at(row, 1)
        found[row] = Example(row + 1, dict(zip(columns.values(), text, strict=True)))
    return found
