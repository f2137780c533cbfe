"""A node that has lost its store, or has an older one, doesn't do again what was said once."""

from __future__ import annotations

import shutil
from pathlib import Path

from steward.frames import Letter
from tests.attack.harbour import Harbour, until
from tests.attack.intruder import Intruder, script
from tests.attack.papers import CENTRAL, SHIP3
from tests.attack.people import identities


async def once(here: Harbour) -> str:
    """A command that is sent once, outside every stream, and has run."""
    order = here.command(SHIP3) | {"commandOrEvent": "CommandNACK"}
    [id] = await here.submit(order)

    async def ran() -> bool:
        return id in here.ran()

    await until(ran, "it has run")
    return id


async def test_what_was_said_once_is_not_done_again_by_a_store_that_is_newer(
    here: Harbour, intruder: Intruder
) -> None:
    await here.work()
    await once(here)
    letters = list(intruder.seen)
    await here.wipe(SHIP3)
    await intruder.say(letters)
    await here.work()
    assert here.strange_lines() == []
    await once(here)


async def test_nor_by_a_backup_that_was_put_back(
    here: Harbour, intruder: Intruder, tmp_path: Path
) -> None:
    await once(here)
    await here.stop(SHIP3)
    shutil.copy(here.folder / SHIP3 / "steward.db", tmp_path / "backup")
    await here.start(SHIP3)
    await here.agree()
    await once(here)
    await once(here)
    letters = list(intruder.seen)
    await here.stop(SHIP3)
    for file in (here.folder / SHIP3).glob("steward.db*"):
        file.unlink()
    shutil.copy(tmp_path / "backup", here.folder / SHIP3 / "steward.db")
    await here.start(SHIP3, restored=True)
    await here.submit(here.command(SHIP3, ttl=5))
    await here.agree()
    await intruder.say(letters)
    await here.work()
    assert here.strange_lines() == []
    await once(here)


async def test_a_changed_key_of_central_stays_ended_for_who_loses_its_store(
    here: Harbour, intruder: Intruder
) -> None:
    """Also while central cannot be heard: the file that it has joined by names the key that
    central had then, which may be the one that was stolen."""
    await here.work()
    await here.stop(CENTRAL)
    await here.lose_store(SHIP3)
    thief = next(one for one in identities(here.papers) if one.name == CENTRAL)
    order = script(here, thief, "lost store")
    frame = intruder.frame(CENTRAL, f"{SHIP3}.CommandACK.ShellCommand", order)
    await intruder.say([intruder.seal(frame, thief)])
    await here.start(CENTRAL)
    await here.agree()
    assert here.strange_lines() == []


async def test_who_was_revoked_is_nobody_s_for_a_node_that_has_lost_its_store(
    here: Harbour, intruder: Intruder
) -> None:
    """It knows of no revocation until central has told it; until then it hears central alone."""
    await here.work()
    await here.stop(CENTRAL)
    await here.lose_store(SHIP3)
    for title in ("revoked", "central's old key", "ship2, stolen"):
        thief = next(one for one in identities(here.papers) if one.title == title)
        order = script(here, thief, "lost store")
        letters: list[Letter] = [
            intruder.frame(thief.name, f"{SHIP3}.CommandACK.ShellCommand", order),
            intruder.notice(thief.name, f"{SHIP3}.CommandNACK.ShellCommand", order),
        ]
        await intruder.say(intruder.seal(letter, thief) for letter in letters)
    await here.start(CENTRAL)
    await here.agree()
    assert here.strange_lines() == []
