"""Bugs for the lab to find: what is never found could not be trusted to be absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from node.permit_book import PermitBook
from node.permits import Permits
from steward.frames import Envelope
from steward.inbox import Inbox
from steward.keyring import Keyring
from steward.records_trust import TrustRecords
from steward.subscriber import Subscribers
from steward.trust import Trust

Patch = Callable[[ExitStack], None]


def credulous(stack: ExitStack) -> None:
    """Every signature is a good one."""
    for module in ("steward.trust", "steward.statements"):
        stack.enter_context(patch(f"{module}.verify", lambda *_: True))


def unaddressed(stack: ExitStack) -> None:
    """A letter counts wherever it comes."""
    whole = Envelope.signed_part

    def letter(self: Subscribers, arrived: Any) -> Any:
        return self._bus.wire.open(arrived.payload, arrived.subject)

    stack.enter_context(patch.object(Envelope, "signed_part", lambda self, _: whole(self, "")))
    stack.enter_context(patch.object(Subscribers, "_letter", letter))


def forgetful(stack: ExitStack) -> None:
    """What is said outside every stream counts as often as it is said."""
    stack.enter_context(patch.object(TrustRecords, "is_news", lambda *_: True))


def obedient(stack: ExitStack) -> None:
    """Everybody may tell a node that its store is an older copy."""
    stack.enter_context(patch.object(Trust, "obeys", lambda self, frm: frm != self.me))


def open_door(stack: ExitStack) -> None:
    """Permits permit everything."""
    stack.enter_context(patch.object(PermitBook, "admit", lambda *_: None))
    whole = Permits.judge

    def judge(self: Permits, asked: Any, **more: Any) -> Any:
        return whole(self, asked, **more)._replace(allowed=True)

    stack.enter_context(patch.object(Permits, "judge", judge))


def ventriloquist(stack: ExitStack) -> None:
    """Who has a key speaks in whatever name."""
    whole = Trust.signer
    stack.enter_context(patch.object(Trust, "signer", lambda *args: whole(*args) and None))


def merciful(stack: ExitStack) -> None:
    """What was revoked holds on."""
    stack.enter_context(patch.object(Keyring, "_revoke", lambda *_: None))


def meddler(stack: ExitStack) -> None:
    """Everybody ends everybody's commands."""
    whole = Inbox.cancel

    def cancel(self: Inbox, id: Any, frm: Any) -> Any:
        return whole(self, id, "central" if frm != "central" else frm)  # type: ignore[arg-type]

    stack.enter_context(patch.object(Inbox, "cancel", cancel))


BUGS: Mapping[str, Patch] = {
    bug.__name__: bug
    for bug in (
        credulous, unaddressed, forgetful, obedient, open_door, ventriloquist, merciful, meddler,
    )
}  # fmt: skip


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """The bug is in every node as long as this is entered."""
    with ExitStack() as stack:
        if name is not None:
            BUGS[name](stack)
        yield
