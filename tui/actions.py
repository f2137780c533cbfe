"""What is made of the registry: key bindings, the footer, the help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.binding import Binding, BindingsMap

from tui.keymap import MOVING, Keymap
from tui.registry import ACTIONS, BY_ID, EVERYWHERE, LISTS, TEXTS, TYPED_IN, Action

TITLES = {
    "nodes": "Nodes",
    "messages": "Messages",
    "compose": "Compose",
    "errors": "Errors",
    "jobs": "Jobs",
    "health": "Health",
    "pending": "Pending",
    "message": "A message",
    "job": "A job",
    LISTS: "Moving",
    TEXTS: "Moving",
    EVERYWHERE: "Everywhere",
}


def of(place: str) -> Iterator[Action]:
    """The actions of a screen or widget."""
    return (action for action in ACTIONS if place in action.where)


def bindings(place: str) -> list[Binding]:
    """Its key bindings for Textual, each with an id, so that a keymap can move it."""
    return [
        Binding(a.keys, f"act('{a.id}')", a.word, show=False, id=a.id) for a in of(place) if a.keys
    ]


def bind_mapped(bindings: BindingsMap, place: str, keymap: Keymap) -> None:
    """Bind the keys that were mapped, beside Textual's own keymap: while a field has the focus
    that one forgets an action whose usual key types something, and with it the mapped key."""
    for action in of(place):
        if action.id in keymap.changed:
            bindings.bind(",".join(keymap.of(action)), f"act('{action.id}')", show=False)


def allowed(action_id: str, *, read_only: bool) -> bool:
    """Whether an action may be taken; a console that is read-only changes nothing."""
    return not (read_only and BY_ID[action_id].changes)


def footer(place: str, keymap: Keymap, *, read_only: bool) -> list[tuple[str, str]]:
    """The keys worth naming below a screen, the most useful first."""
    found = [a for a in of(place) if allowed(a.id, read_only=read_only)]
    return _named(place, found, keymap)


def footer_always(place: str, keymap: Keymap) -> list[tuple[str, str]]:
    """The keys named below every screen."""
    return _named(place, of(EVERYWHERE), keymap)


def _named(place: str, found: Iterable[Action], keymap: Keymap) -> list[tuple[str, str]]:
    weighed = sorted((a for a in found if a.weight), key=lambda a: a.weight)
    keyed = ((keymap.first(a, typing=place in TYPED_IN), a.word) for a in weighed)
    return [(key, word) for key, word in keyed if key]


def help_groups(
    place: str, keymap: Keymap, *, read_only: bool
) -> list[tuple[str, list[tuple[str, Action]]]]:
    """What can be done on a screen, then how to move there, then what works everywhere, each with
    its keys; where letters are typed, only keys that no field takes."""
    typing = place in TYPED_IN
    groups = []
    for name in (place, MOVING.get(place, ""), EVERYWHERE):
        found = [a for a in of(name) if allowed(a.id, read_only=read_only)]
        keyed = [(keymap.shown(a, typing=typing), a) for a in found]
        groups.append((TITLES.get(name, ""), [pair for pair in keyed if pair[0]]))
    return [group for group in groups if group[1]]
