"""PURE: nodes that wait to be accepted → cells, the one under the cursor in full, the questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tui import equivalents, render, words
from tui.ink import EMPTY, Line, Tone, joined, line, say
from tui.question import Question
from tui.rows import Row
from tui.stakes import Stake
from tui.story import fact
from tui.times import Clock, calm, instant

FINGERPRINT = 29
"""Cells of a fingerprint, which is never cut: people compare it."""
_SHOW = "steward keys show"


class PendingRow(Row, frozen=True, kw_only=True, rename="camel"):
    """A node that has introduced itself to central. ``known``: the fingerprint of another key that
    its name has already, if there is a ``conflict``; ``revoked``: a key of its name was."""

    name: str
    state: str = "pending"
    fingerprint: str = ""
    conflict: bool = False
    known: str = ""
    revoked: bool = False
    first: float | str | None = None
    last: float | str | None = None
    version: str = ""
    machine: str = ""
    labels: dict[str, Any] = {}

    @property
    def waits(self) -> bool:
        """Whether nobody has said anything yet."""
        return self.state == "pending"

    @property
    def key(self) -> tuple[str, str]:
        """Several may use one name."""
        return self.name, self.fingerprint


def ordered(found: Iterable[PendingRow]) -> tuple[PendingRow, ...]:
    """What needs a look first: alarms, then who waits, then who was refused; the longest first."""
    return tuple(
        sorted(found, key=lambda row: (not row.waits, not row.conflict, instant(row.first) or 0.0))
    )


# ---------------------------------------------------------------- that somebody waits


def note(found: Iterable[PendingRow], key: str) -> Line:
    """``◇ 2 nodes wait to be accepted: 7``; nothing while nobody waits."""
    return _note(found, key, " to be accepted", "node")


def brief(found: Iterable[PendingRow], key: str) -> Line:
    """``◇ 2 wait: 7``."""
    return _note(found, key, "")


def _note(found: Iterable[PendingRow], key: str, what: str, noun: str = "") -> Line:
    waiting = [row for row in found if row.waits]
    if not waiting:
        return EMPTY
    glyph, tone = ("⚠", Tone.BAD) if any(row.conflict for row in waiting) else ("◇", Tone.WARN)
    count = words.many(len(waiting), noun) if noun else f"{len(waiting):,}"
    verb = "waits" if len(waiting) == 1 else "wait"
    return line(say(f"{glyph} {count} {verb}{what}: ", tone), say(key, Tone.ACCENT))


# ---------------------------------------------------------------- the table and the entry


def state(row: PendingRow) -> Line:
    """``◇ pending``, ``⚠ conflict``, ``⊘ refused``."""
    if not row.waits:
        return (say(f"⊘ {row.state}", Tone.MUTED),)
    return (say("⚠ conflict", Tone.BAD),) if row.conflict else (say("◇ pending", Tone.WARN),)


def cells(row: PendingRow, clock: Clock) -> dict[str, Line]:
    """The cells of the table, by column."""
    return {
        "state": state(row),
        "name": (say(row.name, Tone.STRONG),),
        "fingerprint": (say(row.fingerprint),),
        "first": (say(_ago(row.first, clock), Tone.MUTED),),
        "last": (say(_ago(row.last, clock), Tone.MUTED),),
        "version": (say(row.version or "—", Tone.MUTED),),
        "machine": (say(row.machine or "—", Tone.MUTED),),
        "labels": render.labels(row.labels),
    }


def _ago(at: float | str | None, clock: Clock) -> str:
    wall = instant(at)
    return "—" if wall is None else calm(clock.now() - wall)


def entry(row: PendingRow, clock: Clock, cells: int, accept: str) -> list[Line]:
    """All that is known of one, folded; ``accept``: the key that accepts it, empty if none does."""
    found: list[tuple[str, Line]] = [
        ("node", joined([(say(row.name, Tone.STRONG),), state(row)])),
        ("key", (say(row.fingerprint, Tone.STRONG),)),
    ]
    if row.conflict:
        found.append(("", conflict(row)))
    elif accept and row.waits:
        what = f" accepts it, if {_SHOW} on {row.name} itself says the same"
        found.append(("", line(say(accept, Tone.ACCENT), say(what, Tone.MUTED))))
    if row.revoked:
        found.append(("", revoked(row)))
    seen = f"first {clock.time(instant(row.first))}, last {clock.time(instant(row.last))}"
    found.append(("seen", (say(seen),)))
    machine = f"{row.machine or '—'}, Steward {row.version or '—'}"
    found += [("machine", (say(machine),)), ("labels", render.labels(row.labels))]
    return [one for label, value in found for one in fact(label, value, cells)]


def conflict(row: PendingRow) -> Line:
    """What is the matter, in words."""
    return line(
        say(f"⚠ {row.name} has another key already: ", Tone.BAD), say(row.known, Tone.STRONG)
    )


def revoked(row: PendingRow) -> Line:
    """The same of a name that has been sent away once."""
    return (say(f"⚠ a key of {row.name} was revoked before", Tone.WARN),)


def as_text(row: PendingRow) -> str:
    """All that the filter's words look at."""
    tags = " ".join(f"{key}={value}" for key, value in row.labels.items())
    return f"{row.name} {row.state} {row.fingerprint} {row.version} {row.machine} {tags}"


def fields(row: PendingRow) -> dict[str, str]:
    """What ``key=value`` in the filter can ask for."""
    tags = {key.lower(): str(value) for key, value in row.labels.items()}
    state = f"{row.state} conflict" if row.conflict else row.state
    named = {"name": row.name, "state": state, "fingerprint": row.fingerprint}
    return tags | named | {"version": row.version, "machine": row.machine}


def command(row: PendingRow, where: Sequence[str] = ()) -> str:
    """The command line that accepts it."""
    more = ["--replace"] if row.conflict else []
    named = ["steward", "nodes", "accept", *where, row.name, "--fingerprint", row.fingerprint]
    return equivalents.joined([*named, *more])


# ---------------------------------------------------------------- the questions


def accepting(row: PendingRow, clock: Clock) -> Question:
    """The fingerprint, what it has to be compared with; and where another key gives way for it,
    the name has to be typed."""
    then: list[Line] = [(say(f"Compare all of it with what {row.name} itself shows: {_SHOW}"),)]
    if row.conflict:
        ends = f"That one is revoked by this, for ever. If {row.name} was not set up anew, somebody"
        then += [conflict(row), (say(f"{ends} else wants to be {row.name}.", Tone.BAD),)]
    else:
        other = "Is it another one? Then something else calls itself so: say no."
        then.append((say(other, Tone.MUTED),))
    if row.revoked:
        then.append(revoked(row))
    if not row.waits:
        then.append((say("It was refused before.", Tone.WARN),))
    return Question(
        f"Accept {row.name} with this key?",
        Stake.COUNT if row.conflict else Stake.YES,
        1,
        what=_shown(row),
        whom=_facts(row, clock),
        then=then,
        word=row.name if row.conflict else "",
    )


def refusing(row: PendingRow, clock: Clock) -> Question:
    """It can be taken back."""
    then = "It is told so. It can still be accepted later."
    return Question(
        f"Refuse {row.name} with this key?",
        Stake.YES,
        1,
        what=_shown(row),
        whom=_facts(row, clock),
        then=[(say(then),)],
    )


def _shown(row: PendingRow) -> list[Line]:
    return [(say(f"  {row.fingerprint}  ", Tone.CHOSEN),)]


def _facts(row: PendingRow, clock: Clock) -> list[Line]:
    seen = f"  first seen {clock.time(instant(row.first))}"
    machine = f", Steward {row.version or '—'} on {row.machine or '—'}"
    facts: list[Line] = [(say(seen + machine, Tone.MUTED),)]
    return [*facts, (say("  "), *render.labels(row.labels))] if row.labels else facts
