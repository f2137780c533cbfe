"""PURE: signs of life: what is sent to ask for one, and, in words, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.gauges import trip
from tui.ink import Line, Tone, joined, line, say
from tui.keymap import Key, usual
from tui.rows import MessageRow, NodeRow
from tui.times import long, short

TTL = 30.0
"""Seconds in which the answer has to be there."""
NAMED = 4
"""Nodes that one sentence names; of more it tells the number."""


@dataclass(frozen=True)
class Ping:
    """One node that was asked at ``asked`` (wall time, seconds), and the message's end."""

    node: str
    asked: float
    ended: MessageRow | None = None

    @property
    def took(self) -> float | None:
        """Seconds until the node's receipt was here; None: there is none."""
        if self.ended is None or self.ended.state != "succeeded":
            return None
        sent, back = self.ended.at("sent") or self.ended.at("accepted"), self.ended.at("ended")
        return max(back - sent, 0.0) if sent is not None and back is not None else 0.0


def messages(names: Iterable[str]) -> list[dict[str, Any]]:
    """As the control socket takes them."""
    body = {"data": [], "commandOrEvent": "EventACK", "method": "Ping", "ttl": TTL}
    return [{"toNode": name, **body} for name in names]


def sentence(ping: Ping, row: NodeRow | None, now: float) -> str:
    """``ship1 answered in 612 ms``, or why there is no answer."""
    if ping.took is not None:
        tries = ping.ended.attempts if ping.ended else 1
        again = f", at attempt {tries}" if tries > 1 else ""
        return f"{ping.node} answered in {trip(ping.took)}{again}"
    state = ping.ended.state if ping.ended is not None else "expired"
    if state in ("expired", "undelivered"):
        return f"{ping.node}: no answer in {long(TTL)}; {_last_seen(row, now)}"
    why = (ping.ended.reason if ping.ended is not None else "") or "no reason is known"
    return f"{ping.node}: {state.replace('_', ' ')}: {why}"


def _last_seen(row: NodeRow | None, now: float) -> str:
    seen = row.seen_at if row is not None else None
    return "never seen" if seen is None else f"last seen {long(float(int(now - seen)))} ago"


def summary(done: Sequence[Ping], nodes: Mapping[str, NodeRow], now: float) -> str:
    """What became of all of them: one sentence for one, numbers and names for many."""
    if len(done) == 1:
        return sentence(done[0], nodes.get(done[0].node), now)
    took = {ping.node: ping.took for ping in done if ping.took is not None}
    silent = [ping.node for ping in done if ping.took is None]
    parts = []
    if took and len(took) <= NAMED:
        parts.append(", ".join(f"{name} {trip(time)}" for name, time in took.items()))
    elif took:
        span = f"{trip(min(took.values()))} to {trip(max(took.values()))}"
        parts.append(f"{len(took):,} of {len(done):,} answered, in {span}")
    if silent:
        parts.append(f"no answer from {those(silent)}")
    return "; ".join(parts)


def those(names: Sequence[str]) -> str:
    """The names, or the first of them and how many more there are."""
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: NAMED - 1])} and {len(names) - NAMED + 1:,} more"


def held(names: Sequence[str], key: Key = usual) -> str:
    """That held nodes are not asked, and what to do."""
    are = "is" if len(names) == 1 else "are"
    then = f"{key('node.hold')} releases, {key('node.ping')} asks then"
    return f"{those(names)} {are} held: nothing is sent there. {then}"


def progress(waiting: int, asked: int) -> Line:
    """``ping: 3 of 5 answered`` while some are missing."""
    if not waiting:
        return ()
    return (say(f"ping: {asked - waiting:,} of {asked:,} answered", Tone.ACCENT),)


def shown(ping: Ping, now: float) -> Line:
    """The last one, for the node's pane: ``612 ms, 12 s ago``."""
    ago = say(f"{short(now - ping.asked)} ago", Tone.MUTED)
    if ping.took is not None:
        return joined([(say(trip(ping.took), Tone.GOOD),), (ago,)], ", ")
    if ping.ended is None:
        return line(say(f"asked {short(now - ping.asked)} ago", Tone.ACCENT))
    return joined([(say("no answer", Tone.WARN),), (ago,)], ", ")
