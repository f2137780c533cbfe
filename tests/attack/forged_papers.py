"""Somebody brings certificates that are not his, not valid any more, or made by himself."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from node import introduction
from steward import statements
from steward.key_files import Keys, new_nkey
from steward.signing import SigningKey
from steward.statements import Certificate, Revocation
from steward.subjects import NodeName
from tests.attack.intruder import Captured, script
from tests.attack.lab import Lab
from tests.attack.papers import CENTRAL, FLEET, REVOKED, SHIP1, SHIP2, SHIP3, STRANGER, Papers
from tests.attack.people import Identity
from tests.attack.requests import data_of

SHELL = f"{SHIP1}.CommandACK.ShellCommand"


def certificates(papers: Papers, key: SigningKey) -> Iterator[bytes]:
    """That his key is somebody's: said by himself, by nobody, by central's old key, in central's
    name; and true ones of others, and of before."""
    for name in (CENTRAL, SHIP1, STRANGER):
        for serial in (1, 2, 2**30):
            said = Certificate(name, key.public, "", serial, 1_800_000_000.0)
            for by in (key, papers.anchor, papers.old):
                own = statements.issue(said, by)
                yield own
                yield own.replace(by.id.encode(), papers.root.id.encode(), 1)
    for name in (CENTRAL, SHIP1, SHIP2, REVOKED, SHIP3):
        signed = papers.of(name)
        yield signed
        public = statements.read(signed, (papers.root if name != CENTRAL else papers.anchor).public)
        assert isinstance(public, Certificate)
        yield signed.replace(base64.b64encode(public.key), base64.b64encode(key.public))
    for name in FLEET:
        yield statements.issue(Revocation(name, 2**30), key)
        yield statements.issue(Revocation(name, 2**30), papers.anchor)


async def certificates_shown(lab: Lab, who: Identity) -> None:
    """Each beside an order in central's name, one of his own, and a hello."""
    key = who.key or SigningKey.generate()
    keyed = who._replace(key=key)
    order = script(lab.here, who, "certificate")
    letters = []
    for signed in certificates(lab.here.papers, key):
        for frm in (CENTRAL,) if who.accepted else (CENTRAL, who.name, SHIP1):
            frame = lab.intruder.frame(frm, SHELL, order)
            letters.append(lab.intruder.seal(frame, keyed, said=[signed]))
        on = f"{CENTRAL}.EventNACK.SayHello"
        notice = lab.intruder.notice(SHIP1, on, data_of(lab, who, "SayHello"))
        letters.append(lab.intruder.seal(notice, keyed, said=[signed] * 9))
    await lab.intruder.say(letters)


async def words_of_trust(lab: Lab, who: Identity) -> None:
    """Trust, Joined, Rekey and Join, with statements that are forged, and with true ones."""
    papers, key = lab.here.papers, who.key or SigningKey.generate()
    forged = [one.decode() for one in certificates(papers, key)]
    sealed = []
    for to in (SHIP1, CENTRAL):
        for name in (who.name, CENTRAL, SHIP1):
            if name != who.name and who.accepted:
                continue
            for letter in (
                lab.intruder.frame(name, f"{to}.EventACK.Trust", forged),
                lab.intruder.notice(name, f"{to}.EventNACK.Joined", ["revoked", key.id, *forged]),
                lab.intruder.notice(
                    name, f"{to}.EventNACK.Joined", ["refused", papers.keys[SHIP1].id, *forged]
                ),
            ):
                sealed.append(lab.intruder.seal(letter, who))
    sealed += list(introductions(lab, who, key))
    await lab.intruder.say(sealed)


def introductions(lab: Lab, who: Identity, key: SigningKey) -> Iterator[Captured]:
    """Of his key as another's, and of another's key as his."""
    mine = Keys(key, new_nkey())
    theirs = Keys(lab.here.papers.keys[SHIP1], new_nkey())

    def proof(what: str, name: NodeName, keys: Keys) -> Sequence[str]:
        facts, first, second = introduction.tell(what, name, CENTRAL, keys, labels={"a": "b"})
        return facts, (first if keys is mine else second), second

    for what, on in (("join", "EventNACK.Join"), ("rekey", "EventACK.Rekey")):
        for told_of in (SHIP1, CENTRAL, who.name):
            if told_of == who.name and who.accepted:
                continue  # a thief may change the key that he has stolen
            for keys in (mine, theirs):
                data = proof(what, told_of, keys)
                for frm in {told_of, who.name}:
                    if what == "join":
                        letter = lab.intruder.notice(frm, f"{CENTRAL}.{on}", data)
                        yield lab.intruder.seal(letter, who)
                    else:
                        frame = lab.intruder.frame(frm, f"{CENTRAL}.{on}", data)
                        yield lab.intruder.seal(frame, who)
