"""The links that nodes live behind, as the proxy shapes them: one direction each, times one way."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

SEGMENT: Final = 1460
"""Bytes of a TCP segment on Ethernet."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """``delay`` and ``jitter`` in seconds, the latter uniform from 0; ``bandwidth`` in bytes/s, 0:
    unlimited; ``loss``: the share of segments that are lost and come again later."""

    delay: float = 0.0
    jitter: float = 0.0
    bandwidth: float = 0.0
    loss: float = 0.0


def allowed(round_trip: float, loss: float) -> float:
    """Bytes/s that one connection gets over a link that loses so much, however wide it is: the
    bound of Mathis et al. (1997) for Reno, and for CUBIC at windows as small as these."""
    return SEGMENT / round_trip * sqrt(1.5 / loss)


LAN: Final = Profile()
GSM: Final = Profile(delay=0.15, jitter=0.05, bandwidth=30_000)
SATELLITE: Final = Profile(delay=0.3)
LOSSY_SATELLITE: Final = Profile(delay=0.3, loss=0.02, bandwidth=allowed(0.6, 0.02))
NARROW: Final = Profile(delay=0.1, bandwidth=4_000)
