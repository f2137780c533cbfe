"""Changes files of this machine, says each thing that it does, and overwrites nobody's work."""

from __future__ import annotations

import contextlib
import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from steward.errors import UsageError

MANIFEST = Path("/etc/steward/.installed")
"""What was written here, and the sum of each, so that a change by somebody else shows."""


class Hands:
    """``root``: the folder that stands for ``/``; ``dry``: say, and do nothing. Under another root
    no program is called and nothing changes its owner."""

    def __init__(
        self, say: Callable[[str], None], root: Path, *, dry: bool = False, force: bool = False
    ) -> None:
        self._say = say
        self._root = root
        self.dry = dry
        self.force = force
        self.is_real = root == Path("/")
        self._sums: dict[str, str] = {}
        with contextlib.suppress(FileNotFoundError):
            self._sums = json.loads(self.at(MANIFEST).read_text(encoding="utf-8"))

    def at(self, path: Path) -> Path:
        """Where it really lies."""
        return self._root / path.relative_to("/")

    def say(self, done: str, would: str) -> bool:
        """One line; whether to do it."""
        self._say(f"would {would}" if self.dry else done)
        return not self.dry

    def check(self, path: Path, text: str) -> None:
        """Raises UsageError for a file that somebody else has made or changed."""
        there = self._read(path)
        if there is None or self.force or _sum(there) in (_sum(text), self._sums.get(str(path))):
            return
        raise UsageError(
            f"{path} was made or changed by somebody else", "look at it; --force overwrites it"
        )

    def write(self, path: Path, text: str, mode: int = 0o644, group: str = "") -> bool:
        """``check`` first. Whole or not at all. Whether there was another one before."""
        there = self._read(path)
        if there == text:
            self._say(f"{path} is as it should be")
        elif self.say(f"wrote {path}", f"write {path}"):
            real = self.at(path)
            real.parent.mkdir(parents=True, exist_ok=True)
            new = real.with_name(f".{real.name}.new")
            new.unlink(missing_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if group and self.is_real:
                os.chown(new, 0, grp.getgrnam(group).gr_gid)
            new.chmod(mode)
            new.rename(real)
        self._note(path, _sum(text))
        return there not in (None, text)

    def keep(self, path: Path, text: str, mode: int, group: str) -> None:
        """A file that is the operator's once it is there."""
        if self._read(path) is not None:
            self._say(f"{path} is kept as it is")
        else:
            self.write(path, text, mode, group)
            self._note(path, None)

    def folder(self, path: Path, mode: int, user: str) -> None:
        """A folder of that user's."""
        real = self.at(path)
        if real.is_dir():
            self._say(f"{path} is there")
        elif self.say(f"made {path} for {user}", f"make {path} for {user}"):
            real.mkdir(mode=mode, parents=True)
            if self.is_real:
                owner = pwd.getpwnam(user)
                os.chown(real, owner.pw_uid, owner.pw_gid)

    def remove(self, path: Path) -> None:
        """One that was written here, if nobody has changed it since."""
        there = self._read(path)
        if there is None:
            return
        if not self.force and _sum(there) != self._sums.get(str(path)):
            self._say(f"{path} was changed by somebody else and is kept (--force removes it)")
        elif self.say(f"removed {path}", f"remove {path}"):
            self.at(path).unlink()
            self._note(path, None)

    def run(self, *argv: str, may_fail: bool = False) -> None:
        """A program. Raises UsageError if it fails."""
        words = " ".join(argv)
        if not self.is_real:
            self._say(f"did not call {words}: this is not the machine's own root")
        elif self.say(f"called {words}", f"call {words}"):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode and not may_fail:
                raise UsageError(f"{words}: {done.stderr.strip() or done.returncode}", "see above")

    def _read(self, path: Path) -> str | None:
        try:
            return self.at(path).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def _note(self, path: Path, content: str | None) -> None:
        if self.dry:
            return
        self._sums.pop(str(path), None)
        if content is not None:
            self._sums[str(path)] = content
        real = self.at(MANIFEST)
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(json.dumps(self._sums, indent=1) + "\n", encoding="utf-8")


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def writable_by_others(*paths: Path) -> Path | None:
    """The first of these, of what is in them, and of what is above them, that somebody but root
    can change; None: there is none. Raises OSError."""
    seen: set[Path] = set()
    for path in paths:
        real = path.resolve(strict=True)
        inside = [Path(at) / name for at, _, names in os.walk(real) for name in names]
        for one in (*reversed(real.parents), real, *inside):
            if one in seen:
                continue
            seen.add(one)
            facts = one.lstat()
            is_sticky = one.is_dir() and facts.st_mode & 0o1000 and facts.st_uid == 0
            is_link = stat.S_ISLNK(facts.st_mode)  # it changes with its folder alone
            if facts.st_uid != 0 or (facts.st_mode & 0o022 and not (is_sticky or is_link)):
                return one
    return None
