"""The data page: what a suite expects of a batch beside what was found, in one HTML file that needs no network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from atipico.learn.batch import Batch, Problem
from atipico.learn.suite import CLOCK, Rule

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = Path(__file__).with_name("data_page.html")
_BARS = 32


class FieldTold(NamedTuple):
    """One field on the page. bars: heights of its histogram, 0..1, with the text for each."""

    name: str
    expected: list[str]
    found: list[tuple[str, str]]
    bars: list[tuple[float, str]]
    problems: list[Problem]


def write_page(batch: Batch, page: Path) -> None:
    """Write the page of a checked batch; it appears whole."""
    import jinja2

    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    draft = page.with_name(f".{page.name}.{os.getpid()}")
    whole = [problem for problem in batch.problems if problem.field not in batch.suite.field]
    draft.write_text(template.render(batch=batch, whole=whole, fields=list(_fields(batch))), encoding="utf-8")
    draft.replace(page)


def _fields(batch: Batch) -> Iterator[FieldTold]:
    from atipico.learn.expectations import checks_of

    for name, rule in batch.suite.field.items():
        values = batch.frame[name]
        expected = [str(check.error) for check in checks_of(rule)] or ["nothing"]
        problems = [problem for problem in batch.problems if problem.field == name]
        yield FieldTold(name, expected, list(_found(name, rule, values)), _bars(name, rule, values), problems)


def _found(name: str, rule: Rule, values: pd.Series) -> Iterator[tuple[str, str]]:
    known = values.dropna()
    yield "missing", f"{int(values.isna().sum()):,}"
    if not len(known):
        return
    if name == CLOCK:
        yield "first", _time(int(known.min()))
        yield "last", _time(int(known.max()))
        return
    if rule.type in ("float", "integer"):
        yield "least", number(float(known.min()))
        yield "mean", number(float(known.mean()))
        yield "most", number(float(known.max()))
    yield "different", f"{known.nunique():,}"


def number(value: float) -> str:
    """As a person reads it: 590,001,234, 45.0334, 1.5e-07; a power of ten only where it has to be."""
    whole = value.is_integer() or abs(value) >= 1e5
    return f"{value:,.0f}" if whole and abs(value) < 1e15 else f"{value:.6g}"


def _time(ns: int) -> str:
    return str(np.datetime64(ns, "ns").astype("datetime64[s]")).replace("T", " ")


def _bars(name: str, rule: Rule, values: pd.Series) -> list[tuple[float, str]]:
    """A histogram of numbers and times, the most frequent values of the others."""
    known: Any = values.dropna()
    if not len(known):
        return []
    if rule.type in ("float", "integer") and known.nunique() > _BARS:
        counts, edges = np.histogram(known.to_numpy(dtype=np.float64), _BARS)
        ends = [_time(int(edge)) if name == CLOCK else f"{edge:.4g}" for edge in edges]
        words = [f"{start} to {stop}" for start, stop in pairwise(ends)]
    else:
        often = known.value_counts().head(_BARS).sort_index()
        counts, words = often.to_numpy(), [str(one) for one in often.index]
    tallest = max(int(counts.max()), 1)
    return [(count / tallest, f"{word}: {count}") for count, word in zip(counts.tolist(), words, strict=True)]
