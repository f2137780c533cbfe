"""PURE: what is taken along of one message: its output as bytes, or itself as JSON."""

from __future__ import annotations

import msgspec

from tui import rows
from tui.render import short_id
from tui.rows import MessageRow


def output(row: MessageRow) -> tuple[str, bytes]:
    """A file name and the bytes that the result holds of stdout, or of stderr if there is nothing
    else. The name tells which, and if some of it is only on the node: ``…-cut``."""
    stream = "stdout" if rows.output(row.result, "stdout") or not _has(row, "stderr") else "stderr"
    content = rows.output(row.result, stream)
    tail = rows.output(row.result, f"{stream}Tail")
    cut = "-cut" if (row.result or {}).get(f"{stream}Cut") else ""
    return f"{_stem(row)}{cut}.{stream}", content + tail


def as_json(row: MessageRow) -> tuple[str, bytes]:
    """A file name and the whole message as JSON."""
    return f"{_stem(row)}.json", msgspec.json.format(msgspec.json.encode(row), indent=2) + b"\n"


def text(row: MessageRow) -> str:
    """The output as text: stdout, then stderr."""
    parts = [
        rows.output(row.result, stream + part)
        for stream in ("stdout", "stderr")
        for part in ("", "Tail")
    ]
    return b"".join(parts).decode("utf-8", "replace").rstrip("\n")


def _has(row: MessageRow, stream: str) -> bool:
    return bool(rows.output(row.result, stream))


def _stem(row: MessageRow) -> str:
    named = f"{row.to_node}-{short_id(row.id).lstrip('…')}"
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in named).lstrip(".") or "message"
