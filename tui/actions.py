"""What is made of the registry: key bindings, the footer, the help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.binding import Binding

from tui.registry import ACTIONS, BY_ID, EVERYWHERE, LISTS, TEXTS, Action

TYPED_IN = ("compose",)
PRINTABLE = ("question_mark", "slash", "space", "colon", "full_stop")
SHOWN = {
    "escape": "esc",
    "slash": "/",
    "question_mark": "?",
    "colon": ":",
    "full_stop": ".",
    "space": "space",
    "enter": "enter",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pagedown": "pgdn",
    "pageup": "pgup",
}
TITLES = {
    "nodes": "Nodes",
    "messages": "Messages",
    "compose": "Compose",
    "errors": "Errors",
    "jobs": "Jobs",
    "health": "Health",
    "message": "A message",
    "job": "A job",
    LISTS: "Moving",
    TEXTS: "Moving",
    EVERYWHERE: "Everywhere",
}
MOVING = {
    "nodes": LISTS,
    "messages": LISTS,
    "errors": LISTS,
    "jobs": LISTS,
    "health": LISTS,
    "message": TEXTS,
    "job": LISTS,
}
"""Which widget's keys move on which screen."""


def shown(action: Action) -> str:
    """Its keys as help and footer write them."""
    return " ".join(SHOWN.get(key, key) for key in action.keys.split(","))


def named(action: Action, place: str) -> tuple[str, str] | None:
    """Its key and word for the footer; where one types, only keys that type nothing."""
    keys = action.keys.split(",")
    if place in TYPED_IN:
        keys = [key for key in keys if len(key) > 1 and key not in PRINTABLE]
    return (SHOWN.get(keys[0], keys[0]), action.word) if keys else None


def of(place: str) -> Iterator[Action]:
    """The actions of a screen or widget."""
    return (action for action in ACTIONS if place in action.where)


def bindings(place: str) -> list[Binding]:
    """Its key bindings for Textual, each with an id, so that a keymap can move it."""
    return [
        Binding(a.keys, f"act('{a.id}')", a.word, show=False, id=f"{place}.{a.id}")
        for a in of(place)
    ]


def allowed(action_id: str, *, read_only: bool) -> bool:
    """Whether an action may be taken; a console that is read-only changes nothing."""
    return not (read_only and BY_ID[action_id].changes)


def footer(place: str, *, read_only: bool) -> list[tuple[str, str]]:
    """The keys worth naming below a screen, the most useful first."""
    return _named(place, [a for a in of(place) if allowed(a.id, read_only=read_only)])


def footer_always(place: str) -> list[tuple[str, str]]:
    """The keys named below every screen."""
    return _named(place, of(EVERYWHERE))


def _named(place: str, found: Iterable[Action]) -> list[tuple[str, str]]:
    weighed = sorted((a for a in found if a.weight), key=lambda a: a.weight)
    return [pair for a in weighed if (pair := named(a, place)) is not None]


def help_groups(place: str, *, read_only: bool) -> list[tuple[str, list[Action]]]:
    """What can be done on a screen, then how to move there, then what works everywhere."""
    groups = [place, *([MOVING[place]] if place in MOVING else []), EVERYWHERE]
    return [
        (TITLES[name], [a for a in of(name) if allowed(a.id, read_only=read_only)])
        for name in groups
    ]
