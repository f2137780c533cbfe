"""``steward demo --secure``: from an empty machine to a trusted fleet, and who attacks it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from node import secure_attacks as attacks
from node.secure_world import SHIPS, within
from node.voyage import Voyage, permits
from steward import token as tokens
from steward.signing import fingerprint

Chapter = Callable[[Voyage], Awaitable[None]]

_OVERLAP = 8
"""Seconds for which a replaced key holds beside the new one."""
_PAUSE = 0.3
"""Seconds between two commands while keys change."""


async def belonging(tale: Voyage) -> None:
    tale.chapter("An empty machine becomes central; a ship introduces itself")
    here = tale.here
    central = await here.begin()
    tale.say(f"central's fingerprint: {central}")
    token = await here.token()
    pinned = fingerprint(tokens.parse(token, 0.0).key)
    tale.say(f"  the token, {len(token)} letters, names {pinned}")
    tale.promise(pinned == central, "who has the token takes nobody else for central")
    shown = await here.introduce("ship1", token)
    early = await tale.order("ship1", "early")
    asked = await here.waiting("ship1")
    tale.say(f"  ship1 shows    {shown}")
    tale.say(f"  central shows  {asked['fingerprint']}, {asked['state']}")
    [waiting] = await tale.look([early])
    tale.promise(
        asked["fingerprint"] == shown and asked["state"] == "pending" and not tale.ran(),
        f"until a person has compared the two, its command is {waiting['state']}, and nothing runs",
    )
    await here.accept("ship1", shown)
    tale.fingerprints["ship1"] = shown
    tale.promise(await tale.obeyed(early), "it is accepted, and what waited for it runs")
    tale.say("ship2 and ship3 come the same way")
    async with asyncio.TaskGroup() as group:
        tasks = {
            ship: group.create_task(here.admit(ship, token), name=f"{ship} joins")
            for ship in SHIPS[1:]
        }
    tale.fingerprints |= {ship: task.result() for ship, task in tasks.items()}
    ids = [await tale.order(ship, "hello") for ship in SHIPS]
    tale.promise(await tale.obeyed(*ids), "every ship is accepted and runs a command")


async def permitted(tale: Voyage) -> None:
    tale.chapter("A permit on each ship says what central may do there, and no more")
    here = tale.here
    treasure = tale.folder / "treasure"
    treasure.touch()
    words = ("rm", "-f", str(treasure))
    done = await here.type("central", "send", "ship1", "--", *words, fails=True)
    said = done.said.replace(f"{tale.folder}/", "").splitlines() or ["it ran"]
    for line in said[:3]:
        tale.say(f"    {line}")
    tale.promise(
        done.status == 7 and treasure.exists() and "permit[1]" in done.said,
        "what no permit allows is refused, with the reason, and has not run",
    )
    explained = []
    for argv in ((tale.note, "again"), words):
        asked = ("doctor", "--explain", "central", "ShellCommand", *argv)
        answer = await here.type("ship1", *asked, fails=True)
        explained.append((answer.status, answer.out))
        for line in answer.out.replace(f"{tale.folder}/", "").splitlines():
            tale.say(f"    {line}")
    (yes, entry), (no, reason) = explained
    tale.promise(
        (yes, no) == (0, 7) and "permit[1]" in entry and "refused" in reason,
        "doctor --explain names the entry that decides, and whose key it is",
    )


async def rotation(tale: Voyage) -> None:
    tale.chapter("ship1 and central change their keys, with commands going on")
    here = tale.here
    sent: list[str] = []
    enough = asyncio.Event()
    sending = asyncio.create_task(_send_on(tale, sent, enough), name="commands go on")
    try:
        new: dict[str, str] = {}
        for name, overlap in (("ship1", "1h"), ("central", str(_OVERLAP))):
            change = ("keys", "rotate", "--overlap", overlap, "-o", "json")
            new[name] = (await here.type(name, *change)).json()["fingerprint"]

            async def is_certified(name: str = name) -> bool:
                return new[name] in await tale.holding("central", name)

            await within(is_certified, 20.0)
            tale.say(f"  {name}: {', '.join(await tale.holding('central', name))}")

        async def alone() -> bool:
            ship = (await tale.holding("central", "ship1"))[:1] == [new["ship1"]]
            return ship and all([await tale.holding(w, n) == [new[n]] for w, n in _SEES])

        ended = await within(alone, _OVERLAP + 20.0)
    finally:
        enough.set()
        await sending
    tale.promise(ended, "central's new key holds alone, on central and both ships")
    went_on = await tale.obeyed(*sent, quietly=True)
    tale.promise(went_on, f"{len(sent)} commands went on meanwhile, none was lost")


_SEES = (("central", "central"), ("ship1", "central"), ("ship3", "central"))
"""Who is asked, and about whose keys."""


async def _send_on(tale: Voyage, sent: list[str], enough: asyncio.Event) -> None:
    while not enough.is_set():
        for ship in ("ship1", "ship3"):
            sent.append(await tale.order(ship, f"change-{len(sent)}"))
        await asyncio.sleep(_PAUSE)


CHAPTERS: Sequence[Chapter] = (
    belonging,
    permitted,
    attacks.without_a_key,
    attacks.thief,
    attacks.broker_replaced,
    attacks.broker_taken,
    rotation,
)


async def tell(
    folder: Path, chapters: Sequence[Chapter] = CHAPTERS, *, careless: bool = False
) -> bool:
    """The story in ``folder``; whether every promise held. For tests, which want to see it break:
    ``careless``: a permit on ship1 allows everything."""
    tale = Voyage(folder, permits(folder, careless))
    try:
        for chapter in chapters:
            await chapter(tale)
        await tale.tell_ledger()
        return tale.verdict()
    finally:
        await tale.here.end()
