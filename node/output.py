"""What a run left on this node: its exit record and its output, read back byte for byte."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from node.spawn import STREAMS
from steward.errors import NotPossible, UnknownId
from steward.folders import sync_folder
from steward.message import State
from steward.result import put_bytes

IN_RESULT = 64 * 1024
IN_CHUNK = 256 * 1024
_BEHIND = 16 * 1024
_PIECE = 1 << 20


Stream = Literal["stdout", "stderr"]
Killed = Literal["timed_out", "cancelled", "interrupted", "refused"]
"""``cancelled`` and ``refused`` also of a command that never started."""


class Claim(msgspec.Struct, frozen=True):
    """Who took the right to start a command, and which process it became (0: none, or unknown).
    ``forbidden``: it was taken so that the command never starts."""

    wall: float = 0.0
    boot: str = ""
    forbidden: bool = False
    pid: int = 0
    start: int = 0


class Exit(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An exit record as the runner writes it. Wall times; sizes in bytes, of what was kept.

    ``max_rss_bytes`` is never less than the runner's own memory, about 11 MB: the system counts
    what a process had before it became the command.
    """

    exit_code: int | None = None
    signal: int | None = None
    killed: Killed | None = None
    reason: str = ""
    started: float
    ended: float
    cpu_seconds: float = 0.0
    max_rss_bytes: int = 0
    stdout_size: int = 0
    stderr_size: int = 0
    stdout_lost: int = 0
    stderr_lost: int = 0


class Ending(NamedTuple):
    """How a command ended, and ``result`` as a Result message carries it."""

    state: State
    reason: str
    started: float
    ended: float
    result: dict[str, Any]


class News(NamedTuple):
    """A piece of an output that is being written; ``offset`` in bytes from its start."""

    stream: Stream
    offset: int
    data: bytes


class Kept(NamedTuple):
    """An output as it lies on the disk: ``head`` and ``tail`` are all of it if ``cut`` is 0."""

    size: int
    sha256: str
    head: bytes
    tail: bytes
    cut: int


