"""Somebody confirms, refuses or disowns what he was not asked to; and clocks, and floods."""

from __future__ import annotations

import time
from secrets import token_hex

from msgspec import structs

from steward.frames import Frame, Output, Verdict
from steward.message import MessageId
from tests.attack.intruder import FORGED, Captured, script
from tests.attack.lab import NOWHERE, Lab
from tests.attack.papers import CENTRAL, SHIP1, SHIP3
from tests.attack.people import Identity

FLOOD = 1500


async def receipts(lab: Lab, who: Identity) -> None:
    """For true frames of central's, each as it waits for its answer: in the name of whom it was
    for, and in his own."""
    sealed = []
    here, seen = lab.here, lab.intruder.letters(Frame)
    latest = {frame.subject: (captured, frame) for captured, frame in seen if frame.frm == CENTRAL}
    for captured, frame in latest.values():
        if not captured.reply:
            continue
        known = here.started.get(frame.to)
        for store in (known.store if known else token_hex(16), token_hex(16)):
            plain = lab.intruder.receipt(frame, store)
            last = max((e.seq for e in frame.messages), default=frame.base) + 1
            no = {n: Verdict(state="refused", reason=FORGED) for n in range(1, last + 1)}
            for more in (
                {}, {"last": last}, {"last": last, "verdicts": no}, {"last": 10**6},
                {"last": 1, "conflict": True}, {"retired": here.started[CENTRAL].store},
            ):  # fmt: skip
                told = structs.replace(plain, **more)
                if not (who.accepted and told.frm == who.name):
                    sealed.append(lab.intruder.seal(told, who, captured.reply))
                own = structs.replace(told, frm=who.name)
                if not (who.accepted and "retired" in more):
                    sealed.append(lab.intruder.seal(own, who, captured.reply))
    assert any(frame.to == NOWHERE for _, frame in latest.values())
    await lab.intruder.say(sealed)


async def outputs(lab: Lab, who: Identity) -> None:
    """What a command that central watches is said to write."""
    id = MessageId(lab.running)
    sealed = []
    for token in lab.watched:
        for frm in (SHIP1, who.name):
            told = Output(frm=frm, id=id, stream="stdout", offset=0, data=FORGED.encode() * 50)
            sealed.append(lab.intruder.seal(told, who, token))
    await lab.intruder.say(sealed)


async def clocks(lab: Lab, who: Identity) -> None:
    """Clocks that are years off, in the name of others, where expiries hang on them."""
    here, sealed = lab.here, []
    [short] = await here.submit(here.command(SHIP1, ttl=600) | {"parallel": False})
    for wall in (time.time() + 1e8, time.time() - 1e8):
        for frm in (CENTRAL, SHIP3, who.name):
            if who.accepted and frm == who.name:
                continue
            frame = lab.intruder.frame(frm, f"{SHIP1}.EventACK.Ping", clock=wall)
            sealed.append(lab.intruder.seal(frame, who))
            notice = lab.intruder.notice(frm, f"{SHIP1}.EventNACK.SayHello", clock=wall)
            sealed.append(lab.intruder.seal(notice, who))
    await lab.intruder.say(sealed)
    state = (await here.ask("message", id=short))["state"]
    if state != "delivered":
        lab.effects.append(f"{who.title}: a command that waits is {state} by a clock")
    await here.ask("cancel", ids=[short])


async def flood(lab: Lab, who: Identity) -> None:
    """More than can be looked at, while the others work."""
    order = script(lab.here, who, "flood")
    letters: list[Captured] = []
    for n in range(FLOOD):
        frame = lab.intruder.frame(CENTRAL, f"{SHIP1}.CommandACK.ShellCommand", order)
        sealed = lab.intruder.seal(frame, who)
        if n % 3 == 0:
            half = len(sealed.payload) // 2
            sealed = sealed._replace(payload=sealed.payload[:half])
        letters.append(sealed)
    await lab.intruder.say(letters)
