"""PURE: which keys do what: the registry's, unless the settings file maps others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from textual.keys import KEY_NAME_REPLACEMENTS, REPLACED_KEYS, key_to_character

from steward.errors import UsageError, nearest
from tui.registry import ACTIONS, BY_ID, EVERYWHERE, LISTS, TEXTS, TYPED_IN, Action

SHOWN: Final[Mapping[str, str]] = {
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "delete": "del",
    "insert": "ins",
}
"""How help and footer write a key whose name says it less well."""
MOVING: Final[Mapping[str, str]] = {
    "nodes": LISTS,
    "messages": LISTS,
    "errors": LISTS,
    "jobs": LISTS,
    "health": LISTS,
    "pending": LISTS,
    "message": TEXTS,
    "job": LISTS,
}
"""Which widget's keys move on which screen."""
_ALIASES: Final = {shown: name for name, shown in SHOWN.items()} | {
    "return": "enter",
    "page_up": "pageup",
    "page_down": "pagedown",
    "spacebar": "space",
    " ": "space",
}
_NAMED: Final = frozenset(
    [
        "enter",
        "tab",
        "space",
        "escape",
        "backspace",
        "delete",
        "insert",
        "home",
        "end",
        "pageup",
        "pagedown",
        "up",
        "down",
        "left",
        "right",
        "shift+tab",
    ]
) | {f"f{n}" for n in range(1, 13)}
_SAME: Final = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+j": "enter",
    "ctrl+h": "backspace",
    "ctrl+@": "space",
}
_TAKEN: Final = {
    "ctrl+c": "it interrupts",
    "ctrl+q": "it closes the console",
    "ctrl+z": "it suspends",
}
_EDITING: Final = frozenset(f"ctrl+{letter}" for letter in "aefkuwdxvc") | {
    "enter", "space", "backspace", "delete", "home", "end", "left", "right",
}  # fmt: skip
"""Keys that a field which is typed in keeps for itself."""
_MULTIPLEXERS: Final = {
    "ctrl+a": "screen's prefix",
    "ctrl+b": "tmux's prefix",
    "ctrl+s": "it stops the terminal's output",
    "ctrl+o": "terminals and multiplexers take it",
}
Key = Callable[[str], str]
"""An action's id -> its key as people write it."""
REMEDY: Final = "letters, digits, f1 to f12, ctrl+letter; or tab, space, home, pageup, …"


@dataclass(frozen=True)
class Keymap:
    """``changed``: keys by action id, where they aren't the registry's."""

    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, action: Action) -> tuple[str, ...]:
        """The keys that do it, as Textual names them."""
        own = tuple(key for key in action.keys.split(",") if key)
        return self.changed.get(action.id, own)

    def shown(self, action: Action | str, *, typing: bool = False) -> str:
        """Its keys as people write them; ``typing``: only those that no field takes."""
        action = BY_ID[action] if isinstance(action, str) else action
        return " ".join(written(k) for k in self.of(action) if not (typing and field_takes(k)))

    def first(self, action: Action | str, *, typing: bool = False) -> str:
        """The first of them, or nothing."""
        return self.shown(action, typing=typing).partition(" ")[0]

    def named(self, id: str) -> str:
        """The key of an action for a sentence; its id where it has none."""
        return self.first(id) or id

    def textual(self) -> dict[str, str]:
        """For ``App.set_keymap``: the bindings' ids are the actions'."""
        return {id: ",".join(keys) for id, keys in self.changed.items()}


usual: Final[Key] = Keymap().named
"""The key that does it where nobody has mapped another."""


def written(key: str) -> str:
    """A key as people write it: ``esc``, ``/``, ``ctrl+p``."""
    if key in SHOWN:
        return SHOWN[key]
    character = _character(key)
    return character if character and character.isprintable() and character != " " else key


def field_takes(key: str) -> bool:
    """Whether a field that has the focus keeps it: as text, or to edit."""
    return len(key) == 1 or (key not in _NAMED and "+" not in key) or key in _EDITING


def key_name(text: str) -> str:
    """A key as Textual names it. Raises UsageError: no such key, or one that never arrives."""
    name = text if len(text) == 1 else text.strip().lower()
    name = _ALIASES.get(name, name)
    if len(name) == 1:
        return _single(name, text)
    if name in _SAME:
        raise UsageError(f"{text!r} arrives as {_SAME[name]}", f"write {_SAME[name]!r}, or another")
    if name in _TAKEN:
        raise UsageError(f"{text!r} can't be had: {_TAKEN[name]}", REMEDY)
    if name in _NAMED or re.fullmatch(r"ctrl\+[a-z]", name):
        return name
    if "+" in name:
        why = "in a terminal it arrives as another key, or not at all"
        raise UsageError(f"{text!r} never arrives as such: {why}", REMEDY)
    if _character(name) is not None:
        return name
    known = [*_NAMED, *SHOWN, "ctrl+k", "f10"]
    hint = nearest(name, known)
    raise UsageError(f"{text!r} is no key", hint if hint.startswith("did") else REMEDY)


def _single(character: str, text: str) -> str:
    if not character.isprintable():
        raise UsageError(f"{text!r} is no key", REMEDY)
    if character.isalnum():
        return character
    name = unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def _character(key: str) -> str | None:
    return key_to_character(REPLACED_KEYS.get(key, key))


def caution(key: str) -> str:
    """Why a key that is allowed may not arrive everywhere; empty: it does."""
    return _MULTIPLEXERS.get(key, "")


def unfit(action: Action, key: str) -> str:
    """Why a key can't do this: where letters are typed they are text. Empty: it can."""
    if any(place in TYPED_IN for place in action.where) and field_takes(key):
        return f"on {', '.join(p for p in action.where if p in TYPED_IN)} it is typed, or edits"
    return ""


def clash(keymap: Keymap) -> tuple[str, str, Action, Action] | None:
    """A place where a key would mean two things, as (place, key, one action, the other)."""
    for place in dict.fromkeys(where for action in ACTIONS for where in action.where):
        if place in (LISTS, TEXTS, EVERYWHERE):
            continue
        taken: dict[str, Action] = {}
        heard = {place, EVERYWHERE, MOVING.get(place, place)}
        for action in ACTIONS:
            if heard.isdisjoint(action.where):
                continue
            for key in keymap.of(action):
                if (other := taken.get(key)) is not None:
                    return place, key, other, action
                taken[key] = action
    return None
