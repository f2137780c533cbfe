"""The table of all that the operator can do: keys, footer, help, palette and command line.

An action's handler is the method ``do_<id with underscores>`` of the screen or widget that its
``where`` names; where the action ``takes`` something, it has an argument that may be left out.
A test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

EVERYWHERE = "app"
LISTS = "table"
TEXTS = "lines"
TYPED_IN = ("compose",)
"""Screens on which letters are text."""


@dataclass(frozen=True)
class Action:
    """One thing to do. ``keys`` are Textual's names, unless somebody maps others; none: only by its
    word. ``weight``: its place in the footer, smallest first; 0: not there. ``changes``: not in a
    console that is read-only. ``takes``: what the command line may add, and has to where there is
    no key."""

    id: str
    keys: str
    word: str
    help: str
    where: tuple[str, ...]
    weight: int = 0
    changes: bool = False
    takes: str = ""

    @property
    def handler(self) -> str:
        """The method that carries it out."""
        return "do_" + self.id.replace(".", "_")

    @property
    def lacks(self) -> bool:
        """Whether it can do nothing without what it takes."""
        return bool(self.takes) and not self.keys


_ROWS = ("nodes", "messages", "errors", "jobs")
_VIEWS = (*_ROWS, "message", "job", "pending")

ACTIONS: tuple[Action, ...] = (
    Action("open.node", "enter", "its messages", "Show this node's messages", ("nodes",), 10),
    Action("open.message", "enter", "open", "Open the message", ("messages",), 10),
    Action("open.cause", "enter", "open", "Open the message the error is about", ("errors",), 10),
    Action("open.job", "enter", "open", "Open the job: results, differences", ("jobs",), 10),
    Action("open.group", "enter", "its messages", "Show this group's messages", ("job",), 10),
    Action("open.origin", "n", "its node", "Show the node it is about", ("errors", "messages"), 42),
    Action(
        "compose", "c", "compose", "Write and send, to this node or the marked",
        (*_VIEWS, "health"), 20, True,
    ),
    Action("node.ping", "p", "ping", "Ask for a sign of life", ("nodes",), 26, True),
    Action("node.processes", "P", "processes", "Ask for its processes", ("nodes",), 44, True),
    Action("node.hold", "h", "hold", "Hold its queue, or release it", ("nodes",), 30, True),
    Action("node.clear", "X", "clear", "Cancel all that waits for it", ("nodes",), 35, True),
    Action(
        "message.cancel", "K", "cancel", "Cancel it: it waits, or it runs",
        ("messages", "message", "jobs", "job"), 30, True,
    ),
    Action(
        "message.retry", "R", "send again", "Send it again, as a new message",
        ("messages", "message"), 32, True,
    ),
    Action(
        "job.retry", "R", "failed again", "Send those again that did not end well",
        ("jobs", "job"), 32, True,
    ),
    Action("job.diff", "d", "diff", "Its output, or how it differs from most", ("job",), 22),
    Action("message.output", "o", "output", "Go to its output", ("messages", "message"), 34),
    Action("message.full", "F", "full output", "Fetch all that its node keeps", ("message",), 24),
    Action("view.json", "J", "JSON", "Show it as JSON, or its output again", ("message",), 40),
    Action("view.switch", "tab", "other pane", "Go to the other pane", ("message", "job")),
    Action("search", "slash", "search", "Look for a text in what is shown", ("message", "job"), 36),
    Action("search.next", "n", "next", "The next place where it is found", ("message", "job")),
    Action("search.previous", "N", "previous", "The one before", ("message", "job")),
    Action(
        "errors.follow", "f", "follow/pause", "Hold the list still, or let it follow",
        ("errors",), 22,
    ),
    Action(
        "errors.level", "l", "level", "Everything, warnings and worse, errors only",
        ("errors",), 30,
    ),
    Action(
        "node.accept", "a", "accept", "Accept it, once its fingerprint is compared",
        ("pending",), 10, True,
    ),
    Action("node.refuse", "x", "refuse", "Turn it away", ("pending",), 15, True),
    Action("process.start", "S", "start", "Start a process that has ended", ("health",), 20, True),
    Action(
        "list.filter", "slash", "filter", "Keep rows with: words  !not  key=value  ~regex",
        (*_ROWS, "pending"), 40, takes="FILTER",
    ),
    Action(
        "list.problems", "z", "problems", "Only what has a problem, or everything",
        ("nodes", "messages", "jobs"), 45,
    ),
    Action(
        "list.sort", "s", "sort", "Sort by the next column, or by the one named",
        ("nodes", "messages"), 50, takes="COLUMN",
    ),
    Action("list.mark", "space", "mark", "Mark the row, go on to the next", _ROWS, 55),
    Action("list.mark_all", "a", "mark all", "Mark every row that the filter keeps", _ROWS),
    Action("list.unmark", "u", "unmark", "Take every mark away", _ROWS),
    Action("copy", "y", "copy", "Copy it: to the terminal's clipboard, and to a file", _VIEWS, 60),
    Action("copy.command", "Y", "copy command", "Copy the command line that does it", _VIEWS),
    Action("export", "e", "export", "Write what is shown to a file", _VIEWS, 62, takes="FILE"),
    Action(
        "draft.send", "f5", "send", "Send; so does enter in the command's field",
        ("compose",), 10, True,
    ),
    Action("draft.options", "f2", "options", "Show or fold away the options", ("compose",), 20),
    Action("draft.clear", "f8", "clear", "Start anew", ("compose",), 30),
    Action(
        "draft.earlier", "up", "history", "What was sent before, and matches what is typed",
        ("compose",), 25,
    ),
    Action("draft.later", "down", "later", "Back towards what is being written", ("compose",)),
    Action(
        "draft.complete", "tab", "complete", "Take what is suggested; else the next field",
        ("compose",),
    ),
    Action(
        "draft.scroll", "pagedown", "more", "What will happen, further down", ("compose",),
    ),
    Action("draft.scroll_back", "pageup", "back up", "What will happen, up again", ("compose",)),
    Action("move.down", "j,down", "down", "One row down", (LISTS, TEXTS)),
    Action("move.up", "k,up", "up", "One row up", (LISTS, TEXTS)),
    Action("move.first", "g,home", "first", "To the first row", (LISTS, TEXTS)),
    Action("move.last", "G,end", "last", "To the last row", (LISTS, TEXTS)),
    Action("move.page_down", "ctrl+d,pagedown", "page down", "A page down", (LISTS, TEXTS)),
    Action("move.page_up", "ctrl+u,pageup", "page up", "A page up", (LISTS, TEXTS)),
    Action("move.left", "left", "left", "Long lines: to the left", (TEXTS,)),
    Action("move.right", "right", "right", "Long lines: to the right", (TEXTS,)),
    Action("go.nodes", "1", "nodes", "Nodes: which are there", (EVERYWHERE,)),
    Action("go.messages", "2", "messages", "Messages: how far each is", (EVERYWHERE,)),
    Action("go.compose", "3", "compose", "Compose: write a message", (EVERYWHERE,), 0, True),
    Action("go.errors", "4", "errors", "Errors: the central error log", (EVERYWHERE,)),
    Action("go.jobs", "5", "jobs", "Jobs: messages sent together", (EVERYWHERE,)),
    Action("go.health", "6", "health", "Health: the link, the store, this daemon", (EVERYWHERE,)),
    Action("go.pending", "7", "pending", "Pending: nodes that wait to be accepted", (EVERYWHERE,)),
    Action(
        "draft.repeat", "full_stop", "repeat", "Send the last one again, after asking",
        (EVERYWHERE,), 0, True,
    ),
    Action(
        "fleet.hold", "H", "hold fleet", "Hold the whole fleet, or release it",
        (EVERYWHERE,), 0, True,
    ),
    Action("find.node", "", "node", "Go to a node by name", (EVERYWHERE,), takes="NAME"),
    Action(
        "find.message", "", "message", "Open a message by its id, or by the id's start or end",
        (EVERYWHERE,), takes="ID",
    ),
    Action(
        "palette", "ctrl+p", "palette", "Everything that can be done, to search", (EVERYWHERE,), 84,
    ),
    Action("command", "colon", "command", "The same by name, on one line", (EVERYWHERE,), 85),
    Action("theme", "t", "theme", "The next theme, or the one named", (EVERYWHERE,), takes="NAME"),
    Action("help", "question_mark,f1", "help", "This page", (EVERYWHERE,), 90),
    Action("back", "escape", "back", "Back; leave a filter or a field", (EVERYWHERE,), 80),
    Action("quit", "q", "quit", "Close the console; the daemon goes on", (EVERYWHERE,), 95),
)  # fmt: skip
BY_ID = {action.id: action for action in ACTIONS}
