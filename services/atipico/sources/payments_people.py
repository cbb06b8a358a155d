"""Who pays where, when and how much in the simulated world: drawn once from its seed.

The world is a square of SIDE x SIDE kilometres. U is even in 0..1, N is normal with mean 0 and spread 1; each is
drawn anew.

    terminal j  place    even in the square
    customer c  home     even in the square
                reach    r_c = 3 + 12 U kilometres
                errands  ERRANDS places at r_c * U from home, in any direction; each is done at one terminal of the
                         neighbourhood that it falls into. Sorted: the nearest terminal first.
                mean     m_c = 38 * exp(0.55 N) within 6..190, in currency units
                spread   v_c = 0.25 + 0.3 U of that mean
                rate     l_c ~ Gamma(2.5), scaled so that all together make `per_day` a day over a week
                weekend  w_c = exp(0.5 N): how busy a day of the weekend is beside a working day
                mornings q_c = U: the share of payments made in the morning, about 9.5 + 1.2 N o'clock;
                         the others are made about 18.5 + 1.5 N o'clock

A neighbourhood is a cell of a grid that has about two terminals each; where it has none, the next one's are taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SIDE = 100.0  # km
ERRANDS = 20


class People(NamedTuple):
    """The customers (rows 0..C-1) and the places of the terminals.

    home (C, 2), place (T, 2): km. errands (C, ERRANDS): terminals. mean (C,): currency units. shape, scale (C,):
    of the amount's gamma distribution. daily (C, 2): payments on a working day, on a day of the weekend.
    mornings (C,): a share. hours (C, 2): of the morning, of the evening.
    """

    home: np.ndarray
    place: np.ndarray
    reach: np.ndarray
    errands: np.ndarray
    mean: np.ndarray
    shape: np.ndarray
    scale: np.ndarray
    daily: np.ndarray
    mornings: np.ndarray
    hours: np.ndarray


def people(rng: np.random.Generator, customers: int, terminals: int, per_day: float) -> People:
    """Draw customers and terminals whose payments are `per_day` on average over a week."""
    place = SIDE * rng.random((terminals, 2))
    home = SIDE * rng.random((customers, 2))
    reach = 3 + 12 * rng.random(customers)
    mean = np.clip(38 * np.exp(0.55 * rng.standard_normal(customers)), 6, 190)
    spread = 0.25 + 0.3 * rng.random(customers)
    rates = rng.gamma(2.5, size=customers)
    weekend = np.exp(0.5 * rng.standard_normal(customers))
    working = rates * (per_day / rates.sum()) * 7 / (5 + 2 * weekend)
    return People(
        home=home,
        place=place,
        reach=reach,
        errands=_errands(rng, home, reach, place),
        mean=mean,
        shape=spread**-2,
        scale=mean * spread**2,
        daily=np.column_stack([working, working * weekend]),
        mornings=rng.random(customers),
        hours=np.array([9.5, 18.5]) + np.array([1.2, 1.5]) * rng.standard_normal((customers, 2)),
    )


def _errands(rng: np.random.Generator, home: np.ndarray, reach: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The terminals (C, ERRANDS) of each customer, the nearest first."""
    many = (len(home), ERRANDS)
    far, angle = reach[:, None] * rng.random(many), 2 * np.pi * rng.random(many)
    x, y = home[:, :1] + far * np.cos(angle), home[:, 1:] + far * np.sin(angle)
    terminals = _one_near(rng, np.stack([x, y], axis=-1), place)
    away = np.linalg.norm(place[terminals] - home[:, None], axis=-1)
    return np.take_along_axis(terminals, np.argsort(away, axis=1, kind="stable"), axis=1)


def _one_near(rng: np.random.Generator, points: np.ndarray, place: np.ndarray) -> np.ndarray:
    """For each point (..., 2) a terminal of its cell, by chance."""
    cells = max(1, int(np.sqrt(len(place) / 2)))  # a side

    def cell(of: np.ndarray) -> np.ndarray:
        column_row = np.clip((of * (cells / SIDE)).astype(np.int64), 0, cells - 1)
        return np.asarray(column_row[..., 0] + cells * column_row[..., 1])

    placed, wanted = cell(place), cell(points)
    order = np.argsort(placed, kind="stable")
    first = np.searchsorted(placed[order], np.arange(cells**2 + 1))
    there = first[wanted] + (rng.random(wanted.shape) * (first[wanted + 1] - first[wanted])).astype(np.int64)
    return np.asarray(order[there % len(order)])
