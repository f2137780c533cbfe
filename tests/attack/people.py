"""All who attack, and what each of them has."""

from __future__ import annotations

from typing import NamedTuple

from steward.signing import SigningKey
from steward.subjects import NodeName
from tests.attack.papers import (
    CENTRAL,
    PENDING,
    REFUSED,
    REVOKED,
    SHIP2,
    SHIP3,
    STRANGER,
    Papers,
)


class Identity(NamedTuple):
    """Who attacks: the name that is his, the key that he has, what he shows for it. ``accepted``:
    the key of a node of the fleet was stolen, so that he is believed in its name."""

    title: str
    name: NodeName
    key: SigningKey | None
    said: tuple[bytes, ...] = ()
    accepted: bool = False


def identities(papers: Papers) -> list[Identity]:
    """All who may not, or not that. What the broker alone can do needs no name."""
    keys = papers.keys

    def self_made(title: str, name: NodeName) -> Identity:
        said = papers.certificate(name, keys[name], by=keys[name])
        return Identity(title, name, keys[name], (said,))

    return [
        Identity("nobody", STRANGER, None),
        self_made("stranger", STRANGER),
        self_made("pending", PENDING),
        self_made("refused", REFUSED),
        Identity("revoked", REVOKED, keys[REVOKED], (papers.of(REVOKED),)),
        Identity("ship3's old key", SHIP3, papers.old, (papers.of(SHIP3),)),
        Identity("central's old key", CENTRAL, papers.anchor, (papers.of(CENTRAL),)),
        Identity("ship2, stolen", SHIP2, keys[SHIP2], (papers.of(SHIP2),), accepted=True),
        Identity("ship3, one method", SHIP3, keys[SHIP3], (papers.of(SHIP3, 2),), accepted=True),
    ]
