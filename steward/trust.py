"""Signatures on letters: this node's own on what goes, and whose are on what comes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import structs

from steward.errors import SignatureError, TrustError
from steward.frames import Envelope, Frame, Letter, Notice, Output
from steward.keyring import Holder, Keyring
from steward.message import Kind, MessageId
from steward.signing import SigningKey, key_id, verify
from steward.statements import Statement
from steward.subjects import NodeName, parse, subject

AGAIN: Final = 16
"""A peer that has not said for so many letters whether it has this node's certificate gets it
again: it may have forgotten it."""
MOST_PEERS: Final = 10_000
MOST_STATEMENTS: Final = 8
"""In one envelope."""
JOIN: Final = "Join"
"""The one method whose letters come from somebody unknown; what it says is signed by itself."""


class _Peer(msgspec.Struct):
    """What is known of another node's keyring."""

    has_mine: bool = False
    since: int = 0
    """Letters that went since it said so, or since it got the certificate."""


class Trust:
    """One node's. ``learned`` is called with each statement that came with a letter and is new."""

    def __init__(
        self,
        me: NodeName,
        key: SigningKey,
        keyring: Keyring,
        learned: Callable[[Statement, bytes], object] = lambda statement, signed: None,
    ) -> None:
        self.me = me
        self.key = key
        self.keyring = keyring
        self.learned = learned
        self.introductions = subject(keyring.central, Kind.EVENT_NACK, JOIN)
        """Where letters of nodes that are not known yet come."""
        self._peers: OrderedDict[NodeName, _Peer] = OrderedDict()

    def obeys(self, frm: NodeName) -> bool:
        """Whether ``frm`` may tell this node that its store is an older copy: central, which can
        end everything anyhow. Any other node would be a single one that ends it for all."""
        return frm == self.keyring.central and frm != self.me

    @property
    def is_accepted(self) -> bool:
        """Whether central has told this node that its key is its: with that it has told of keys
        that were revoked, too, or will at the next hello."""
        held = self.keyring.holder(self.key.id)
        return held is not None and held.name == self.me

    def use(self, key: SigningKey) -> None:
        """Sign with another key of this node's from now on, and tell everybody its certificate; or
        a new certificate of the same key."""
        self.key = key
        self._peers.clear()

    # ---------------------------------------------------------------- what goes

    def seal(self, envelope: Envelope, on: str, to: NodeName) -> Envelope:
        """Signed for the subject ``on``; with the certificate, if the other end may not have it."""
        theirs = self.keyring.newest(to)
        peer = self._peer(to)
        must_tell = not peer.has_mine or peer.since >= AGAIN
        peer.since = 1 if must_tell else peer.since + 1
        envelope = structs.replace(
            envelope,
            key=self.key.id,
            holds=key_id(theirs.public) if theirs else "",
            said=tuple(map(msgspec.Raw, self._own())) if must_tell else (),
        )
        return structs.replace(envelope, sig=self.key.sign(envelope.signed_part(on)))

    def with_orders(self, letter: Letter | Output) -> Letter | Output:
        """Each command of the letter with a signature of its own, which the runner verifies."""
        if not isinstance(letter, Frame | Notice) or not is_command(letter.subject):
            return letter
        if isinstance(letter, Notice):
            return structs.replace(letter, order=self._order(letter, letter.id, letter.body))
        ordered = [
            e if e.tombstone else structs.replace(e, order=self._order(letter, e.id, e.body))
            for e in letter.messages
        ]
        return structs.replace(letter, messages=tuple(ordered))

    def _order(self, letter: Frame | Notice, id: MessageId, body: msgspec.Raw) -> bytes:
        return self.key.sign(order(letter.frm, letter.to, letter.subject, id, bytes(body)))

    def _own(self) -> list[bytes]:
        """What others need to believe this node's signature."""
        if self.me == self.keyring.central:
            return self.keyring.chain()[-MOST_STATEMENTS:]
        mine = self.keyring.holder(self.key.id)
        return [mine.signed] if mine else []

    # ---------------------------------------------------------------- what comes

    def signer(self, envelope: Envelope, on: str) -> NodeName:
        """Who has signed it, for the subject ``on``. Raises SignatureError: nobody whom this node
        knows, or something of it was changed."""
        if not envelope.sig:
            raise SignatureError(
                "it is not signed", "its sender has no keys: steward keys join, over there"
            )
        holder, problem = self.keyring.holder(envelope.key), ""
        if holder is None:
            holder, problem = self._introduced(envelope)
        if holder is None:
            raise SignatureError(
                f"it is signed with the key {envelope.key[:16]!r}, which is nobody's here{problem}",
                "steward keys show names the keys that hold",
            )
        if not verify(holder.public, envelope.signed_part(on), envelope.sig):
            raise SignatureError(
                f"it is not what {holder.name} has signed for this subject",
                "somebody has changed it, or sent it elsewhere than it was meant for",
            )
        if holder.name != self.keyring.central and not self.is_accepted:
            raise SignatureError(
                f"{self.me} has not been accepted, or has lost its store, and hears central alone:"
                f" {holder.name}'s key may have been revoked",
                "it goes on as soon as central's word has come",
            )
        self._learn(envelope, holder.name)
        peer = self._peer(holder.name)
        peer.has_mine, peer.since = envelope.holds == self.key.id, 0
        return holder.name

    def _introduced(self, envelope: Envelope) -> tuple[Holder | None, str]:
        """Whose key it is by what came with it, of which nothing is believed yet; else why not."""
        ring, problem = self.keyring.copy(), ""
        for raw in envelope.said[:MOST_STATEMENTS]:
            try:
                ring.learn(bytes(raw))
            except TrustError as error:
                problem = f": {error.text}"
        return ring.holder(envelope.key), problem

    def _learn(self, envelope: Envelope, frm: NodeName) -> None:
        """What came with a letter of its sender's key, and central's; the letter itself is no
        forgery. Of itself a node believes nothing that comes beside a letter: it would pass for
        accepted before central has told it anything."""
        held, chain = self.keyring.holder(envelope.key), self.keyring.chain()
        for signed in map(bytes, envelope.said[:MOST_STATEMENTS]):
            if (held is not None and held.signed == signed) or signed in chain:
                continue
            if _is_about(signed, self.me) or not (
                _is_about(signed, frm) or _is_about(signed, self.keyring.central)
            ):
                continue
            with suppress(TrustError):
                self.learned(self.keyring.learn(signed), signed)

    def _peer(self, name: NodeName) -> _Peer:
        peer = self._peers.get(name)
        if peer is None:
            peer = self._peers[name] = _Peer()
            if len(self._peers) > MOST_PEERS:
                self._peers.popitem(last=False)
        return peer


def _is_about(signed: bytes, name: NodeName) -> bool:
    """Whether a statement that central has signed says something of this name."""
    return f'"name":"{name}"'.encode() in signed


def is_command(on: str) -> bool:
    """Whether what goes on this subject is a command."""
    return parse(on).kind in (Kind.COMMAND_ACK, Kind.COMMAND_NACK)


def order(frm: str, to: str, on: str, id: str, body: bytes) -> bytes:
    """What the signature of one command covers."""
    return b"steward order 1\n" + "\n".join((frm, to, on, id)).encode() + b"\n" + body
