"""Where a time lies in the calendar; times are ns since 1970, in UTC."""

import numpy as np

_HOUR, _DAY = 3600 * 10**9, 86_400 * 10**9
_FARTHEST = 2.0**62  # ns either way; what is no time has a date too


def hour(newest: np.ndarray) -> np.ndarray:
    """The hour of the day with its fraction, 0..24."""
    return newest % _DAY / _HOUR


def weekday(newest: np.ndarray) -> np.ndarray:
    """The day of the week: 0 is Monday, 6 Sunday."""
    return (newest // _DAY + 3) % 7  # 1970 began on a Thursday


def day(newest: np.ndarray) -> np.ndarray:
    """The day of the month, 1..31."""
    days = _dates(newest, "D")
    told: np.ndarray = (days - days.astype("datetime64[M]")).astype(np.float64) + 1
    return told


def month(newest: np.ndarray) -> np.ndarray:
    """The month of the year, 1..12."""
    return _dates(newest, "M").astype(np.int64) % 12 + 1.0


def _dates(newest: np.ndarray, unit: str) -> np.ndarray:
    times: np.ndarray = np.clip(newest, -_FARTHEST, _FARTHEST).astype(np.int64)
    dates: np.ndarray = times.astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    return dates
