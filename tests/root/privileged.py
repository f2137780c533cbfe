"""A privileged runner on a state folder of an unprivileged user's, and who asks it."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nacl

from node import runner
from tests.orders import Keys

OWNER, OTHER = "daemon", "games"
"""Users that every Linux has: whose the state folder is, and as whom commands run."""
PERMITS = f"""
[[permit]]
from = ["central"]
methods = ["ShellCommand"]
arguments = [["as-owner", "**"], ["sh", "-c", "# as owner*"]]

[[permit]]
from = ["central", "ship1"]
methods = ["ShellCommand"]
user = "{OTHER}"
"""
PACKAGES = Path(nacl.__file__).parents[1]


class Privileged:
    """The runner's unit, as systemd would have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = Keys()
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.owner = pwd.getpwnam(OWNER)
        os.chown(self.state, self.owner.pw_uid, self.owner.pw_gid)
        self.keys.write_anchor(folder / "etc", PERMITS)
        self.socket = folder / "run" / "runner.sock"
        self.socket.parent.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        self.count = 0

    def launch(self) -> subprocess.Popen[bytes]:
        words = {
            "orders": self.folder / "etc", "book": self.folder / "book", "socket": self.socket,
            "packages": PACKAGES, "foreground": 1, "grace": 0.3,
        }  # fmt: skip
        log = (self.folder / "log").open("ab")
        command = [sys.executable, "-I", "-S", runner.__file__, str(self.state)]
        with log:
            return subprocess.Popen(
                [*command, *(f"{name}={value}" for name, value in words.items())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def start(self) -> int:
        """Its pid, once it listens."""
        self.process = self.launch()
        until = time.monotonic() + 10
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.ask({"op": "list"})
                return self.process.pid
            time.sleep(0.02)
        raise AssertionError((self.folder / "log").read_text())

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, *requests: Any) -> Any:
        """The last answer."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.socket))
            with sock.makefile("rwb") as file:
                for request in requests:
                    file.write(json.dumps(request).encode() + b"\n")
                    file.flush()
                    while "exited" in (answer := json.loads(file.readline())):
                        continue
            return answer

    def key(self) -> str:
        self.count += 1
        return f"{self.count:032x}"

    def run(self, *argv: str, **more: Any) -> dict[str, Any]:
        """Have it carried out on an order of central's: the exit record, with what it wrote."""
        key = self.key()
        order = self.keys.order(*argv, **({"id": f"m-{key}"} | more))
        answer = self.ask({"op": "start", "key": key, "order": order})
        assert "at" in answer, answer
        return self.ended(key)

    def ended(self, key: str, seconds: float = 15) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while not (self.state / "runs" / key / "exit").exists():
            assert time.monotonic() < until, "it has not ended"
            time.sleep(0.01)
        record: dict[str, Any] = json.loads((self.state / "runs" / key / "exit").read_text())
        for name in ("stdout", "stderr"):
            path = self.state / "runs" / key / name
            record[name] = path.read_text() if path.exists() else ""
        return record


@contextlib.contextmanager
def privileged_runner() -> Iterator[Privileged]:
    """Where its folder can be reached by any user, as /var/lib can."""
    folder = Path(tempfile.mkdtemp(prefix="steward-root-"))
    folder.chmod(0o755)
    unit = Privileged(folder)
    try:
        unit.start()
        yield unit
    finally:
        if unit.process is not None and unit.process.poll() is None:
            unit.kill()
        shutil.rmtree(folder)


def as_user(name: str, work: Callable[[], Any]) -> Any:
    """What it returns, done in a process of that user's."""
    words, told = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            user = pwd.getpwnam(name)
            os.setgroups([user.pw_gid])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            os.write(told, json.dumps(work()).encode())
        except BaseException as error:
            os.write(told, json.dumps(repr(error)).encode())
        os._exit(0)
    os.close(told)
    with open(words, "rb") as file:
        content = file.read()
    os.waitpid(pid, 0)
    return json.loads(content)


def status_of(text: str) -> dict[str, str]:
    return dict(line.split(":\t") for line in text.splitlines() if ":\t" in line)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def eventually(what: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)
