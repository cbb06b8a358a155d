"""Figures as a model's card shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def table(kinds: Sequence[str], on: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown: for each set of samples what the threshold does, and AUC, average precision, recall by kind."""
    lines = ["| samples | anomalies | alerts | of them right |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {name} | {percent(found['anomalies'])} | {percent(found['alerts'])} | {percent(found['precision'])} |"
        for name, found in on.items()
    ]
    lines += [
        "",
        "| samples | kind | AUC | average precision | found at the threshold |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, found in on.items():
        for kind in kinds:
            if f"auc_{kind}" in found:
                auc, precision, recall = (found[f"{word}_{kind}"] for word in ("auc", "average_precision", "recall"))
                lines.append(f"| {name} | {kind} | {auc:.3f} | {precision:.3f} | {percent(recall)} |")
    return "\n".join(lines)
