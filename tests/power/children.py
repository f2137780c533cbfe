"""Code that runs in processes of its own on the disk, and ends with the power.

They are forked from a server that has imported everything, so that a cut costs no start of an
interpreter, and nothing of this process (the pytest run) is open on the disk.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from tests.power.disk import Disk

Tell = Callable[[Any], None]
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.power.scenes_files"])


class Child:
    """``scene(tell, *args)`` in a process; what it told is in ``told``."""

    def __init__(self, scene: Callable[..., None], *args: Any) -> None:
        self.told: list[Any] = []
        self._end, other = _PROCESSES.Pipe(duplex=False)
        self._process = _PROCESSES.Process(target=_play, args=(other, scene, args), daemon=True)
        self._process.start()
        other.close()

    def listen(self, seconds: float) -> None:
        """Take in what it tells for that long, or until it has ended."""
        until = time.monotonic() + seconds
        while self._end.poll(max(0.0, until - time.monotonic())):
            try:
                self.told.append(self._end.recv())
            except EOFError:
                return

    def hear(self, seconds: float = 20.0) -> None:
        """Until it tells something."""
        count = len(self.told)
        assert self._end.poll(seconds), "it says nothing"
        self.listen(0.0)
        assert len(self.told) > count, "it has ended"

    def ends(self, seconds: float = 30.0) -> int:
        """All that it tells up to its end; its exit status."""
        self.listen(seconds)
        self._process.join(seconds)
        assert self._process.exitcode is not None, "it goes on"
        return self._process.exitcode

    def cut(self, disk: Disk) -> None:
        """The power of its disk goes while it works; what it told until then is in ``told``.

        It is killed first, without waiting: a call that is under way in the kernel is cut off in
        the middle and never comes back. For a call of ``fsync`` that races with the shutdown may
        return without an error although nothing was written (seen with Linux 6.18, which a program
        that survives the power cut is no witness for).
        """
        self._process.kill()
        disk.cut()
        self.ends()
        self._end.close()


def _play(pipe: Connection, scene: Callable[..., None], args: tuple[Any, ...]) -> None:
    scene(pipe.send, *args)
