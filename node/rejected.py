"""What the intake could not take, with file, line and reason: ``rejected/<claim>.jsonl``."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from node import claimed_file
from node.json_scan import Read
from steward.append_file import AppendFile
from steward.folders import make_folder

_PIECE = 1 << 20


class Reject(NamedTuple):
    """Bytes ``start`` to ``end`` of a claimed file, from ``line`` on, and why nothing came of
    them."""

    start: int
    end: int
    line: int
    reason: str
    hint: str = ""
    secret: bool = False
    """Its text is left out."""


def write_rejects(path: Path, size: int, read: Read, rejects: Sequence[Reject]) -> int:
    """Append a line for each behind ``size``, the committed one, and sync; the new size.

    A text longer than 1 MiB goes in several lines. Raises StoreFull, NotPossible, OSError.
    """
    if rejects and (size == 0 or not path.parent.exists()):
        make_folder(path.parent, 0o700)
    file = AppendFile(path, max_bytes=0, unique=True)
    waiting: list[bytes] = []
    for reject in rejects:
        for line in _lines(read, reject):
            waiting.append(line)
            if sum(map(len, waiting)) >= _PIECE:
                size = file.append(size, b"".join(waiting))
                waiting.clear()
    return file.append(size, b"".join(waiting))


def _lines(read: Read, reject: Reject) -> Iterator[bytes]:
    start = reject.start
    if reject.secret:
        yield _line(reject, start, {"secret": True})
        return
    while start < reject.end and (text := read(start, min(_PIECE, reject.end - start))):
        yield _line(reject, start, _text(text))
        start += len(text)


def _line(reject: Reject, start: int, text: Mapping[str, object]) -> bytes:
    told = {
        "file": claimed_file.NAME,
        "line": reject.line,
        "offset": start,
        "reason": reject.reason,
        "hint": reject.hint,
        **text,
    }
    return msgspec.json.encode(told) + b"\n"


def _text(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"textB64": base64.b64encode(data).decode()}
