"""The one registry of what the operator can do: keys, footer and help are made from it.

An action's handler is the method ``do_<id with underscores>`` of the screen or widget that its
``where`` names; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from textual.binding import Binding

EVERYWHERE = "app"
LISTS = "table"
TYPED_IN = ("compose",)
PRINTABLE = ("question_mark", "slash", "space")
SHOWN = {
    "escape": "esc",
    "slash": "/",
    "question_mark": "?",
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
    "message": "A message",
    "table": "Moving",
    "lines": "Moving",
    "app": "Everywhere",
}


@dataclass(frozen=True)
class Action:
    """One thing to do. ``weight``: its place in the footer, smallest first; 0: not there."""

    id: str
    keys: str
    word: str
    help: str
    where: tuple[str, ...]
    weight: int = 0
    changes: bool = False

    @property
    def handler(self) -> str:
        """The method that carries it out."""
        return "do_" + self.id.replace(".", "_")

    @property
    def shown(self) -> str:
        """The keys as help and footer write them."""
        return " ".join(SHOWN.get(key, key) for key in self.keys.split(","))

    def named(self, place: str) -> tuple[str, str] | None:
        """The key and the word for the footer; where one types, only keys that type nothing."""
        keys = self.keys.split(",")
        if place in TYPED_IN:
            keys = [key for key in keys if len(key) > 1 and key not in PRINTABLE]
        return (SHOWN.get(keys[0], keys[0]), self.word) if keys else None


ACTIONS: tuple[Action, ...] = (
    Action("open.node", "enter", "messages", "Show this node's messages", ("nodes",), 10),
    Action("open.message", "enter", "open", "Open the message", ("messages",), 10),
    Action("open.cause", "enter", "open", "Open the message the error is about", ("errors",), 10),
    Action("open.origin", "n", "node", "Show the node it came from", ("errors", "messages"), 40),
    Action(
        "compose",
        "c",
        "compose",
        "Write and send to this node, or the marked",
        ("nodes", "messages", "errors", "message"),
        20,
        True,
    ),
    Action("node.hold", "h", "hold", "Hold its queue, or release it", ("nodes",), 30, True),
    Action("node.clear", "X", "clear queue", "Cancel all that waits for it", ("nodes",), 35, True),
    Action(
        "fleet.hold", "H", "hold all", "Hold the whole fleet, or release it", ("nodes",), 60, True
    ),
    Action(
        "message.cancel",
        "K",
        "cancel",
        "Cancel it: it waits, or it runs",
        ("messages", "message"),
        30,
        True,
    ),
    Action(
        "message.retry",
        "R",
        "send again",
        "Send it again, as a new message",
        ("messages", "message"),
        32,
        True,
    ),
    Action("message.output", "o", "output", "Go to its output", ("messages", "message"), 34),
    Action("view.json", "J", "JSON", "Show it as JSON, or its output again", ("message",), 20),
    Action("view.switch", "tab", "other pane", "Go to the other pane", ("message",)),
    Action(
        "errors.follow",
        "f",
        "follow/pause",
        "Hold the list still, or let it follow",
        ("errors",),
        20,
    ),
    Action(
        "errors.level", "l", "level", "Everything, warnings and worse, errors only", ("errors",), 30
    ),
    Action(
        "list.problems",
        "z",
        "problems",
        "Only what has a problem, or everything",
        ("nodes", "messages"),
        45,
    ),
    Action("list.sort", "s", "sort", "Sort by the next column", ("nodes",), 50),
    Action(
        "list.filter",
        "slash",
        "filter",
        "words !not key=value ~regex",
        ("nodes", "messages", "errors"),
        40,
    ),
    Action(
        "list.mark", "space", "mark", "Mark the row, go on to the next", ("nodes", "messages"), 55
    ),
    Action("list.mark_all", "a", "mark all", "Mark every row of the list", ("nodes", "messages")),
    Action("list.unmark", "u", "unmark", "Take every mark away", ("nodes", "messages")),
    Action(
        "draft.send", "f5", "send", "Send; so does enter in the last field", ("compose",), 10, True
    ),
    Action("draft.options", "f2", "options", "Show or fold away the options", ("compose",), 20),
    Action("draft.clear", "f8", "clear", "Start anew", ("compose",), 30),
    Action(
        "draft.earlier",
        "up",
        "earlier",
        "What was sent before, in the field of the command",
        ("compose",),
        25,
    ),
    Action("draft.later", "down", "later", "Back towards what is being written", ("compose",)),
    Action("move.down", "j,down", "down", "One row down", (LISTS, "lines")),
    Action("move.up", "k,up", "up", "One row up", (LISTS, "lines")),
    Action("move.first", "g,home", "first", "To the first row", (LISTS, "lines")),
    Action("move.last", "G,end", "last", "To the last row", (LISTS, "lines")),
    Action("move.page_down", "ctrl+d,pagedown", "page down", "A page down", (LISTS, "lines")),
    Action("move.page_up", "ctrl+u,pageup", "page up", "A page up", (LISTS, "lines")),
    Action("move.left", "left", "left", "Long lines: to the left", ("lines",)),
    Action("move.right", "right", "right", "Long lines: to the right", ("lines",)),
    Action("go.nodes", "1", "nodes", "Nodes: which are there", (EVERYWHERE,)),
    Action("go.messages", "2", "messages", "Messages: how far each is", (EVERYWHERE,)),
    Action("go.compose", "3", "compose", "Compose: write a message", (EVERYWHERE,), 0, True),
    Action("go.errors", "4", "errors", "Errors: the central error log", (EVERYWHERE,)),
    Action("theme", "t", "theme", "The next theme: dark, light", (EVERYWHERE,)),
    Action("help", "question_mark,f1", "help", "This page", (EVERYWHERE,), 90),
    Action("back", "escape", "back", "Back; leave a filter or a field", (EVERYWHERE,), 80),
    Action("quit", "q", "quit", "Close the console; the daemon goes on", (EVERYWHERE,), 95),
)
BY_ID = {action.id: action for action in ACTIONS}


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
    return [named for a in weighed if (named := a.named(place)) is not None]


def help_groups(place: str, *, read_only: bool) -> list[tuple[str, list[Action]]]:
    """What can be done on a screen, then how to move there, then what works everywhere."""
    moving = "lines" if place == "message" else LISTS
    groups = [place, EVERYWHERE] if place == "compose" else [place, moving, EVERYWHERE]
    return [
        (TITLES[name], [a for a in of(name) if allowed(a.id, read_only=read_only)])
        for name in groups
    ]
