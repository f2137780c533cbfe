"""An ext4 file system of its own whose power can be cut: what nobody synced is lost.

``EXT4_IOC_SHUTDOWN`` without a flush of the log: from then on nothing reaches the device, neither
what is dirty in memory nor the open transaction of the journal. A mount afterwards replays the
journal, as after a power cut. What the system has written back by itself until then stays, as it
may on a real machine; a disk that lies about a flush is not imitated.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import time
from pathlib import Path

_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
_NO_LOG_FLUSH = struct.pack("I", 2)
MIB = 1024 * 1024
HARSH = "data=writeback,noauto_da_alloc"
"""Mount options under which ext4 promises least: no order of data, no help for renames."""
_DEADLINE = 20.0


def cut_power(folder: Path) -> None:
    """End the file system that ``folder`` lies on, here and now."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, _SHUTDOWN, _NO_LOG_FLUSH)
    finally:
        os.close(fd)


class Disk:
    """A loop-mounted image. ``cut``, then end all who use it, then ``restore``."""

    def __init__(self, image: Path, folder: Path, size: int = 256 * MIB) -> None:
        self.image = image
        self.folder = folder
        self.cuts = 0
        with image.open("wb") as file:
            file.truncate(size)
        folder.mkdir()
        subprocess.run(["mkfs.ext4", "-q", image], check=True)

    def mount(self, options: str = "") -> None:
        words = ",".join(filter(None, ["loop", options]))
        subprocess.run(["mount", "-o", words, self.image, self.folder], check=True)

    def cut(self) -> None:
        self.cuts += 1
        cut_power(self.folder)

    def restore(self, options: str = "") -> None:
        """Mount it again, as after the power came back. All who used it have to be gone."""
        until = time.monotonic() + _DEADLINE
        while (said := self._unmount()) and time.monotonic() < until:
            time.sleep(0.01)
        assert not said, said
        # A mount before that would get the dead file system of the old one.
        while self._devices():
            assert time.monotonic() < until, "the loop device is still in use"
            time.sleep(0.01)
        self.mount(options)

    def remove(self) -> None:
        """Let go of everything, even if somebody is still there."""
        subprocess.run(["umount", "--lazy", self.folder], check=False, capture_output=True)
        self.image.unlink()

    def _unmount(self) -> str:
        done = subprocess.run(["umount", self.folder], check=False, capture_output=True, text=True)
        return done.stderr

    def _devices(self) -> str:
        done = subprocess.run(
            ["losetup", "--noheadings", "--associated", self.image],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout
