"""The machine and who may command it: clock, limits, trust."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Iterable, Mapping
from typing import Any, Final

from node.checks import Finding, ok, warning, wrong

_TIME_ERROR: Final = 5
"""What adjtimex(2) returns while nothing keeps the clock right."""
_TIMEX: Final = 1024
"""Bytes, more than a ``struct timex`` has anywhere; all zero: only asking."""
_EARLIEST: Final = 1_735_689_600.0
"""The year 2025 began: no clock that was ever set is behind that."""
SKEW: Final = 5.0
"""Seconds between two nodes' clocks from which somebody should know of it."""
FEW_FILES: Final = 1024


def synchronised() -> bool | None:
    """Whether the kernel's clock is kept right by something; None: it isn't known here."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != _TIME_ERROR)


def clock(wall: float, kept: bool | None) -> Finding:
    """``wall``: now, in seconds; ``kept``: see ``synchronised``."""
    if wall < _EARLIEST:
        what = "the clock was never set: what has a ttl expires at the wrong time"
        return wrong(what, "set it, and keep it right with chrony or systemd-timesyncd")
    if kept is None:
        return ok("whether something keeps the clock right cannot be seen here")
    if not kept:
        what = "the kernel knows of nothing that keeps the clock right"
        return warning(what, "run chrony (with rtcsync), ntpd or systemd-timesyncd")
    return ok("the clock is kept right")


def skews(nodes: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """``nodes``: others in a daemon's roster, their ``clockSkew`` in seconds against this one."""
    known = {str(n["name"]): float(n["clockSkew"]) for n in nodes if n.get("clockSkew") is not None}
    off = {name: skew for name, skew in known.items() if abs(skew) > SKEW}
    if not known:
        return []
    if not off:
        return [ok(f"no other node's clock is far from this one ({len(known)} known)")]
    shown = ", ".join(f"{name} by {skew:+,.0f} s" for name, skew in sorted(off.items())[:5])
    if len(off) == len(known) > 1:
        what = f"the clocks of all {len(known)} nodes differ from this one: {shown}"
        return [warning(what, "it is this one that is wrong: set it")]
    more = f" and {len(off) - 5} more" if len(off) > 5 else ""
    return [warning(f"clocks differ from this one: {shown}{more}", "set those nodes' clocks")]


def open_files(soft: int = 0) -> Finding:
    """``soft``: how many files a process may have open; asked for unless given."""
    soft = soft or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return ok("a process may have any number of files open")
    if soft < FEW_FILES:
        remedy = "ulimit -n 4096, or LimitNOFILE=4096 in the service"
        return warning(f"a process may have only {soft} files open", remedy)
    return ok(f"a process may have {soft:,} files open")


def trust(permits: bool) -> Finding:
    """There are no keys yet. ``permits``: whether the configuration has any."""
    if permits:
        what = (
            "NO KEYS: permits say which sender may do what here, but a sender's name is believed:"
            " ANYBODY who reaches the broker can take a permitted one"
        )
    else:
        what = (
            "NO KEYS AND NO PERMITS: ANYBODY who reaches the broker can run commands on this node,"
            " as the user that it runs as"
        )
    remedy = "let only machines that you trust reach the broker; add [[permit]]; don't run as root"
    return warning(what, remedy)
