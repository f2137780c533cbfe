"""What somebody can do who owns the broker and no key: he keeps every letter, and tells it again,
late, elsewhere, changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import msgspec

from steward import frames, packing
from steward.errors import FrameError
from tests.attack.intruder import Captured
from tests.attack.lab import Lab
from tests.attack.papers import CENTRAL, FLEET, SHIP1, SHIP2, SHIP3
from tests.attack.requests import stripped

MOST_EVERYWHERE: Final = 60
"""Letters that are told on every subject; all are, each on its own and back to its sender."""
MOST_CHANGED: Final = 3000
"""Letters of one sort that are told changed, chosen by chance."""
MOST_UNPACKED: Final = 64 * 1024 * 1024
MOST_FLIPPED: Final = 3
"""Letters of each type in which every byte is changed once."""


class Step(NamedTuple):
    """``prepare``: what happens to the fleet before, by itself."""

    attack: Callable[[Lab], Awaitable[None]]
    prepare: Callable[[Lab], Awaitable[None]]


async def nothing(_lab: Lab) -> None:
    """The fleet is as it is."""


def kept(lab: Lab) -> list[Captured]:
    """Every true letter so far."""
    return list(lab.intruder.seen)


async def replay(lab: Lab) -> None:
    """Each twice where it was, each with the answer asked for elsewhere, all in another order."""
    letters = kept(lab)
    await lab.intruder.say(letters)
    shuffled = letters.copy()
    lab.random.shuffle(shuffled)
    await lab.intruder.say(shuffled)
    elsewhere = (f"{CENTRAL}.CommandACK.ShellCommand", f"_INBOX.{CENTRAL}.{'b' * 16}", "")
    await lab.intruder.say(
        letter._replace(reply=reply) for letter in letters[:50] for reply in elsewhere
    )


async def everywhere(lab: Lab) -> None:
    """On the subject of every method of every node, in every inbox; and back to who has said it."""
    letters = kept(lab)
    words = {letter.subject.partition(".")[2] for letter in letters if letter.subject[0] != "_"}
    places = {f"{node}.{word}" for node in FLEET for word in words}
    places |= {letter.subject for letter in letters}
    few = lab.random.sample(letters, min(MOST_EVERYWHERE, len(letters)))
    await lab.intruder.say(
        letter._replace(subject=place) for letter in few for place in sorted(places)
    )
    await lab.intruder.say(reflected(letters))


def reflected(letters: Iterable[Captured]) -> Iterator[Captured]:
    """Each to where its sender listens."""
    for letter, said in _read(letters):
        word = letter.subject.partition(".")[2]
        yield letter._replace(subject=f"{said['from']}.{word}")
        if letter.reply:
            yield letter._replace(subject=letter.reply, reply=letter.subject)


async def readdressed(lab: Lab) -> None:
    """Its own fields say somebody else now, and so does the subject."""
    changed = []
    for letter, said in _read(kept(lab)):
        for node in FLEET:
            word = letter.subject.partition(".")[2]
            on = f"{node}.{word}"
            for more in ({"to": node}, {"to": node, "subject": on}, {"from": node}):
                body = {**said, **{k: v for k, v in more.items() if k in said}}
                changed.append(stripped(letter, body=body)._replace(subject=on))
                changed.append(stripped(letter, body=body))
    few = min(len(changed), MOST_CHANGED)
    await lab.intruder.say(lab.random.sample(changed, few))


async def flipped(lab: Lab) -> None:
    """One bit of every byte, in some letters of each type."""
    by_type: dict[tuple[str, str], list[Captured]] = {}
    for letter, _ in _read(kept(lab)):
        envelope = frames.opened(letter.payload)
        by_type.setdefault((envelope.type, letter.subject.rpartition(".")[2]), []).append(letter)
    few = [x for letters in by_type.values() for x in letters[-MOST_FLIPPED:]][: 4 * MOST_FLIPPED]
    await lab.intruder.say(_one_bit(lab, letter) for letter in few)
    for letter in few:
        await lab.intruder.say(_each_byte(lab, letter))


def _one_bit(lab: Lab, letter: Captured, at: int | None = None) -> Captured:
    payload = bytearray(letter.payload)
    place = lab.random.randrange(len(payload)) if at is None else at
    payload[place] ^= 1 << lab.random.randrange(8)
    return letter._replace(payload=bytes(payload))


def _each_byte(lab: Lab, letter: Captured) -> Iterator[Captured]:
    return (_one_bit(lab, letter, at) for at in range(len(letter.payload)))


async def downgraded(lab: Lab) -> None:
    """As if from an older version, from a lab without keys, or of another type; and what unpacks to
    far more than it is."""
    changed = []
    for letter, _ in _read(kept(lab)):
        plain = frames.decode(letter.payload)
        variants: tuple[dict[str, Any], ...] = (
            {"v": 0}, {"v": None}, {"v": 2}, {"packs": None}, {"packs": 2**40}, {"key": None},
            {"sig": None}, {"sig": b""}, {"sig": b"", "key": None}, {"holds": None},
            {"type": "notice"}, {"type": "frame"}, {"type": "receipt"}, {"type": "output"},
        )  # fmt: skip
        changed += [stripped(letter, **fields) for fields in variants]
        changed.append(letter._replace(payload=frames.encode(plain)))
        changed.append(letter._replace(payload=packing.pack(letter.payload)))
    few = min(len(changed), MOST_CHANGED)
    await lab.intruder.say(lab.random.sample(changed, few))
    inflated = b'{"v":1,"type":"frame","sig":"","body":{' + b" " * MOST_UNPACKED + b"}}"
    with patch.object(packing, "MOST", len(inflated)):
        bomb = packing.pack(inflated)
    await lab.intruder.say(Captured(f"{node}.CommandACK.ShellCommand", "", bomb) for node in FLEET)


async def mixed(lab: Lab) -> None:
    """Parts of true letters put together anew: another's signature, order, body, certificate."""
    by_subject: dict[str, list[Captured]] = {}
    for letter, _ in _read(kept(lab)):
        by_subject.setdefault(letter.subject, []).append(letter)
    changed = []
    for letters in by_subject.values():
        for one, other in pairwise(letters):
            theirs = msgspec.json.decode(other.payload, type=dict[str, Any])
            ours = msgspec.json.decode(one.payload, type=dict[str, Any])
            changed += [
                stripped(one, **{name: theirs.get(name)}) for name in theirs if name in ours
            ]
            if "messages" in ours["body"] and "messages" in theirs["body"]:
                orders = [m.get("order") for m in theirs["body"]["messages"]]
                for message, order in zip(ours["body"]["messages"], orders, strict=False):
                    message["order"] = order
                changed.append(stripped(one, body=ours["body"]))
    for who in (CENTRAL, SHIP1, SHIP2):
        said = [msgspec.Raw(lab.here.papers.of(who))] * 8
        changed += [stripped(letter, said=said) for letter, _ in list(_read(kept(lab)))[:40]]
    few = min(len(changed), MOST_CHANGED)
    await lab.intruder.say(lab.random.sample(changed, few))


