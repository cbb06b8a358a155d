"""What several estimators say as one score, and a score as a probability: learnt on days that trained none of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn.graph import Graph

CLOSEST = 1e-6  # to 0, to 1, and of two knots: what is nearer would hang on the last bits of a score
_RISE = 1e-3  # of an isotonic line where it would be flat


class Stacking(NamedTuple):
    """A logistic regression on the log-odds of k estimators. Wolpert, Neural Networks 5(2), 1992."""

    slopes: tuple[float, ...]
    offset: float

    @classmethod
    def learn(cls, apart: np.ndarray, label: np.ndarray) -> Stacking:
        """apart: float64 (n, k), their probabilities. Raises Refused unless there are labels, (n,), of both kinds."""
        return cls(*_line(apart, label))

    def __call__(self, apart: np.ndarray) -> np.ndarray:
        return sigmoid(log_odds(apart) @ np.array(self.slopes) + self.offset)

    def step(self, graph: Graph, parts: list[str], out: str) -> str:
        """The same in a graph: from the columns of the estimators, (m, 1) each, to one."""
        weighted = [
            graph.step("Mul", _log_odds_step(graph, part), graph.number(slope))
            for part, slope in zip(parts, self.slopes, strict=True)
        ]
        return graph.step("Sigmoid", graph.step("Sum", *weighted, graph.number([[self.offset]])), out=out)


class Sigmoid(NamedTuple):
    """The sigmoid of a line on a score's log-odds. Platt, Advances in Large Margin Classifiers, 1999, on log-odds."""

    slope: float
    offset: float

    @classmethod
    def learn(cls, score: np.ndarray, label: np.ndarray) -> Sigmoid:
        (slope,), offset = _line(score[:, None], label, 1e6)
        if slope <= 0:
            raise Refused(f"of {len(label)} samples anomalies score no higher than others; no sigmoid calibrates that")
        return cls(slope, offset)

    def __call__(self, score: np.ndarray) -> np.ndarray:
        return sigmoid(log_odds(score) * self.slope + self.offset)

    def step(self, graph: Graph, part: str, out: str) -> str:
        sloped = graph.step("Mul", _log_odds_step(graph, part), graph.number(self.slope))
        return graph.step("Sigmoid", graph.step("Add", sloped, graph.number(self.offset)), out=out)


class Isotonic(NamedTuple):
    """The best line that never falls, through knots. Zadrozny, Elkan, KDD 2002.

    It rises a little everywhere, from 0 to 1: on a step all scores would be one, and no threshold between them.
    """

    at: tuple[float, ...]
    value: tuple[float, ...]

    @classmethod
    def learn(cls, score: np.ndarray, label: np.ndarray) -> Isotonic:
        from sklearn.isotonic import IsotonicRegression

        _both(label)
        line = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, label == 1)
        at, value = line.X_thresholds_, line.y_thresholds_
        kept = [0]
        for knot in range(1, len(at)):
            if at[knot] - at[kept[-1]] > CLOSEST:
                kept.append(knot)
        ends = [*([0.0] if at[0] > CLOSEST else []), *at[kept], *([1.0] if at[kept[-1]] < 1 - CLOSEST else [])]
        rising = (1 - _RISE) * np.interp(ends, at[kept], value[kept]) + _RISE * np.array(ends)
        return cls(tuple(map(float, ends)), tuple(rising.tolist()))

    def __call__(self, score: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.interp(score, self.at, self.value)
        return found

    def step(self, graph: Graph, part: str, out: str) -> str:
        """A sum of ramps: each begins at a knot, and is at its full height from the next on."""
        at, value = np.array(self.at), np.array(self.value)
        widths, heights = np.diff(at, append=at[-1] + 1), np.diff(value, append=value[-1])
        beyond = graph.step("Max", graph.step("Sub", part, graph.number([at])), graph.number(0.0))
        shares = graph.step("Div", graph.step("Min", beyond, graph.number([widths])), graph.number([widths]))
        ramps = graph.step("MatMul", shares, graph.number(heights[:, None]))
        return graph.step("Add", ramps, graph.number(value[0]), out=out)


Calibration = Sigmoid | Isotonic
CALIBRATIONS: dict[str, type[Sigmoid] | type[Isotonic]] = {"sigmoid": Sigmoid, "isotonic": Isotonic}


def _line(scores: np.ndarray, label: np.ndarray, looseness: float = 1.0) -> tuple[tuple[float, ...], float]:
    from sklearn.linear_model import LogisticRegression

    _both(label)
    line = LogisticRegression(C=looseness, max_iter=1000).fit(log_odds(scores), label == 1)
    return tuple(line.coef_[0].tolist()), float(line.intercept_[0])


def _both(label: np.ndarray) -> None:
    anomalies = int((label == 1).sum())
    if not 0 < anomalies < len(label):
        raise Refused(f"{len(label)} samples, {anomalies} of them anomalies, to learn from; some of each were needed")


def log_odds(score: np.ndarray) -> np.ndarray:
    inner = np.clip(score, CLOSEST, 1 - CLOSEST)
    found: np.ndarray = np.log(inner / (1 - inner))
    return found


def _log_odds_step(graph: Graph, part: str) -> str:
    inner = graph.step("Clip", part, graph.number(CLOSEST), graph.number(1 - CLOSEST))
    return graph.step("Log", graph.step("Div", inner, graph.step("Sub", graph.number(1.0), inner)))


def sigmoid(margin: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.exp(-np.logaddexp(0, -margin))
    return found


def told(of: Any) -> dict[str, Any] | None:
    """A part as a run tells it: its name and numbers; None for None."""
    return None if of is None else {"kind": type(of).__name__.lower(), **of._asdict()}


def read(one: dict[str, Any] | None) -> Any:
    """What `told` told."""
    if one is None:
        return None
    kinds: dict[str, Any] = {"stacking": Stacking, **CALIBRATIONS}
    numbers = {name: tuple(of) if isinstance(of, list) else of for name, of in one.items() if name != "kind"}
    return kinds[one["kind"]](**numbers)
