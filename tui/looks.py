"""PURE: the glyph, word and tone of every state. Colour never stands alone: there is a word."""

from __future__ import annotations

from collections.abc import Sequence

from tui.ink import Line, Tone, say
from tui.rows import MessageRow, NodeRow

NODE_LOOKS = {
    "online": ("●", Tone.GOOD),
    "stale": ("◐", Tone.WARN),
    "offline": ("○", Tone.BAD),
    "unheard": ("◌", Tone.MUTED),
    "conflict": ("⚠", Tone.BAD),
}
HELD = "‖"
MESSAGE_LOOKS = {
    "queued": ("◌", Tone.MUTED),
    "sent": ("↑", Tone.ACCENT),
    "delivered": ("◍", Tone.ACCENT),
    "running": ("▶", Tone.BUSY),
    "published": ("✓", Tone.GOOD),
    "succeeded": ("✓", Tone.GOOD),
    "failed": ("✗", Tone.BAD),
    "timed_out": ("◷", Tone.BAD),
    "refused": ("⊘", Tone.BAD),
    "undelivered": ("✗", Tone.WARN),
    "expired": ("◷", Tone.WARN),
    "cancelled": ("–", Tone.MUTED),
    "interrupted": ("↯", Tone.BAD),
    "unknown": ("?", Tone.WARN),
}
LEVEL_LOOKS = {
    "error": ("✗", Tone.BAD),
    "critical": ("✗", Tone.BAD),
    "warning": ("⚠", Tone.WARN),
    "info": ("·", Tone.MUTED),
}
WELL = ("succeeded", "published")
PROBLEMS = ("failed", "timed_out", "refused", "undelivered", "expired", "interrupted", "unknown")
BARS = "▁▂▃▄▅▆▇█"


def node_state(row: NodeRow) -> Line:
    """``● online``, ``● ‖ held`` for a node whose queue is held, ``? not seen`` for a mere name."""
    glyph, tone = NODE_LOOKS.get(row.state, ("?", Tone.WARN))
    if row.never_seen:
        glyph, tone = "?", Tone.WARN
    if row.held:
        return (say(glyph + " ", tone), say(f"{HELD} held", Tone.WARN))
    return (say(f"{glyph} {'not seen' if row.never_seen else row.state}", tone),)


def message_state(row: MessageRow, *, room: int = 99) -> Line:
    """``✓ succeeded``, ``◷ expired (unconfirmed)``, or, where that has no room, ``◷ expired ?``."""
    glyph, tone = MESSAGE_LOOKS.get(row.state, ("?", Tone.WARN))
    word = f"{glyph} {row.state.replace('_', ' ')}"
    if not row.is_unconfirmed:
        return (say(word, tone),)
    mark = " (unconfirmed)" if room >= 28 else " ?"
    return (say(word, tone), say(mark, Tone.WARN))


def level(word: str) -> Line:
    """``✗ error``: how bad an entry of the error log is."""
    glyph, tone = LEVEL_LOOKS.get(word, ("·", Tone.PLAIN))
    return (say(f"{glyph} {word}", tone),)


def sparkline(minutes: Sequence[int], cells: int) -> Line:
    """The last hour in ``cells`` bars, newest right; a bar's height is relative to the highest."""
    if not any(minutes):
        return (say("·" * cells, Tone.FAINT),)
    per = max(1, -(-len(minutes) // cells))
    padded = [0] * (per * cells - len(minutes)) + list(minutes)
    sums = [sum(padded[i : i + per]) for i in range(0, len(padded), per)][-cells:]
    most = max(sums)
    return tuple(
        say(BARS[min(7, value * 7 // most)], Tone.BAD) if value > 0 else say("·", Tone.FAINT)
        for value in sums
    )
