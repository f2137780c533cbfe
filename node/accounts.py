"""As whom: the users that commands run as, and what the privileged runner does as whom.

A part of the runner: standard library alone. Nothing here trusts what the state folder's owner
may have planted.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
from typing import NamedTuple

from node import spawn

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CAPABILITIES = ("CapInh:", "CapPrm:", "CapEff:", "CapAmb:")


class Account(NamedTuple):
    """A user of this machine. ``groups``: all of them, by number."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    shell: str


def named(name: str) -> Account:
    """Raises KeyError: there is no such user."""
    return _account(pwd.getpwnam(name))


def numbered(uid: int) -> Account:
    """Also where the system has no name for it."""
    try:
        return _account(pwd.getpwuid(uid))
    except KeyError:
        return Account(str(uid), uid, os.getegid(), (), "/", "")


def _account(entry: pwd.struct_passwd) -> Account:
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir, entry.pw_shell)


def environment(account: Account) -> dict[str, str]:
    """What every command of this user finds, whoever started us."""
    facts = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": account.home, "USER": account.name}
    return facts | {"LOGNAME": account.name, "SHELL": account.shell or "/bin/sh"}


class Power:
    """What an ordinary runner may do: what its user may."""

    def __init__(self) -> None:
        self.keeper = os.geteuid()
        """Whose files are believed."""

    @contextlib.contextmanager
    def root(self) -> Iterator[None]:
        """As root, where this process can be."""
        yield

    def signal_group(self, group: int, number: int) -> bool:
        """See ``spawn.signal_group``."""
        return spawn.signal_group(group, number)


class RootPower(Power):
    """What a runner may do that root has started: its file work as the state folder's owner, the
    rest as root for a moment. Real and saved ids stay root's, so that the owner can neither signal
    nor trace it."""

    def __init__(self, uid: int, gid: int) -> None:
        """From now on files are opened as this user."""
        super().__init__()
        self.uid = uid
        self.gid = gid
        os.setgroups([gid])
        self._lower()

    def _lower(self) -> None:
        os.setegid(self.gid)
        os.seteuid(self.uid)

    @contextlib.contextmanager
    def root(self) -> Iterator[None]:
        os.seteuid(0)
        os.setegid(0)
        try:
            yield
        finally:
            self._lower()

    def signal_group(self, group: int, number: int) -> bool:
        with self.root():
            return spawn.signal_group(group, number)


def become(account: Account) -> None:
    """Turn this process into the user's, for ever. Raises OSError if that isn't so in the end."""
    os.seteuid(0)
    os.setgroups(account.groups)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    if account.uid == 0:
        return
    with contextlib.suppress(PermissionError):
        os.setresuid(0, 0, 0)
        raise OSError(f"it could still become root after it had become {account.name}")
    with contextlib.suppress(PermissionError):
        os.setgroups([0])
        raise OSError(f"it could still join groups after it had become {account.name}")
    if left := capabilities():
        raise OSError(f"capabilities are left after it had become {account.name}: {left}")


def capabilities() -> str:
    """Those that this process has or would hand on, as the system says it; empty: none."""
    try:
        with open("/proc/self/status") as file:
            lines = [line.split() for line in file if line.startswith(_CAPABILITIES)]
    except FileNotFoundError:
        return ""  # no /proc, as on macOS
    return " ".join(f"{name}{value}" for name, value in lines if int(value, 16))
