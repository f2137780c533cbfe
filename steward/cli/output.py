"""What verbs print: data on stdout in the form asked for, all else on stderr."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Final

import msgspec

from steward.result import get_bytes
from steward.text import escaped, safe

LINES: Final = "\n\t"
"""What ``safe`` leaves alone in a text of several lines."""


def note(text: str) -> None:
    """A line for people, on stderr; it may hold what a node said."""
    print(f"steward: {safe(text)}", file=sys.stderr, flush=True)


def refused(what: str, told: Mapping[str, Any]) -> None:
    """Say that the daemon did not accept ``what``, and why."""
    hint = f" ({told['hint']})" if told.get("hint") else ""
    note(f"{what} refused: {told['text']}{hint}")


def line(text: str) -> None:
    """A line of data on stdout; it may hold what a node said."""
    print(safe(text))


def document(value: object) -> None:
    """``value`` as one JSON document."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    raw(sys.stdout, f"{escaped(text)}\n".encode())


def records(
    values: Sequence[Mapping[str, Any]],
    output: str,
    table: Callable[[], object],
    id: str = "id",
) -> None:
    """``values`` as ``output`` asks; ``table`` prints them for people."""
    if output == "json":
        document(values)
    elif output == "jsonl":
        for value in values:
            json_line(value)
    elif output == "ids":
        for value in values:
            line(str(value[id]))
    else:
        table()


def json_line(value: object) -> None:
    raw(sys.stdout, f"{escaped(msgspec.json.encode(value).decode())}\n".encode())


def raw(stream: Any, data: bytes) -> None:
    """Bytes as they are, in order with what was printed before."""
    stream.flush()
    stream.buffer.write(data)
    stream.buffer.flush()


def sink(stream: Any) -> Callable[[bytes, bool], None]:
    """Where a command's output goes, piece by piece (the second argument: the last one): byte for
    byte, unless ``stream`` is a terminal, which gets text that cannot command it."""
    if not stream.isatty():
        return lambda data, last: raw(stream, data)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def show(data: bytes, last: bool) -> None:
        stream.write(safe(decode(data, last), LINES))
        stream.flush()

    return show


def block(data: bytes) -> None:
    """Output in the midst of a text for people, indented, safe to show."""
    for part in data.decode(errors="replace").splitlines():
        print(f"  {safe(part, LINES)}".rstrip())


field = get_bytes
"""The bytes of a result's field: text, or Base64 with ``B64`` added to its name."""


def same_place(first: BinaryIO | Any, second: BinaryIO | Any) -> bool:
    """Whether both streams end up in the same file, pipe or terminal."""
    try:
        one, other = os.fstat(first.fileno()), os.fstat(second.fileno())
    except (OSError, ValueError):
        return False
    return (one.st_dev, one.st_ino, one.st_rdev) == (other.st_dev, other.st_ino, other.st_rdev)


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Labels and texts, aligned; those without a text are left out."""
    for label, text in pairs:
        if text:
            line(f"{label:<14}{text}")


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    styles: Callable[[int, Sequence[str]], str] | None = None,
    right: Iterable[str] = (),
    cut: bool = True,
) -> None:
    """Aligned columns. On a terminal the last one is cut to fit if ``cut``; elsewhere nothing is.

    ``styles``: (column, row) -> a style of rich's; ``right``: headers of right-aligned columns.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    shown = [[safe(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headers, *shown, strict=True)]
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    if cut and console.is_terminal:
        widths[-1] = max(8, min(widths[-1], console.width - sum(widths[:-1]) - 2 * len(widths) + 2))
    for number, row in enumerate([headers, *shown]):
        text = Text(no_wrap=True, overflow="ignore")
        for column, cell in enumerate(row):
            style = "dim" if number == 0 else styles(column, row) if styles else ""
            part = Text(cell, style=style)
            part.truncate(widths[column], overflow="ellipsis")
            missing = widths[column] - part.cell_len
            if headers[column] in right:
                part.pad_left(missing)
            elif column < len(row) - 1:
                part.pad_right(missing)
            text.append_text(part)
            if column < len(row) - 1:
                text.append("  ")
        text.rstrip()
        console.print(text, soft_wrap=True)
