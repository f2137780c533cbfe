"""How a node's letters look on its link: packed, where that helps and is understood.

Every letter says what its sender can take. What comes packed is always understood; what goes is
packed if the other end has said that it unpacks, and one of the two is behind a narrow link.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from steward import frames, packing
from steward.errors import SignatureError
from steward.frames import Letter, Notice, Output
from steward.subjects import NodeName
from steward.trust import Trust

UNPACKS: Final = 1
NARROW: Final = 2
"""What ``packs`` in an envelope is the sum of; further bits are for what is not known yet."""
MOST_PEERS: Final = 10_000


class Wire:
    """One node's. ``trust``: its keys and whom it believes; None: a lab, where nothing is signed
    and everybody is believed."""

    def __init__(self, *, is_narrow: bool, trust: Trust | None = None) -> None:
        self.trust = trust
        self._mine = UNPACKS + (NARROW if is_narrow else 0)
        self._theirs: OrderedDict[NodeName, int] = OrderedDict()

    def seal(self, letter: Letter | Output, subject: str, to: NodeName) -> bytes:
        """The bytes that go to the bus, for this subject, where ``to`` listens."""
        trust = self.trust
        envelope = frames.enclose(trust.with_orders(letter) if trust else letter, self._mine)
        if trust:
            envelope = trust.seal(envelope, subject, to)
        payload = frames.written(envelope)
        theirs = self._theirs.get(to, 0)
        if theirs & UNPACKS and (theirs | self._mine) & NARROW and not isinstance(letter, Output):
            return packing.pack(payload)
        return payload

    def open(self, payload: bytes, subject: str) -> Letter | Output:
        """The letter that has come on ``subject``. Raises FrameError, as ``frames.opened`` and
        ``letter_in``; SignatureError: it is not from whom it says."""
        envelope = frames.opened(payload)
        signer = None
        if self.trust and not self.is_introduction(subject):
            signer = self.trust.signer(envelope, subject)
        letter = frames.letter_in(envelope)
        if self.is_introduction(subject) and not isinstance(letter, Notice):
            raise SignatureError("it is no introduction, and nobody has signed it")
        if signer is not None and letter.frm != signer:
            raise SignatureError(f"{signer} has signed it in the name of {letter.frm}")
        # Without keys it may be forged: that costs room on the link, or a wait until the true one
        # speaks again.
        if self._theirs.get(letter.frm) != envelope.packs and not self.is_introduction(subject):
            self._theirs[letter.frm] = envelope.packs
            if len(self._theirs) > MOST_PEERS:
                self._theirs.popitem(last=False)
        return letter

    def is_introduction(self, subject: str) -> bool:
        """Whether what comes there is from somebody unknown: nothing that the envelope says of its
        sender counts, and its method takes only what is signed by itself."""
        return self.trust is not None and subject == self.trust.introductions

    def obeys(self, frm: NodeName) -> bool:
        """Whether a letter of ``frm`` proves that this node's store is an older copy."""
        return self.trust is not None and self.trust.obeys(frm)
