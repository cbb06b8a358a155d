"""How good the scores of a job were, by what is known of its samples by now."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from atipico.client.joined import NOTHING, Joined, Told
from atipico.client.known import UNKNOWN
from atipico.client.reads import LABELS, check_job
from atipico.client.store import Store
from atipico.learn.quality import precision_at_k
from atipico.learn.ranking import auc, average_precision


def evaluate(
    store: Store,
    job: str,
    last_ns: int,
    k: int,
    key: str = "",
    id_field: str = "",
    labels: str = LABELS,
    step: Callable[[int], object] = lambda rows: None,
) -> dict[str, Any]:
    """Figures of all outcomes of the last such while, and of each version's. Raises Unknown for a job without any.

    k: how many people look at a day. key: the field that these are of, such as customer; a sample each unless given.
    """
    now, joined = time.time_ns(), Joined(store, id_field, key, labels, step)
    parts = [part for stream in check_job(store, job) for part in joined.read(job, stream, now - last_ns, now)]
    told = Told(*(np.concatenate(column) for column in zip(NOTHING, *parts, strict=True)))
    versions = {name: told.only(told.version == at) for name, at in joined.versions.items()}
    by_version = {name: figures(one, k, bool(key)) for name, one in versions.items()}
    return {"job": job, "k": k, **figures(told, k, bool(key)), "by_version": by_version}


def figures(told: Told, k: int, keyed: bool) -> dict[str, Any]:
    """What is told of outcomes; None for what can't be told. Precision and all that follows are of labelled ones.

    alerts: flagged, with a label or without. recall: the share of known anomalies that were flagged. precision_at_k:
    see learn/quality.py; the mean over `days`, those that have a label.
    """
    scored = told.only(told.scored)
    judged = scored.only(scored.label != UNKNOWN)
    true, flagged = judged.label == 1, judged.anomalous
    days = precision_at_k(judged.score, judged.label, judged.day, judged.key if keyed else None, k)
    return {
        "samples": len(told.score),
        "unscored": len(told.score) - len(scored.score),
        "labelled": len(judged.score),
        "unlabelled": len(scored.score) - len(judged.score),
        "anomalies": int(true.sum()),
        "alerts": int(scored.anomalous.sum()),
        "labelled_alerts": int(flagged.sum()),
        "precision": float(true[flagged].mean()) if flagged.any() else None,
        "recall": float(flagged[true].mean()) if true.any() else None,
        "auc": auc(judged.score, true),
        "average_precision": average_precision(judged.score, true),
        "precision_at_k": float(days.mean()) if len(days) else None,
        "days": len(days),
    }
