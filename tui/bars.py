"""PURE: the lines above and below every screen: header, tabs, banner, footer."""

from __future__ import annotations

from collections.abc import Sequence

from tui import gauges, looks, pending
from tui.board import Board
from tui.ink import EMPTY, Line, Tone, between, fit, joined, line, say, width, wrapped
from tui.keymap import Key, Keymap, usual
from tui.rows import Status
from tui.times import Clock, instant, short

TABS = (
    ("nodes", "Nodes"),
    ("messages", "Messages"),
    ("compose", "Compose"),
    ("errors", "Errors"),
    ("jobs", "Jobs"),
    ("health", "Health"),
    ("pending", "Pending"),
)
RARE = "pending"
"""The screen that has a tab only while it is in front."""
ORDER = ("online", "stale", "offline", "unheard", "conflict")
BANNER_LINES = 3
TAKEN = "Messages are taken all the same, and wait on disk."
NOTE_GAP = 3
"""Cells around a tab line's note."""
UNDER_WAY = ("queued", "sent", "delivered", "running")


def header(board: Board, clock: Clock, cells: int, key: Key = usual) -> Line:
    """The daemon, its broker link, nodes by state, those that wait to be accepted, messages under
    way, new errors: in as many words as there is room for."""
    time = (say(f"{clock.time(clock.now())} ", Tone.MUTED),)
    if board.status is None:
        words = line(say(" steward", Tone.STRONG), say("  no daemon yet", Tone.MUTED))
        return between(words, time, cells)
    left: Line = EMPTY
    for words_level in (3, 2, 1, 0):
        left = _header(board, board.status, clock, words_level, key)
        if width(left) + len(time[0].text) + 2 <= cells:
            return between(left, time, cells)
    return fit(left, cells)


def _header(board: Board, status: Status, clock: Clock, words: int, key: Key) -> Line:
    """``words`` 3: everything; 2: no split of what is under way; 1: closer together, no round trip;
    0: a node's state is its glyph alone."""
    parts = [line(say(f" {status.node or 'steward'}", Tone.STRONG))]
    if not board.connected:
        parts.append((say("○ daemon gone", Tone.BAD),))
    parts += [broker(status, clock, words), nodes(status, words)]
    parts.append(pending.brief(board.pending, key("go.pending")))
    parts += [under_way(status, words), new_errors(status, words)]
    return joined(parts, "   " if words > 1 else "  ")


def broker(status: Status, clock: Clock, words: int) -> Line:
    """The broker link: up with its round trip, or down and since when."""
    link = status.broker
    if link.connected:
        trip = f" {gauges.trip(link.rtt)}" if link.rtt is not None and words > 1 else ""
        return line(say("● broker", Tone.GOOD), say(trip, Tone.MUTED))
    since = instant(link.since)
    down = f" {short(clock.now() - since)}" if since is not None else ""
    return (say(f"○ broker down{down}", Tone.BAD),)


def nodes(status: Status, words: int) -> Line:
    """How many nodes are in each state; states without any are left out."""
    parts: list[Line] = []
    for state in ORDER:
        count = status.nodes.get(state, 0)
        if not count:
            continue
        glyph, tone = looks.NODE_LOOKS[state]
        parts.append((say(f"{glyph} {count:,}" + (f" {state}" if words else ""), tone),))
    return joined(parts, "  " if words > 1 else " ") if parts else (say("no nodes", Tone.MUTED),)


def under_way(status: Status, words: int) -> Line:
    """Messages that have no end yet; with room, in which state they are."""
    counts = [(state, status.queue.get(state, 0)) for state in UNDER_WAY]
    total = sum(count for _, count in counts)
    if not total:
        return (say("nothing under way" if words else "0 under way", Tone.MUTED),)
    head = (say(f"{total:,} under way", Tone.ACCENT),)
    if words < 3:
        return head
    split = ", ".join(f"{count:,} {state}" for state, count in counts if count)
    return (*head, say(f" ({split})", Tone.MUTED))


def new_errors(status: Status, words: int) -> Line:
    """Errors of the last hour."""
    if not status.new_errors:
        return (say("no errors", Tone.MUTED),)
    noun = "error" if status.new_errors == 1 else "errors"
    when = " this hour" if words == 3 else ""
    return (say(f"✗ {status.new_errors:,} {noun}{when}", Tone.BAD),)


def tabs(place: str, note: Line, cells: int, keymap: Keymap, *, read_only: bool = False) -> Line:
    """The screens with their keys, the one in front marked, and what it says of itself: in as
    many words as leave room for that."""
    left: Line = EMPTY
    for level in (2, 1, 0):
        left = _tabs(place, keymap, level, read_only=read_only)
        if width(left) + width(note) + NOTE_GAP <= cells:
            break
    return between(left, (*note, say(" ")), cells)


def _tabs(place: str, keymap: Keymap, level: int, *, read_only: bool) -> Line:
    """``level`` 2: all titles; 1: closer together; 0: only the title of the one in front."""
    parts: list[Line] = []
    for name, title in TABS:
        here = name == place
        if (read_only and name == "compose") or (name == RARE and not here):
            continue
        tone = Tone.CHOSEN if here else Tone.MUTED
        key = keymap.first(f"go.{name}")
        word = f"{title}{' ' if level == 2 or here else ''}" if level or here else ""
        parts.append(line(say(f" {key} ", tone if here else Tone.ACCENT), say(word, tone)))
    return joined(parts, "")


def banner(board: Board, clock: Clock, socket: str, cells: int) -> list[Line]:
    """What stands in the way of everything else, and what to do; empty when nothing does."""
    text, hint = _banner(board, clock, socket)
    if not text:
        return []
    head = wrapped((say(text, Tone.STRONG),), cells - 2)
    rest = wrapped((say(hint),), cells - 2) if hint else []
    return [line(" ", *one) for one in (*head, *rest)][:BANNER_LINES]


def _banner(board: Board, clock: Clock, socket: str) -> tuple[str, str]:
    if not board.connected:
        if board.lost is None:
            return f"Looking for the daemon at {socket} …", ""
        ago = short(clock.now() - board.lost)
        head = _begun(board.lost_reason)
        return f"{head}: gone for {ago}, trying again by itself.", board.lost_hint
    status = board.status
    if status is None:
        return "", ""
    if not status.intake.open:
        reason = status.intake.reason or "no reason given"
        return f"No new messages are taken: {reason}", ""
    if status.alarms:
        rest = f" (and {len(status.alarms) - 1} more)" if len(status.alarms) > 1 else ""
        return f"{status.alarms[0]}{rest}", ""
    if status.standing:
        return f"{_begun(status.standing)}.", TAKEN
    if not status.broker.connected:
        why = f": {status.broker.error}" if status.broker.error else ""
        return f"No link to the broker{why}.", TAKEN
    return "", ""


def _begun(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def footer(keys: Sequence[tuple[str, str]], always: Sequence[tuple[str, str]], cells: int) -> Line:
    """``key word`` for as many as there is room for, in order of weight; at the end as many of
    ``always`` as a third of it holds, the last ones first of all."""
    right: Line = (say(" "),)
    for pair in reversed(always):
        one = line(*_key(*pair), say("  " if len(right) > 1 else ""))
        if len(right) > 1 and width(one) + width(right) > cells // 3:
            break
        right = (*one, *right)
    left: Line = (say(" "),)
    for i, (key, word) in enumerate(keys):
        one = line(say("  " if i else ""), *_key(key, word))
        if width(left) + width(one) + 2 + width(right) > cells:
            break
        left = (*left, *one)
    return between(left, right, cells)


def _key(key: str, word: str) -> Line:
    return line(say(key, Tone.ACCENT), say(f" {word}", Tone.MUTED))