async def after_expiry(lab: Lab) -> None:
    """Orders that were held back until their time was over."""
    here, intruder = lab.here, lab.intruder
    await here.stop(SHIP2)
    known = len(intruder.seen)
    late = [here.command(SHIP2, ttl=1.5) for _ in range(3)]
    here.ordered = [id for id in here.ordered if id not in {order["id"] for order in late}]
    await here.submit(*late)
    await asyncio.sleep(2.0)
    letters = kept(lab)[known:]
    await here.start(SHIP2)
    await intruder.say(letters)
    await here.agree()
    await intruder.say(letters)


def _read(letters: Iterable[Captured]) -> Iterator[tuple[Captured, dict[str, Any]]]:
    """Those that are letters, with what they say."""
    for letter in letters:
        try:
            body = frames.opened(letter.payload).body
        except FrameError:
            continue
        yield letter, msgspec.json.decode(body)


async def restart(lab: Lab) -> None:
    for name in (SHIP1, SHIP2):
        await lab.here.restart(name)


async def wipe(lab: Lab) -> None:
    await lab.here.wipe(SHIP3)


ATTACKS: Final[Mapping[str, Step]] = {
    "replay": Step(replay, nothing),
    "everywhere": Step(everywhere, nothing),
    "readdressed": Step(readdressed, nothing),
    "flipped": Step(flipped, nothing),
    "downgraded": Step(downgraded, nothing),
    "mixed": Step(mixed, nothing),
    "restarted": Step(replay, restart),
    "wiped": Step(replay, wipe),
    "expired": Step(after_expiry, nothing),
}
