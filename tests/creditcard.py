"""A small file in the form of the well-known creditcard.csv: two days, its columns, its quotes, few frauds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TWO_DAYS = 172_792  # s, the last Time of the real one


def write_creditcard(file: Path, rows: int = 6000, frauds: int = 240, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, TWO_DAYS, rows))
    fraud = np.zeros(rows, dtype=bool)
    fraud[rng.choice(rows, frauds, replace=False)] = True
    components = rng.normal(size=(rows, 28))
    components[fraud, :4] += rng.normal(1.5, 1.5, (frauds, 4))
    amount = np.round(rng.lognormal(3, 1.2, rows), 2)
    with file.open("w") as out:
        print(",".join(f'"{name}"' for name in ("Time", *(f"V{n}" for n in range(1, 29)), "Amount", "Class")), file=out)
        for at in range(rows):
            known = ",".join(f"{value:.12g}" for value in components[at])
            print(f'{time[at]},{known},{amount[at]:g},"{int(fraud[at])}"', file=out)