def read_claim(folder: Path) -> Claim | None:
    """None if nobody has claimed the run. What a power cut left of one is still a claim."""
    try:
        lines = (folder / "claim").read_bytes().splitlines()
    except OSError:
        return None
    try:
        facts = [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
        return msgspec.convert({k: v for fact in facts for k, v in fact.items()}, Claim)
    except msgspec.MsgspecError:
        return Claim()


def read_exit(folder: Path) -> Exit | None:
    """None if the run has no exit record, or none that the power left whole."""
    try:
        return msgspec.json.decode((folder / "exit").read_bytes(), type=Exit)
    except OSError:
        return None
    except msgspec.DecodeError as error:
        if not isinstance(error, msgspec.ValidationError):
            return None
        now = time.time()
        why = f"its exit record is damaged: {error}"
        return Exit(killed="interrupted", reason=why, started=now, ended=now)


def read_ending(folder: Path, record: Exit, room: int = IN_RESULT) -> Ending:
    """How the run ended, with the sums of its output, of which ``room`` bytes are put in. Blocks
    as long as reading it takes."""
    result: dict[str, Any] = {
        "exitCode": record.exit_code,
        "signal": record.signal,
        "cpuSeconds": record.cpu_seconds,
        "maxRssBytes": record.max_rss_bytes,
    }
    said = [_recorded(record, name) for name in STREAMS]
    sizes = [
        size and min(_size(folder / name), size) for name, size in zip(STREAMS, said, strict=True)
    ]
    for name, size, share in zip(STREAMS, sizes, shares(sizes[0], sizes[1], room), strict=True):
        kept = read_kept(folder / name, size, share)
        cut = put_text(result, name, kept)
        sums = {"Size": size, "Sha256": kept.sha256, "Cut": cut}
        result |= {name + what: value for what, value in sums.items()}
        # A short file: the power went before the system had written it all.
        lost = getattr(record, f"{name}_lost") + _recorded(record, name) - size
        if lost:
            result[f"{name}Lost"] = lost
    return Ending(_state(record), _reason(record), record.started, record.ended, result)


def read_chunk(folder: Path, stream: str, offset: int, limit: int) -> bytes:
    """At most ``limit`` (and 256 KiB) bytes of an output from ``offset`` on; empty at its end, or
    so far. Raises NotPossible for another stream, UnknownId if nothing is left of the run."""
    if stream not in STREAMS or offset < 0 or limit < 0:
        raise NotPossible(f"no {stream!r} from {offset} on", "stdout or stderr, from 0 or more")
    record = read_exit(folder)
    try:
        with (folder / stream).open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            if record is not None:
                end = min(end, _recorded(record, stream))
            return os.pread(file.fileno(), max(0, min(limit, IN_CHUNK, end - offset)), offset)
    except FileNotFoundError:
        if record is not None and not _recorded(record, stream):
            return b""  # the program could not be started, so it has no output
        raise missing(folder) from None


def read_news(folder: Path, told: Mapping[Stream, int], limit: int, most: int) -> list[News] | None:
    """What a run that goes on has written beyond the bytes that were ``told``, of ``limit`` at
    most: a piece of each output, of ``most`` bytes, further on if it writes faster than it is read.
    None if it has ended."""
    if (folder / "exit").exists():
        return None
    news: list[News] = []
    for stream in get_args(Stream):
        size = min(_size(folder / stream), limit)
        offset = max(told.get(stream, 0), size - _BEHIND)
        if offset < size:
            with (folder / stream).open("rb") as file:
                data = os.pread(file.fileno(), min(most, size - offset), offset)
            news.append(News(stream, offset, data))
    return [piece for piece in news if piece.data]


def remove(runs: Path, keys: Iterable[str]) -> None:
    """Remove the folders of runs that have ended; one that has not stays. Raises OSError.

    They are moved away first: half a folder would look like a command that was started.
    """
    going = runs / ".going"
    for key in keys:
        if (runs / key / "exit").exists():
            going.mkdir(exist_ok=True)
            (runs / key).rename(going / key)
    if going.exists():
        shutil.rmtree(going)


def shares(out: int, err: int, room: int = IN_RESULT) -> tuple[int, int]:
    """How many bytes of each output go into the result: what one leaves, the other gets."""
    half = room // 2
    if out + err <= room:
        return out, err
    if out <= half:
        return out, room - out
    return (room - err, err) if err <= half else (half, half)


def read_kept(path: Path, size: int, room: int) -> Kept:
    """The first ``size`` bytes of a file: summed, and ``room`` bytes of them. If these are not all,
    the file is synced: what is promised to be kept is on the disk."""
    digest = hashlib.sha256()
    if not size:
        return Kept(0, digest.hexdigest(), b"", b"", 0)
    with path.open("rb") as file:
        fd = file.fileno()
        if size > room:
            os.fsync(fd)
            sync_folder(path.parent)
            sync_folder(path.parent.parent)
        for at in range(0, size, _PIECE):
            digest.update(os.pread(fd, min(_PIECE, size - at), at))
        if size <= room:
            return Kept(size, digest.hexdigest(), os.pread(fd, size, 0), b"", 0)
        first = room - room // 2
        head, tail = os.pread(fd, first, 0), os.pread(fd, room // 2, size - room // 2)
        return Kept(size, digest.hexdigest(), head, tail, size - room)


def put_text(result: dict[str, Any], name: str, kept: Kept) -> int:
    """Put head and tail into a result, in whole characters where they are UTF-8; the bytes left
    out between them."""
    head, tail = kept.head, kept.tail
    if kept.cut:
        head, tail = _without_torn_end(head), _without_torn_start(tail)
        put_bytes(result, f"{name}Tail", tail)
    put_bytes(result, name, head)
    return kept.cut + len(kept.head) - len(head) + len(kept.tail) - len(tail)


def _without_torn_end(data: bytes) -> bytes:
    for torn in range(4):
        piece = data[: len(data) - torn]
        if _is_text(piece):
            return piece
    return data


def _without_torn_start(data: bytes) -> bytes:
    for torn in range(4):
        if _is_text(data[torn:]):
            return data[torn:]
    return data


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _state(record: Exit) -> State:
    if record.killed is not None:
        return State(record.killed)
    return State.SUCCEEDED if record.exit_code == 0 else State.FAILED


def _reason(record: Exit) -> str:
    if record.killed == "timed_out":
        return f"ended after {record.ended - record.started:.1f} s: its time was up"
    return record.reason


def _recorded(record: Exit, stream: str) -> int:
    return int(getattr(record, f"{stream}_size"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def missing(folder: Path) -> NotPossible | UnknownId:
    """The error that says why something is not in the run's folder."""
    if (folder / "claim").exists():
        return NotPossible("the command has not ended", "wait for its result")
    return UnknownId("nothing is kept of this run", "output is kept for 7 days, or 1 GiB in all")
