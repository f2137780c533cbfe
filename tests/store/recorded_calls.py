"""Records what code does to a folder through ``os``, and lets it die at any of these calls."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.store.crash_states import Change, Note, State, states


class ProcessDies(BaseException):
    """``kill -9``: what was done stays, on a machine that goes on."""


class Recording:
    """``dies_at``: the call before which the process is killed; 0: none."""

    def __init__(self, root: Path) -> None:
        self.log: list[Change | Note] = []
        self.dies_at = 0
        self.calls = 0
        self.syncs = True
        """False: the negative control, no sync is one."""
        self._root = os.fspath(root)
        self._names: dict[int, dict[str, int]] = {0: {}}
        self._open: dict[int, int] = {}
        self._nodes = itertools.count(1)

    def note(self, value: Any) -> None:
        self.log.append(Note(value))

    def durable(self, name: str, content: bytes) -> None:
        """A file that is there, and on the disk, from the start."""
        with open(os.path.join(self._root, name), "wb") as file:
            file.write(content)
        node = next(self._nodes)
        self._names[0][name] = node
        self.log += [Change(0, names={name: node}), Change(0, sync=True)]
        self.log += [Change(node, data=(0, content)), Change(node, sync=True)]

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("open", "close", "write", "pwrite", "ftruncate", "fsync", "mkdir",
                     "unlink", "link", "rename", "replace"):  # fmt: skip
            real = getattr(os, name)
            monkeypatch.setattr(os, name, getattr(self, f"_on_{name}")(real))

    def _step(self) -> None:
        self.calls += 1
        if self.calls == self.dies_at:
            raise ProcessDies

    def _place(self, path: Any, dir_fd: int | None = None) -> tuple[int, str] | None:
        """(folder, name) if that is recorded; the root itself has no name."""
        if isinstance(path, int):
            return None
        text = os.fspath(path)
        if dir_fd is not None:
            folder = self._open.get(dir_fd)
            return None if folder is None else self._walk(folder, text.split("/"))
        if text == self._root:
            return 0, ""
        if not text.startswith(f"{self._root}/"):
            return None
        return self._walk(0, text[len(self._root) + 1 :].split("/"))

    def _walk(self, folder: int, parts: Sequence[str]) -> tuple[int, str] | None:
        for part in parts[:-1]:
            if part not in self._names[folder]:
                return None  # there is no such folder, as the call itself will say
            folder = self._names[folder][part]
        return folder, parts[-1]

    def _named(self, folder: int, changes: Mapping[str, int | None]) -> None:
        self.log.append(Change(folder, names=changes))
        for name, node in changes.items():
            if node is None:
                self._names[folder].pop(name, None)
            else:
                self._names[folder][name] = node

    # ---------------------------------------------------------------- the calls

    def _on_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            place = self._place(path, dir_fd)
            known = place is not None and place[1] in self._names[place[0]]
            if place is not None and flags & os.O_CREAT:
                self._step()
            fd = real(path, flags, mode, dir_fd=dir_fd)
            if place is not None:
                folder, name = place
                if name and not known:
                    self._named(folder, {name: next(self._nodes)})
                node = self._names[folder][name] if name else folder
                self._open[fd] = node
                if known and flags & os.O_TRUNC:
                    self.log.append(Change(node, size=0))
            return fd

        return call

    def _on_close(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def call(fd: int) -> None:
            self._open.pop(fd, None)
            real(fd)

        return call

    def _on_write(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(fd: int, data: Any) -> int:
            if fd not in self._open:
                return real(fd, data)
            self._step()
            count = real(fd, data)
            at = os.lseek(fd, 0, os.SEEK_CUR) - count
            self.log.append(Change(self._open[fd], data=(at, bytes(data)[:count])))
            return count

        return call

    def _on_pwrite(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(fd: int, data: Any, offset: int) -> int:
            if fd not in self._open:
                return real(fd, data, offset)
            self._step()
            count = real(fd, data, offset)
            self.log.append(Change(self._open[fd], data=(offset, bytes(data)[:count])))
            return count

        return call

    def _on_ftruncate(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(fd: int, size: int) -> None:
            if fd in self._open:
                self._step()
                self.log.append(Change(self._open[fd], size=size))
            real(fd, size)

        return call

    def _on_fsync(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(fd: int) -> None:
            if fd in self._open:
                self._step()
                if self.syncs:
                    self.log.append(Change(self._open[fd], sync=True))

        return call

    def _on_mkdir(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
            if (place := self._place(path, dir_fd)) is not None:
                self._step()
            real(path, mode, dir_fd=dir_fd)
            if place is not None:
                node = next(self._nodes)
                self._names[node] = {}
                self.log.append(Change(node, names={}))
                self._named(place[0], {place[1]: node})

        return call

    def _on_unlink(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(path: Any, *, dir_fd: int | None = None) -> None:
            if (place := self._place(path, dir_fd)) is not None:
                self._step()
            real(path, dir_fd=dir_fd)
            if place is not None:
                self._named(place[0], {place[1]: None})

        return call

    def _on_link(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(old: Any, new: Any) -> None:
            source, target = self._place(old), self._place(new)
            assert source is not None
            assert target is not None
            self._step()
            real(old, new)
            self._named(target[0], {target[1]: self._names[source[0]][source[1]]})

        return call

    def _on_rename(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(
            old: Any, new: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
        ) -> None:
            source, target = self._place(old, src_dir_fd), self._place(new, dst_dir_fd)
            if source is not None:
                self._step()
            real(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            if source is not None:
                assert target is not None
                assert source[0] == target[0], "into another folder: not one change"
                node = self._names[source[0]][source[1]]
                self._named(source[0], {source[1]: None, target[1]: node})

        return call

    _on_replace = _on_rename

    def states(self, first: int = 0) -> Iterator[State]:
        """What a power cut may leave after each entry of the log from ``first`` on."""
        return states(self.log, first)
