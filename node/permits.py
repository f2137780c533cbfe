"""PURE: may somebody ask for a method here, as whom, for how long? (DESIGN.md sections 8 and 10)"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from node.rates import Rates, Room
from steward.errors import ConfigError, nearest
from steward.permit_rules import Permit, Request, find

ALWAYS = frozenset({"Result", "Running", "Cancel"})
"""What only concerns messages of the sender's own: news of what this node has asked for, and ending
what the sender has asked for (the method itself takes no other target)."""

_GLOB = frozenset("*?[")


class Grant(NamedTuple):
    """What a permitted command gets: see ``Permit``."""

    user: str = ""
    longest: float = 0.0
    limits: Mapping[str, int] = {}

    def seconds(self, asked: float) -> float | None:
        """How long it may run if ``asked`` for so long, 0: for ever; None: for ever."""
        return min((s for s in (asked, self.longest) if s), default=None)


class Decision(NamedTuple):
    """``rule`` names the entry that allows it, or why none is needed; ``reason`` is a sentence.
    ``room`` under the entry's rate, None: it has none."""

    allowed: bool
    rule: str
    reason: str
    grant: Grant = Grant()
    room: Room | None = None

    def told(self) -> dict[str, Any]:
        """As JSON has it: what was granted is named where it is something special."""
        told: dict[str, Any] = {
            "allowed": self.allowed,
            "rule": self.rule,
            "reason": self.reason,
            "user": self.grant.user,
            "longest": self.grant.longest,
            "limits": dict(self.grant.limits),
        }
        if self.room is not None:
            told["rate"] = {"left": self.room.left, "again": self.room.again}
        return told


class Permits:
    """The ``[[permit]]`` entries of one configuration. The first one that matches decides, also
    about the rate: a later one is not asked then.

    None at all: everything is allowed without trust, nothing with it. Any: what none of them
    allows is denied.
    """

    def __init__(
        self,
        entries: Sequence[Permit] = (),
        methods: Collection[str] = (),
        always: Collection[str] = ALWAYS,
        rates: Rates | None = None,
    ) -> None:
        """``methods``: all that there are, ``always``: those that need no permit; ``rates``: what
        was counted so far. Raises ConfigError for an entry that can never match; the text names
        it, counted from 1."""
        for number, entry in enumerate(entries, 1):
            for method in entry.methods if methods else ():
                if _GLOB.isdisjoint(method) and method not in methods:
                    raise ConfigError(
                        f"permit[{number}].methods: unknown method {method!r}",
                        nearest(method, methods),
                    )
        self.entries = tuple(entries)
        self._always = frozenset(always)
        self._rates = Rates() if rates is None else rates

    def judge(self, asked: Request, *, trusted: bool, now: float | None = None) -> Decision:
        """Whether it is allowed, and by which rule. ``trusted``: senders are known by their keys;
        ``now``: steady seconds, to look at what its rate leaves; None: rates don't matter."""
        decision, entry = self._find(asked, trusted)
        if entry is None or entry.rate is None or now is None:
            return decision
        room = self._rates.room(entry, asked.frm, now)
        return decision._replace(room=room) if room.left else _held_up(decision, entry, room)

    def admit(self, asked: Request, message: Hashable, now: float, *, trusted: bool) -> Decision:
        """The same, and the message counts for its entry's rate: once, however often it is judged.
        ``message`` tells it from all others; ``now``: steady seconds."""
        decision, entry = self._find(asked, trusted)
        if entry is None or entry.rate is None:
            return decision
        again = self._rates.take(entry, asked.frm, message, now)
        return _held_up(decision, entry, Room(0, again)) if again else decision

    def _find(self, asked: Request, trusted: bool) -> tuple[Decision, Permit | None]:
        """The decision whatever rates say, and the entry that it is by."""
        if asked.method in self._always:
            return Decision(True, "always", f"{asked.method} is always allowed"), None
        if not self.entries:
            return _without_any(asked, trusted), None
        number, reason = find(self.entries, asked)
        if not number:
            return Decision(False, "", reason), None
        entry = self.entries[number - 1]
        grant = Grant(entry.user, entry.longest, entry.limits)
        return Decision(True, f"permit[{number}]", reason, grant), entry


def _without_any(asked: Request, trusted: bool) -> Decision:
    if not trusted:
        return Decision(True, "no permits", "there are no permits, so everything is allowed")
    return Decision(
        False,
        "no permits",
        f"this node has keys and no permits, so that nothing is allowed: a [[permit]] with"
        f' from = ["{asked.frm}"] and methods = ["{asked.method}"] in its configuration allows it',
    )


def _held_up(decision: Decision, entry: Permit, room: Room) -> Decision:
    """By the rate of the entry that would allow it."""
    when = f"{entry.rate} are used up, there will be room in {room.again:,.0f} s"
    return Decision(False, decision.rule, f"{decision.reason}, but {when}", decision.grant, room)
