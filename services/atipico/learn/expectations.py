"""A suite as a schema of pandera: each rule of a field a check, named by the sentence that people read."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pandera.pandas as pa

from atipico.learn.suite import IN_EVERY_ROW, Rule, Suite


def schema_of(suite: Suite) -> pa.DataFrameSchema:
    """Every check by itself: a value that is missing counts for none but its own."""
    columns = {name: pa.Column(checks=list(checks_of(rule)), nullable=True) for name, rule in suite.field.items()}
    return pa.DataFrameSchema(columns)


def checks_of(rule: Rule) -> Iterator[pa.Check]:
    """What a rule expects; `error` is the sentence for it."""
    if rule.missing == 0:
        yield pa.Check(lambda values: values.notna(), ignore_na=False, error=f"{_A[rule.type]} {IN_EVERY_ROW}")
    elif rule.missing < 1:
        told = f"{_A[rule.type]}, missing in at most {rule.missing:.4g} of the rows"
        yield pa.Check(lambda values: bool(values.isna().mean() <= rule.missing), ignore_na=False, error=told)
    if rule.least is not None:
        yield pa.Check.ge(rule.least, error=f"at least {rule.least:g}")
    if rule.most is not None:
        yield pa.Check.le(rule.most, error=f"at most {rule.most:g}")
    if rule.mean is not None:
        least, most = rule.mean
        yield pa.Check(lambda values: _between(values, least, most), error=f"a mean between {least:g} and {most:g}")
    if rule.among is not None:
        yield pa.Check.isin(rule.among, error=f"one of {', '.join(map(str, rule.among))}")
    if rule.matches is not None:
        yield pa.Check(lambda values: values.str.fullmatch(rule.matches), error=f"a text like {rule.matches}")
    if rule.unique:
        yield pa.Check(lambda values: ~values.duplicated(keep=False), error="no value twice")
    if rule.growing:
        yield pa.Check(lambda values: values >= values.shift(fill_value=values.iloc[0]), error="never less than before")


_A = {"float": "a number", "integer": "a whole number", "text": "a text", "boolean": "true or false"}


def _between(values: pd.Series, least: float, most: float) -> bool:
    return len(values) == 0 or least <= float(values.mean()) <= most
