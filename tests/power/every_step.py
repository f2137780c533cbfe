"""A scene is played again and again; each time its power goes a step later."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.power.children import Child
from tests.power.disk import HARSH, Disk

WAYS = (("", False), (HARSH, False), (HARSH, True))
"""Mount options, and whether names are durable before what was written is, see ``Steps``."""
Judge = Callable[[Path, list[Any], bool], None]
"""(folder, what the scene told, whether it came to its end)"""


def sync(folder: Path) -> None:
    """The file system that it lies on, and no other."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        assert ctypes.CDLL(None).syncfs(fd) == 0
    finally:
        os.close(fd)


def at_every_step(
    disk: Disk, scene: Callable[..., None], judge: Judge, *args: Any,
    prepare: Callable[[Path], None] = lambda _: None, ways: Sequence[tuple[str, bool]] = WAYS,
) -> None:  # fmt: skip
    """``scene(tell, disk folder, its own folder, step, names first, *args)``, see ``Steps``; what
    ``prepare`` makes in its folder is on the disk before."""
    disk.mount()
    for options, names_first in ways:
        step, status = 0, -signal.SIGKILL
        while status == -signal.SIGKILL:
            step += 1
            folder = disk.folder / f"{options}-{names_first}-{step}"
            folder.mkdir()
            prepare(folder)
            sync(disk.folder)
            child = Child(scene, disk.folder, folder, step, names_first, *args)
            status = child.ends()
            disk.cuts += status != 0
            disk.restore(options)
            judge(folder, child.told, status == 0)
        assert status == 0, f"step {step} ended with {status}"
        assert step > 3, "it has no steps"
