"""PURE: what is typed in the palette or on the command line → actions of the registry."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui import actions, fuzzy
from tui.ink import Line, Span, Tone, say
from tui.keymap import MOVING, Keymap
from tui.registry import ACTIONS, BY_ID, EVERYWHERE, Action

NAME, ID, HELP = 1000, 500, 0
"""What a find in an action's word, in its id, in its help begins with."""


@dataclass(frozen=True)
class Match:
    """An action that fits what was typed, and the places of the letters in its word, id, help."""

    action: Action
    word: tuple[int, ...] = ()
    id: tuple[int, ...] = ()
    help: tuple[int, ...] = ()


@dataclass(frozen=True)
class Understood:
    """A line as an action and its argument, or ``answer``: why it isn't one."""

    action: Action | None = None
    argument: str = ""
    answer: str = ""


def possible(place: str, *, read_only: bool) -> list[Action]:
    """The actions of a screen, those that work everywhere, and how to move there."""
    names = (place, EVERYWHERE, MOVING.get(place, ""))
    found = (a for name in names for a in actions.of(name))
    return [a for a in found if a.id != "palette" and actions.allowed(a.id, read_only=read_only)]


def matches(typed: str, offered: Iterable[Action]) -> list[Match]:
    """Those that fit, best first: by word, then by id, then by what the help says."""
    found: list[tuple[int, Match]] = []
    for action in offered:
        if (fit := fuzzy.score(typed, action.word)) is not None:
            found.append((NAME + fit[0], Match(action, word=fit[1])))
        elif (fit := fuzzy.score(typed, action.id)) is not None:
            found.append((ID + fit[0], Match(action, id=fit[1])))
        elif (at := action.help.casefold().find(typed.casefold())) >= 0:
            found.append((HELP - at, Match(action, help=tuple(range(at, at + len(typed))))))
    return [match for _, match in sorted(found, key=lambda pair: -pair[0])]


def split(text: str, offered: Sequence[Action]) -> tuple[str, str]:
    """A line's word and its argument: words of actions may have spaces in them."""
    text = text.lstrip()
    names = {name.casefold() for action in offered for name in (action.word, action.id)}
    ends = [at for at in range(len(text) + 1) if at == len(text) or text[at] == " "]
    for end in reversed(ends):
        if text[:end].casefold() in names:
            return text[:end], text[end:].strip()
    head, _, rest = text.partition(" ")
    takers = [a for a in offered if a.takes and _begins(a, head)]
    return (head, rest.strip()) if takers else (text.strip(), "")


def understand(text: str, place: str, keymap: Keymap, *, read_only: bool) -> Understood:
    """What a line means: the action of that word or id, or the only one that begins so."""
    offered = possible(place, read_only=read_only)
    text = text.strip()
    word, argument = split(text, offered)
    if not word:
        return Understood()
    exact = [a for a in offered if _is(a, word)]
    if argument and exact and not exact[0].takes:  # "copy c" begins "copy command"
        longer = [a for a in offered if _begins(a, text)]
        exact, argument = (longer, "") if longer else (exact, argument)
    if not exact and (answer := _elsewhere(word, place, offered, keymap)):
        return Understood(answer=answer)
    begun = exact[:1] or [a for a in offered if _begins(a, word)]
    if len(begun) > 1:
        return Understood(answer=f"{word!r} may be {_listed(a.word for a in begun)}")
    if not begun:
        return Understood(answer=_unknown(word, offered))
    (action,) = begun
    if argument and not action.takes:
        return Understood(answer=f"{action.word} takes nothing after it")
    if not argument and action.lacks:
        return Understood(answer=f"{action.word} takes a {action.takes}: {action.help}")
    return Understood(action, argument)


def completed(text: str, offered: Sequence[Action], values: Sequence[str]) -> list[str]:
    """What the line may be completed to, best first: the word, or, where that stands already, one
    of the ``values`` that its action takes."""
    word, argument = split(text, offered)
    action = subject(text, offered)
    if action is not None and action.takes and len(text.lstrip()) > len(word):
        return [f"{word} {value}" for value in fuzzy.best(argument, values, str)]
    return [
        match.action.word + (" " if match.action.takes else "")
        for match in matches(word, offered)
        if not match.help
    ]


def subject(text: str, offered: Sequence[Action]) -> Action | None:
    """The action that a line is about so far, once its word is there in full or the only one."""
    word, _ = split(text, offered)
    exact = [a for a in offered if _is(a, word)]
    begun = exact or [a for a in offered if word and _begins(a, word)]
    return begun[0] if exact or len(begun) == 1 else None


def inked(text: str, places: Sequence[int], tone: Tone, found: Tone) -> Line:
    """A text in ``tone``, with the letters at ``places`` in ``found``."""
    out: list[Span] = []
    lit = set(places)
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or (at in lit) != (start in lit):
            out.append(say(text[start:at], found if start in lit else tone))
            start = at
    return tuple(out)


def _begins(action: Action, head: str) -> bool:
    named = "." in head and action.id.startswith(head)
    return named or action.word.casefold().startswith(head.casefold())


def _elsewhere(word: str, place: str, offered: Sequence[Action], keymap: Keymap) -> str:
    """Why the action of that very name cannot be done here; empty: there is none."""
    heads = (word, word.partition(" ")[0])
    named = [a for head in heads for a in ACTIONS if _is(a, head)]
    if not named or (word != heads[1] and any(a in offered for a in named)):
        return ""
    if any(action in possible(place, read_only=False) for action in named):
        return f"{named[0].word} changes something: this console is read-only"
    where = _listed(actions.TITLES[name] for name in named[0].where)
    return f"{named[0].word} is done on {where}" + _keys(named[0], keymap)


def _unknown(word: str, offered: Sequence[Action]) -> str:
    close = [m.action.word for m in matches(word, offered)][:3] or _spelt_alike(word, offered)
    return f"nothing is called {word!r}" + (f": did you mean {_listed(close)}?" if close else "")


def _is(action: Action, word: str) -> bool:
    return word.casefold() in (action.word.casefold(), action.id)


def _keys(action: Action, keymap: Keymap) -> str:
    keys = [keymap.first(f"go.{p}") for p in action.where if f"go.{p}" in BY_ID]
    return f" ({', '.join(keys)})" if keys else ""


def _spelt_alike(word: str, offered: Sequence[Action]) -> list[str]:
    """The words that are spelt most like ``word``, for one with a slip in it."""
    words = {action.word for action in offered}
    return difflib.get_close_matches(word, sorted(words), n=2, cutoff=0.6)


def _listed(words: Iterable[str]) -> str:
    found = list(dict.fromkeys(words))[:4]
    return " or ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else found[0]
