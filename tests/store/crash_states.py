"""Builds every folder that a power cut may leave, from a record of what code did to it.

The rules are those of POSIX with atomic renames, harsher than any one file system: what a file
holds is certain up to its last ``fsync``, a name up to the last ``fsync`` of its folder. Of what
came later each file has kept some of its writes, the first ones, the last of them perhaps torn; and
each folder any of its changes to different names. What code does beside (a commit, a promise to
somebody) is noted in between.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

MOST_STATES = 64
"""Of one moment; more are sampled."""


class Change(NamedTuple):
    """Of one file or folder: bytes at an offset, a size, names (None: gone), or a sync. Node 0 is
    the folder that all is in; another folder's first change has no names."""

    node: int
    data: tuple[int, bytes] | None = None
    size: int | None = None
    names: Mapping[str, int | None] | None = None
    sync: bool = False


class Note(NamedTuple):
    """What the code under test would not want to take back."""

    value: Any


class State(NamedTuple):
    """A folder's files by path, and the folders in it; the last note before the power went."""

    files: Mapping[str, bytes]
    folders: frozenset[str]
    note: Any


def states(log: Sequence[Change | Note], first: int = 0) -> Iterator[State]:
    """Every state, once, for a power cut after each entry of the log from ``first`` on."""
    seen: set[Any] = set()
    for end in range(first, len(log) + 1):
        for state in _states_at(log[:end], end):
            mark = (tuple(sorted(state.files.items())), state.folders, repr(state.note))
            if mark not in seen:
                seen.add(mark)
                yield state


def _states_at(log: Sequence[Change | Note], seed: int) -> Iterator[State]:
    changes: dict[int, list[Change]] = {}
    certain: dict[int, int] = {}
    note = None
    for entry in log:
        if isinstance(entry, Note):
            note = entry.value
        elif entry.sync:
            certain[entry.node] = len(changes.get(entry.node, ()))
        else:
            changes.setdefault(entry.node, []).append(entry)
    folders = {node for node, made in changes.items() if made[0].names is not None}
    nodes = list(changes)
    options = [
        list(_kept(changes[n][: certain.get(n, 0)], changes[n][certain.get(n, 0) :])) for n in nodes
    ]
    for choice in _some(options, seed):
        yield _built(dict(zip(nodes, choice, strict=True)), folders, note)


def _kept(certain: Sequence[Change], open_: Sequence[Change]) -> Iterator[list[Change]]:
    """What may be left of one file's or folder's changes."""
    if open_ and open_[0].names is not None and len(open_) <= 6:
        for bits in itertools.product((False, True), repeat=len(open_)):
            if _is_possible(open_, bits):
                yield [*certain, *(c for c, bit in zip(open_, bits, strict=True) if bit)]
        return
    for count in range(len(open_) + 1):
        yield [*certain, *open_[:count]]
        if count < len(open_) and (written := open_[count].data) is not None:
            at, data = written
            yield [*certain, *open_[:count], Change(0, data=(at, data[: len(data) // 2]))]
            # The size is kept, the bytes aren't.
            yield [*certain, *open_[:count], Change(0, data=(at, bytes(len(data))))]


def _is_possible(changes: Sequence[Change], bits: Sequence[bool]) -> bool:
    """A name's changes come one after the other, whatever becomes of other names."""
    missing: set[str] = set()
    for change, bit in zip(changes, bits, strict=True):
        names = set(change.names or ())
        if not bit:
            missing |= names
        elif missing & names:
            return False
    return True


def _some(options: list[list[list[Change]]], seed: int) -> Iterator[Sequence[list[Change]]]:
    count = 1
    for option in options:
        count *= len(option)
    if count <= MOST_STATES:
        yield from itertools.product(*options)
        return
    chance = random.Random(seed)
    yield [option[0] for option in options]
    yield [option[-1] for option in options]
    for _ in range(MOST_STATES - 2):
        yield [chance.choice(option) for option in options]


def _built(kept: Mapping[int, list[Change]], folders: set[int], note: Any) -> State:
    files: dict[str, bytes] = {}
    found: set[str] = set()

    def visit(node: int, path: str) -> None:
        names: dict[str, int] = {}
        for change in kept.get(node, ()):
            for name, target in (change.names or {}).items():
                if target is None:
                    names.pop(name, None)
                else:
                    names[name] = target
        for name, target in names.items():
            if target in folders:
                found.add(path + name)
                visit(target, f"{path}{name}/")
            else:
                files[path + name] = _content(kept.get(target, ()))

    visit(0, "")
    return State(files, frozenset(found), note)


def _content(changes: Sequence[Change]) -> bytes:
    content = bytearray()
    for change in changes:
        if change.size is not None:
            content = content[: change.size].ljust(change.size, b"\0")
        elif change.data is not None:
            at, data = change.data
            content = content.ljust(at, b"\0")
            content[at : at + len(data)] = data
    return bytes(content)


def put(state: State, folder: Path) -> None:
    """Make the folder what the power cut left."""
    folder.mkdir()
    for name in sorted(state.folders):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, content in state.files.items():
        (folder / name).write_bytes(content)
