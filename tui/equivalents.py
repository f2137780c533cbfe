"""PURE: rows → the command lines that do or show the same, quoted for a shell."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Sequence

from steward.text import safe
from tui.rows import ErrorRow, MessageRow, NodeRow


def joined(words: Iterable[str]) -> str:
    """One line that a shell splits into these words; nothing in it acts on a terminal."""
    return " ".join(map(quoted, words))


def quoted(word: str) -> str:
    """A word for a shell; what a terminal would obey, as bash and zsh write it: ``$'\\x1b'``."""
    if safe(word) == word:
        return shlex.quote(word)
    parts = []
    for character in word:
        if character in "\\'":
            parts.append("\\" + character)
        elif safe(character) == character:
            parts.append(character)
        elif ord(character) < 0x80:
            parts.append(f"\\x{ord(character):02x}")
        else:
            parts.append("".join(f"\\x{b:02x}" for b in character.encode("utf-8", "replace")))
    return "$'" + "".join(parts) + "'"


def send(row: MessageRow, where: Sequence[str] = (), to: str = "") -> str:
    """The ``steward send`` that sends this again, with all that it was sent with, ``to`` its node
    or others. ``where``: the flags that name the daemon, if there have to be any. Of a secret,
    which nobody has any more, a line that a shell skips."""
    to = to or row.to_node
    if row.secret:
        return f"# a secret message to {quoted(to)}: what it was sent with is not kept"
    words = ["steward", "send", to, *where]
    if row.command_or_event and row.command_or_event != "CommandACK":
        words += ["--kind", row.command_or_event]
    if row.method and row.method != "ShellCommand":
        words += ["--method", row.method]
    if row.timeout:
        words += ["--timeout", _number(row.timeout)]
    if row.retries:
        words += ["--retries", str(row.retries)]
    if row.ttl:
        words += ["--ttl", _number(row.ttl)]
    if row.method_timeout:
        words += ["--method-timeout", _number(row.method_timeout)]
    if row.parallel:
        words.append("--parallel")
    if row.stdin_bytes:
        words += ["--stdin", "-"]
    return _reading(row) + joined([*words, "--", *row.data] if row.data else words)


def _reading(row: MessageRow) -> str:
    """What hands the message's standard input to the command line behind it."""
    given = row.stdin_bytes
    if not given:
        return ""
    if isinstance(row.stdin, str) and "\0" not in row.stdin:
        return f"printf %s {quoted(row.stdin)} | "
    return f"printf %s {base64.b64encode(given).decode()} | base64 -d | "


def sends(rows: Sequence[MessageRow], where: Sequence[str] = ()) -> str:
    """One line for each message; those that differ in their node alone share one."""
    alike: dict[str, list[MessageRow]] = {}
    for row in rows:
        alike.setdefault(send(row, where, "NODES"), []).append(row)
    return "\n".join(
        send(those[0], where, ",".join(dict.fromkeys(row.to_node for row in those)))
        for those in alike.values()
    )


def nodes(rows: Sequence[NodeRow], where: Sequence[str] = ()) -> str:
    """``steward nodes show`` for one, ``ls`` for several."""
    names = [row.name for row in rows]
    verb = "show" if len(names) == 1 else "ls"
    return joined(["steward", "nodes", verb, *where, *names]) if names else ""


def errors(rows: Sequence[ErrorRow], where: Sequence[str] = ()) -> str:
    """A list of each node's errors."""
    names = dict.fromkeys(row.node for row in rows)
    return "\n".join(joined(["steward", "errors", "ls", *where, "--node", name]) for name in names)


def _number(seconds: float) -> str:
    return str(int(seconds)) if seconds == int(seconds) else repr(seconds)
