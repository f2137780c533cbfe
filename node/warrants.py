"""The privileged runner's own judgement of an order: whose it is, whether it may, and as whom.

It rests on files that only root can write: ``anchor`` (this node's name, central's name and public
signing key) and ``node.toml``, whose permits the daemon judges by, too. Standard library and PyNaCl
alone; loaded by a runner that root has started.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from node import accounts, orders
from node.accounts import Account, Power
from node.fork import Terms
from node.order_book import OrderBook
from node.orders import Order, Task
from node.permits import Permits
from node.runner_requests import Denial, Refusal
from steward import permit_table
from steward.errors import StewardError, TrustError
from steward.keyring import Keyring
from steward.permit_rules import Request
from steward.signing import PUBLIC_BYTES

if TYPE_CHECKING:  # it takes more memory than all of this
    from steward.subjects import NodeName

T = TypeVar("T")
Start = tuple[list[str], dict[str, str], float | None, bytes, Terms]
"""What ``Children.start`` needs beside the key."""


class Anchor:
    """``node``: this one; the rest: whose word on keys it believes."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        """Raises StewardError."""
        try:
            self.node, self.central = str(said["node"]), cast("NodeName", said["central"])
            self.key = base64.b64decode(said["key"], validate=True)
            self.serial = int(said.get("serial", 0))
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise StewardError(f"it needs node, central and key: {error!r}") from None
        if len(self.key) != PUBLIC_BYTES:
            raise StewardError(f"key is no public key of {PUBLIC_BYTES} bytes in Base64")


class _File(Generic[T]):
    """A file of root's, read again when it has changed. A mistake in it leaves what it said before;
    whoever takes it away takes that back, too."""

    def __init__(self, path: str, power: Power, read: Callable[[dict[str, Any]], T]) -> None:
        self._path = path
        self._power = power
        self._read = read
        self._seen: tuple[int, ...] = ()
        self._said: T | None = None
        self._problem = ""

    def get(self) -> T:
        """Raises Refusal: it is missing, or has never been usable."""
        try:
            with self._power.root():
                self._look()
        except FileNotFoundError:
            self._said = None
            self._complain(f"{self._path} is missing: put it back; till then commands wait")
        except (OSError, ValueError, StewardError) as error:
            self._complain(f"{self._path}: {error}")
        if self._said is None:
            raise Refusal(f"the runner judges no order: {self._problem}")
        return self._said

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            kept = "" if self._said is None else " (what it said before holds)"
            print(f"{problem}{kept}", file=sys.stderr, flush=True)

    def _look(self) -> None:
        with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            facts = os.fstat(file.fileno())
            seen = (facts.st_mtime_ns, facts.st_ino, facts.st_size, facts.st_uid, facts.st_mode)
            if seen == self._seen and not self._problem:
                return
            if facts.st_uid != self._power.keeper or stat.S_IMODE(facts.st_mode) & 0o022:
                raise StewardError("somebody but root can write it: chown root, chmod go-w")
            self._said = self._read(tomllib.load(file))
        self._seen, self._problem = seen, ""


class Warrants:
    """Of one node. ``owner``: as whom runs what a permit names no user for."""

    def __init__(self, folder: str, power: Power, book: OrderBook, owner: Account) -> None:
        """``folder``: where the two files lie."""
        self._book = book
        self._owner = owner
        self._anchor = _File(f"{folder}/anchor", power, Anchor)
        self._permits = _File(f"{folder}/node.toml", power, _permits)
        with contextlib.suppress(Refusal):  # what is wrong is said at once, and may be mended
            self._anchor.get()
        with contextlib.suppress(Refusal):
            self._permits.get()
        self._anchored: Anchor | None = None
        self._learned: list[bytes] = []
        self._ring: Keyring | None = None

    def judge(self, request: Mapping[str, Any]) -> Start:
        """What to start for this request. Raises Denial: nothing, ever; Refusal, OSError: nothing
        yet, somebody has to put something right first."""
        anchor, permits = self._anchor.get(), self._permits.get()
        order, statements = orders.read(request)
        ring = self._keyring(anchor, statements)
        orders.check(
            order, anchor.node, [h.public for h in ring.keys_of(cast("NodeName", order.frm))]
        )
        if self._book.is_spent(order.mark):
            raise Denial(f"the order {order.id!r} of {order.frm!r} has been carried out before")
        task = orders.task(order)
        asked = Request(order.frm, order.method, task.argv, task.operator, task.operator_uid)
        decision = permits.judge(asked, trusted=True)
        if not decision.allowed:
            raise Denial(f"{decision.reason} (judged by the runner)")
        grant = decision.grant
        account = _account(grant.user, decision.rule) if grant.user else self._owner
        seconds = [s for s in (task.seconds, grant.longest) if s]
        env = accounts.environment(account) | _facts(order, task)
        terms = Terms(account=account, limits=grant.limits, order=order.mark)
        return task.argv, env, min(seconds, default=None), task.stdin, terms

    def _keyring(self, anchor: Anchor, statements: Sequence[bytes]) -> Keyring:
        """With what is new among the statements, which is kept before it counts."""
        if self._ring is None or anchor is not self._anchored:
            self._learned = self._book.statements()
            ring = Keyring(anchor.central, anchor.key, self._learned, serial=anchor.serial)
            self._anchored, self._ring = anchor, ring
        new = []
        for signed in statements:
            if signed not in self._learned:
                try:
                    self._ring.learn(signed)
                except TrustError:
                    continue  # an older one of a name whose newer one is known, or a forged one
                new.append(signed)
        if new:
            try:
                self._book.keep(self._learned + new)
            except OSError:
                self._ring = None
                raise
            self._learned += new
        return self._ring


def _permits(said: dict[str, Any]) -> Permits:
    return Permits(permit_table.read(said.get("permit", []), "permit"))


def _account(user: str, rule: str) -> Account:
    try:
        return accounts.named(user)
    except KeyError:
        raise Denial(f"{rule} names the user {user!r}, whom this machine does not have") from None


def _facts(order: Order, task: Task) -> dict[str, str]:
    """What a command finds beside the plain environment, as the order says it."""
    found = {
        "STEWARD_MESSAGE_ID": order.id,
        "STEWARD_FROM": order.frm,
        "STEWARD_NODE": order.to,
    }
    if task.operator or task.operator_uid is not None:
        found["STEWARD_OPERATOR"] = task.operator or str(task.operator_uid)
    return found
