"""Why a sample stands out: the features whose usual value would have made its score lower."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from atipico.ports import ModelInfo, Scorer
from atipico.scorers.http import Swapped

_TOLD = 3
_LEAST = 0.1  # of the largest part; a smaller one is nothing to tell
_FAR = 2.0  # standard deviations; nearer than that is nothing to tell where no part is known
_LOOKED_AT = 6  # the features farthest from usual, where they make up the whole cause
_AT_ONCE = 256  # samples explained by one request
_SURE = 1e-6  # a score counts as at least so far from 0 and from 1


class Why:
    """Asks the scorer what it makes of flagged samples with other numbers: what it does not look at is never named.

    A feature's part is the mean of two differences, in log-odds: what the score loses when this number alone is made
    usual, and what the score of the usual row gains by this number alone. The first finds numbers that matter together,
    the second those of which each would do. It is the Shapley value where no three features work together. Looked at
    are the few features farthest from usual, and all where the score still reaches the threshold without those (and
    that of the usual row does not). Words and cost depend on the sample alone, whatever stands beside it.
    """

    def __init__(self, info: ModelInfo, scorer: Scorer) -> None:
        self._info, self._scorer = info, scorer
        usual = [info.usual.get(name, (0.0, float("inf"))) for name in info.columns]
        self._usual = np.array(info.typical or [mean for mean, _ in usual], dtype=np.float64)
        self._spread = np.maximum(np.array([spread for _, spread in usual]), 1e-12)

    def of(self, rows: np.ndarray, scores: np.ndarray) -> Iterator[str]:
        """rows: float64 (m, k), flagged, in the model's columns; scores: theirs. At most three features for each, those
        with the largest parts first, as `name=value (usual value)`. Raises Stopped as the scorer does.
        """
        for at in range(0, len(rows), _AT_ONCE):
            some = rows[at : at + _AT_ONCE]
            if self._info.columns:
                parts = self._parts(some, scores[at : at + _AT_ONCE])
                yield from (self._words(*one) for one in zip(some, parts, self._distances(some), strict=True))
            else:
                yield from [""] * len(some)

    def _parts(self, rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """What each feature adds, log-odds, float64 (m, k); 0 where nobody asked or the scorer had no answer."""
        parts, usual = np.zeros_like(rows), self._usual
        far = np.zeros(rows.shape, dtype=bool)
        farthest = np.argsort(-self._distances(rows), axis=1, kind="stable")[:, :_LOOKED_AT]
        np.put_along_axis(far, farthest, True, axis=1)
        without = self._asked(np.vstack([usual, np.where(far, usual, rows)]))
        if without is None:
            return parts
        still = (without[1:] >= self._info.threshold) & (without[0] < self._info.threshold)
        sample, feature = np.nonzero((far | still[:, None]) & (rows != usual))
        alone, other = np.repeat(usual[None], len(sample), axis=0), rows[sample]
        each = np.arange(len(sample))
        alone[each, feature] = rows[sample, feature]
        other[each, feature] = usual[feature]
        found = self._asked(np.vstack([alone, other]))
        if found is None:
            return parts
        gains, losses = np.split(_log_odds(found), 2)
        of_both = gains - _log_odds(without[:1]) + _log_odds(scores)[sample] - losses
        parts[sample, feature] = np.nan_to_num(of_both / 2)
        return parts

    def _asked(self, rows: np.ndarray) -> np.ndarray | None:
        """The scores of rows; None where the model was swapped for another one meanwhile."""
        if not len(rows):
            return np.empty(0)
        try:
            scored = self._scorer.score(rows)
        except Swapped:
            return None
        return scored.scores if scored.version == self._info.version else None

    def _distances(self, rows: np.ndarray) -> np.ndarray:
        distances: np.ndarray = np.abs(rows - self._usual) / self._spread
        return distances

    def _words(self, row: np.ndarray, parts: np.ndarray, distances: np.ndarray) -> str:
        """The features of the largest parts; the farthest from usual where no part is known."""
        most = parts.max()
        by, least = (parts, _LEAST * most) if most > 0 else (distances, _FAR)
        first = np.argsort(-by, kind="stable")[:_TOLD]
        told = [at for at in first if by[at] >= least] or first[:1].tolist()
        return ", ".join(f"{self._info.columns[at]}={row[at]:.4g} (usual {self._usual[at]:.4g})" for at in told)


def _log_odds(scores: np.ndarray) -> np.ndarray:
    shares = np.clip(scores, _SURE, 1 - _SURE)
    odds: np.ndarray = np.log(shares / (1 - shares))
    return odds
