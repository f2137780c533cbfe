"""PURE: may somebody ask for a method here? (DESIGN.md section 10)"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from steward.errors import ConfigError, nearest
from steward.permit_rules import Permit

ALWAYS = frozenset({"Result", "Running", "Cancel"})
"""What only concerns messages of the sender's own: news of what this node has asked for, and ending
what the sender has asked for (the method itself takes no other target)."""

_GLOB = frozenset("*?[")


class Decision(NamedTuple):
    """``rule`` names the entry that allows it, or why none is needed; ``reason`` is a sentence."""

    allowed: bool
    rule: str
    reason: str


class Permits:
    """The ``[[permit]]`` entries of one configuration, names and globs, case-sensitive.

    None at all: everything is allowed. Any: what none of them allows is denied.
    """

    def __init__(
        self,
        entries: Sequence[Permit] = (),
        methods: Collection[str] = (),
        always: Collection[str] = ALWAYS,
    ) -> None:
        """``methods``: all that there are, ``always``: those that need no permit. Raises
        ConfigError for an entry that can never match; the text names it, counted from 1."""
        for number, entry in enumerate(entries, 1):
            for method in entry.methods if methods else ():
                if _GLOB.isdisjoint(method) and method not in methods:
                    raise ConfigError(
                        f"permit[{number}].methods: unknown method {method!r}",
                        nearest(method, methods),
                    )
        self._entries = tuple(entries)
        self._always = frozenset(always)

    def allowed(self, frm: str, method: str) -> Decision:
        """Whether the node ``frm`` may use ``method`` here, and by which rule."""
        if method in self._always:
            return Decision(True, "always", f"{method} is always allowed")
        if not self._entries:
            return Decision(True, "no permits", "there are no permits, so everything is allowed")
        for number, entry in enumerate(self._entries, 1):
            if _matches(frm, entry.frm) and _matches(method, entry.methods):
                rule = f"permit[{number}]"
                return Decision(True, rule, f"{rule} allows {frm} to use {method}")
        if others := sorted({m for e in self._entries if _matches(frm, e.frm) for m in e.methods}):
            return Decision(
                False, "", f"no permit for {frm} names {method}, only {', '.join(others)}"
            )
        return Decision(False, "", f"no permit names the sender {frm}")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
