"""PURE: what is being composed → the messages, the equivalent command line, what is at stake."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from steward.errors import InvalidMessage
from steward.message import duration
from tui.rows import NodeRow, Resolved

METHODS: Mapping[str, str] = {
    "ShellCommand": "CommandACK",
    "TextLogging": "EventACK",
    "ListProcesses": "CommandACK",
}
KINDS = ("CommandACK", "CommandNACK", "EventACK", "EventNACK")
SHELL_SIGNS = ("|", ">", "<", "&&", "||", ";", "&", "$", "*", "`")
NO_OPTIONS = ("to", "method", "text")
WIDE = 10
"""With more nodes than this their number has to be typed."""


@dataclass(frozen=True)
class Draft:
    """A message before it is one. Options are as typed; empty: the daemon's default."""

    to: str = ""
    method: str = "ShellCommand"
    text: str = ""
    kind: str = ""
    timeout: str = ""
    retries: str = ""
    ttl: str = ""
    method_timeout: str = ""
    parallel: bool = False

    @property
    def targets(self) -> list[str]:
        """Names, globs, labels and groups, as typed."""
        return [one for one in self.to.replace(",", " ").split() if one]

    @property
    def sent_kind(self) -> str:
        """The kind: as chosen, else the method's usual one."""
        return self.kind or METHODS.get(self.method, "CommandACK")

    @property
    def has_options(self) -> bool:
        """Whether any of the options is set."""
        return any(getattr(self, f.name) for f in fields(self) if f.name not in NO_OPTIONS)


def data(draft: Draft) -> list[str]:
    """The message's data: a command split as a shell splits it, a text log's line.

    Raises InvalidMessage: a quote that isn't closed, or nothing where something is needed.
    """
    if draft.method == "TextLogging":
        if not draft.text:
            raise InvalidMessage("nothing to log", "type the line")
        return [draft.text + "\n"]
    try:
        words = shlex.split(draft.text)
    except ValueError as error:
        raise InvalidMessage(f"the command is not finished: {error}", "close the quote") from None
    if draft.method == "ShellCommand" and not words:
        raise InvalidMessage("no command yet", "type it as on a shell: uptime, df -h /")
    return words


def no_shell(draft: Draft) -> str:
    """A word of warning where signs of a shell would be passed on as plain arguments."""
    if draft.method != "ShellCommand":
        return ""
    try:
        words = shlex.split(draft.text)
    except ValueError:
        return ""
    if words and words[0].rpartition("/")[2] in ("sh", "bash", "dash", "zsh", "ash"):
        return ""
    for sign in SHELL_SIGNS:
        if any(
            word.strip("0123456789") == sign or (sign in "$*`" and sign in word) for word in words
        ):
            return f"no shell reads {sign!r}: if you want one, write sh -c {shlex.quote('…')}"
    return ""


def options(draft: Draft) -> dict[str, Any]:
    """The message fields that were set. Raises InvalidMessage, which names the field."""
    found: dict[str, Any] = {}
    for name in ("timeout", "ttl", "method_timeout"):
        if typed := getattr(draft, name).strip():
            found[_camel(name)] = duration(typed, name.replace("_", " "))
    if typed := draft.retries.strip():
        if not typed.isdecimal():
            raise InvalidMessage(f"retries is {typed!r}", "a whole number; 0: until it expires")
        found["retries"] = int(typed)
    if draft.parallel:
        found["parallel"] = True
    return found


def messages(draft: Draft, names: Iterable[str]) -> list[dict[str, Any]]:
    """One message for each name, as the control socket takes them. Raises InvalidMessage."""
    body = {
        "data": data(draft),
        "commandOrEvent": draft.sent_kind,
        "method": draft.method,
        **options(draft),
    }
    return [{"toNode": name, **body} for name in names]


def command_line(draft: Draft) -> str:
    """The ``steward send …`` that does the same. Raises InvalidMessage."""
    words = ["steward", "send", ",".join(draft.targets)]
    if draft.sent_kind != "CommandACK":
        words += ["--kind", draft.sent_kind]
    if draft.method != "ShellCommand":
        words += ["--method", draft.method]
    for name in ("timeout", "retries", "ttl", "method_timeout"):
        if typed := getattr(draft, name).strip():
            words += ["--" + name.replace("_", "-"), typed]
    if draft.parallel:
        words.append("--parallel")
    arguments = data(draft)
    return shlex.join(words + (["--", *arguments] if arguments else []))


class Stake(enum.Enum):
    """How much confirmation an action needs."""

    NONE = "none"
    YES = "yes or no"
    COUNT = "the number, typed"


def stake(resolved: Resolved, known: Mapping[str, NodeRow]) -> Stake:
    """None for one online node; yes or no up to ten; beyond that, or for production, the count."""
    names = resolved.nodes
    if len(names) > WIDE or any(is_production(known.get(name)) for name in names):
        return Stake.COUNT
    if len(names) == 1 and (row := known.get(names[0])) is not None and row.state == "online":
        return Stake.NONE
    return Stake.YES


def is_production(row: NodeRow | None) -> bool:
    """Whether a node is labelled as one that people depend on."""
    return row is not None and row.labels.get("env") == "prod"


def wide_stake(count: int) -> Stake:
    """For what destroys: never nothing, and the count beyond ten."""
    return Stake.COUNT if count > WIDE else Stake.YES


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def addressed(draft: Draft, names: Iterable[str]) -> Draft:
    """The same draft to other nodes."""
    return replace(draft, to=",".join(names))
