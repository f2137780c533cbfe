"""PURE: durations and sizes as people write them. It needs the standard library alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_SECONDS: Final[Mapping[str | None, float]] = {
    None: 1.0,
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
LONGEST: Final = 100 * 365 * 86400.0
"""Seconds: no duration is longer."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|KB|MB|GB)?")
_BYTES: Final[Mapping[str | None, int]] = {
    None: 1,
    "B": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}
LARGEST: Final = 2**53
"""Bytes: no disk is larger, and SQLite takes no larger number."""


def seconds(value: object) -> float | None:
    """A number, or ``90s``, ``10m``, ``2h``, ``7d``; None if it is no duration."""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        value = float(match[1]) * _SECONDS[match[2]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        return None
    return float(value)


def size(value: object) -> int | None:
    """Bytes: a whole number, or ``64KiB``, ``128MiB``, ``1GB``; None if it is no size."""
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        value = int(min(float(match[1]) * _BYTES[match[2]], LARGEST))
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LARGEST:
        return None
    return value
