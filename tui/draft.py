"""PURE: what is being composed → the messages, and the command line that does the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from steward.errors import InvalidMessage
from steward.fields import duration
from steward.text import safe

COMMANDS = ("CommandACK", "CommandNACK")
EVENTS = ("EventACK", "EventNACK")
SHELLS = ("sh", "bash", "dash", "zsh", "ash", "ksh", "fish")
SHELL_SIGNS = ("|", ">", "<", "&&", "||", ";", "&", "$", "*", "`")
NO_OPTIONS = ("to", "method", "text")


class Method(NamedTuple):
    """The kinds that it is sent as, the usual one first; its field's label and what stands in it
    while it is empty. No label: there is nothing to type."""

    kinds: tuple[str, ...]
    label: str
    hint: str


METHODS: Mapping[str, Method] = {
    "ShellCommand": Method(COMMANDS, "Command", "as on a shell: uptime, df -h /"),
    "TextLogging": Method(EVENTS, "Line", "what its text log is to say"),
    "ListProcesses": Method(COMMANDS, "Start", "empty: list them; a name: start that one"),
    "Ping": Method(("EventACK",), "", ""),
}


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
        return self.to.replace(",", " ").split()

    @property
    def sent_kind(self) -> str:
        """The kind: as chosen, else the method's usual one."""
        found = METHODS.get(self.method)
        return self.kind or (found.kinds[0] if found else COMMANDS[0])

    @property
    def has_options(self) -> bool:
        """Whether any of the options is set."""
        return any(getattr(self, f.name) for f in fields(self) if f.name not in NO_OPTIONS)

    @property
    def title(self) -> str:
        """What it does, in one line: the command, or the method and what it is handed."""
        if self.method == "ShellCommand":
            return self.text
        return f"{self.method} {self.text}".strip()


def data(draft: Draft) -> list[str]:
    """The message's data: a command split as a shell splits it, a text log's line.

    Raises InvalidMessage: a quote that isn't closed, nothing where something is needed, or what no
    message can hold.
    """
    if "\0" in draft.text:
        raise InvalidMessage("there is a NUL character in it", "no program can be handed one")
    try:
        draft.text.encode()
    except UnicodeEncodeError:
        raise InvalidMessage("there is half a character in it", "type it anew") from None
    if draft.method == "TextLogging":
        if not draft.text:
            raise InvalidMessage("nothing to log yet", "type the line")
        return [draft.text + "\n"]
    if draft.method == "ListProcesses":
        return ["start", draft.text.strip()] if draft.text.strip() else []
    if draft.method == "Ping":
        return []
    words = _split(draft.text)
    if not words:
        raise InvalidMessage("no command yet", "type it as on a shell: uptime, df -h /")
    return words


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        hint = "close the quote" if "quotation" in str(error) else "nothing follows the last \\"
        raise InvalidMessage(f"the command is not finished: {error}", hint) from None


def no_shell(draft: Draft) -> str:
    """A word of warning where signs of a shell would be passed on as plain arguments."""
    if draft.method != "ShellCommand":
        return ""
    try:
        words = shlex.split(draft.text)
    except ValueError:
        return ""
    if words and words[0].rpartition("/")[2] in SHELLS:
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


def command_line(draft: Draft, where: Sequence[str] = ()) -> str:
    """The ``steward send …`` that does the same; ``where``: the flags that name the daemon, if it
    isn't the one that is found without. Raises InvalidMessage."""
    flags: list[str] = list(where)
    if draft.sent_kind != "CommandACK":
        flags += ["--kind", draft.sent_kind]
    if draft.method != "ShellCommand":
        flags += ["--method", draft.method]
    for name in ("timeout", "retries", "ttl", "method_timeout"):
        if typed := getattr(draft, name).strip():
            flags += ["--" + name.replace("_", "-"), typed]
    if draft.parallel:
        flags.append("--parallel")
    to, arguments = ",".join(draft.targets), data(draft)
    if to.startswith("-"):  # a node may be called so; after -- it can't be taken for a flag
        words = [*flags, "--", to, *arguments]
    else:
        words = [to, *flags, *(["--", *arguments] if arguments else [])]
    return " ".join(map(quoted, ["steward", "send", *words]))


def quoted(word: str) -> str:
    """As a shell takes it: what can't be seen is written as a number, so that the line can be read
    as well as run (``$'…'``: sh of 2024, bash, zsh, ksh)."""
    if safe(word) == word:
        return shlex.quote(word)
    return "$'" + "".join(map(_spelled, word)) + "'"


def _spelled(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character in "\n\t":
        return "\\n" if character == "\n" else "\\t"
    if safe(character) == character:
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode())


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def addressed(draft: Draft, names: Iterable[str]) -> Draft:
    """The same draft to other nodes."""
    return replace(draft, to=",".join(names))
