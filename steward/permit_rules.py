"""PURE: what a ``[[permit]]`` says, and whether it lets somebody do something.

The daemon and the privileged runner judge by this same file, and the runner has nothing but the
standard library: no import here may need more.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

REST: Final = "**"
"""As the last glob of a pattern: any arguments more, also none."""
PER: Final[Mapping[str, float]] = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds that a rate may count in, by their letter."""


class Rate(NamedTuple):
    """At most ``most`` messages in any ``seconds`` that follow each other."""

    most: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.most}/{next(unit for unit, s in PER.items() if s == self.seconds)}"


class Permit(NamedTuple):
    """One entry. ``frm``, ``methods``: names or globs; ``arguments``: patterns, each a glob for
    every argument, none: any arguments; ``operators``: names, or uids as digits, none: anybody;
    ``user``: as whom the command runs, empty: as the daemon's own; ``longest``: seconds that it may
    run, 0: any; ``limits``: see
    ``permit_table.LIMITS``."""

    frm: tuple[str, ...]
    methods: tuple[str, ...]
    arguments: tuple[tuple[str, ...], ...] = ()
    user: str = ""
    operators: tuple[str, ...] = ()
    rate: Rate | None = None
    longest: float = 0.0
    limits: Mapping[str, int] = {}


class Request(NamedTuple):
    """What somebody asks for. ``operator``: the user at the sender who asked, with its uid there,
    by the sender's word; empty and None: nobody is named."""

    frm: str
    method: str
    data: Sequence[str] = ()
    operator: str = ""
    operator_uid: int | None = None


class Found(NamedTuple):
    """``number``: of the first entry that matches, counted from 1; 0: none does. ``reason``: a
    sentence; a refusal names the entry that came nearest and what of it did not match."""

    number: int
    reason: str


def find(permits: Sequence[Permit], asked: Request) -> Found:
    """The first entry whose sender, method, operator and arguments all match. Rates are for the
    caller to count."""
    nearest_yet = (0, 0)
    near = 0
    for number, permit in enumerate(permits, 1):
        progress = _progress(permit, asked)
        if progress == _ALL:
            return Found(number, f"permit[{number}] allows {asked.frm} to use {asked.method}")
        if progress > nearest_yet:
            nearest_yet, near = progress, number
    stage = nearest_yet[0]
    if stage == 0:
        return Found(0, f"no permit names the sender {asked.frm}")
    if stage == 1:
        others = sorted({m for p in permits if _any(p.frm, asked.frm) for m in p.methods})
        only = _shown(", ".join(others), 200)
        return Found(0, f"no permit for {asked.frm} names {asked.method}, only {only}")
    permit = permits[near - 1]
    so_far = f"permit[{near}] allows {asked.frm} to use {asked.method}, but"
    if stage == 2:
        who = _operator(asked)
        return Found(
            0, f"{so_far} only to {_shown(', '.join(permit.operators), 200)}, not to {who}"
        )
    return Found(0, f"{so_far} not with these arguments: {_misfit(permit, asked.data)}")


_ALL: Final = (4, 0)


def _progress(permit: Permit, asked: Request) -> tuple[int, int]:
    """How far the entry matches: conditions met, and arguments met of its best pattern."""
    if not _any(permit.frm, asked.frm):
        return (0, 0)
    if not _any(permit.methods, asked.method):
        return (1, 0)
    if permit.operators and not any(_is(one, asked) for one in permit.operators):
        return (2, 0)
    if permit.arguments and not any(fits(one, asked.data) for one in permit.arguments):
        return (3, max(_agreeing(one, asked.data) for one in permit.arguments))
    return _ALL


def _is(operator: str, asked: Request) -> bool:
    """Digits mean a uid and never a name, so that nobody becomes another by being named so."""
    if operator.isascii() and operator.isdigit():
        return asked.operator_uid is not None and int(operator) == asked.operator_uid
    return operator == asked.operator


def fits(pattern: Sequence[str], data: Sequence[str]) -> bool:
    """Whether each argument matches its glob, and there are as many of them; after a last ``**``
    there may be any more."""
    *fixed, last = pattern or ("",)
    if not pattern or last != REST:
        return len(data) == len(pattern) == _agreeing(pattern, data)
    return _agreeing(fixed, data) == len(fixed)


def _agreeing(pattern: Sequence[str], data: Sequence[str]) -> int:
    """Arguments that match, up to the first one that doesn't."""
    count = 0
    for glob, word in zip(pattern, data, strict=False):
        if not matches(glob, word):
            break
        count += 1
    return count


def _misfit(permit: Permit, data: Sequence[str]) -> str:
    """Never what the arguments are: a refusal travels and is logged, and they may be a secret."""
    best = max(permit.arguments, key=lambda pattern: _agreeing(pattern, data))
    at = _agreeing(best, data)
    fixed = best[:-1] if best[-1:] == (REST,) else best
    if at < min(len(fixed), len(data)):
        return f"data[{at}] does not match {_shown(repr(best[at]), 80)}"
    more = "at least " if len(fixed) < len(best) else ""
    return f"data has {len(data)} elements, where the nearest pattern has {more}{len(fixed)}"


def _any(globs: Sequence[str], word: str) -> bool:
    return any(matches(glob, word) for glob in globs)


def matches(glob: str, word: str) -> bool:
    """``*`` is any text, also one with spaces, slashes and newlines; ``?`` any one character,
    ``[ab]`` one of these, ``[!ab]`` none of these, ``[*]`` the character itself."""
    return _compiled(glob).match(word) is not None


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob))


def _operator(asked: Request) -> str:
    if not asked.operator and asked.operator_uid is None:
        return "a message that names no operator"
    uid = "" if asked.operator_uid is None else f" (uid {asked.operator_uid})"
    return f"{_shown(asked.operator, 80) or 'somebody without a name'}{uid}"


def _shown(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
