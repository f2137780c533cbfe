"""The one subject where letters come from somebody unknown is no way in for others."""

from __future__ import annotations

from typing import Any

from tests.attack.facts import changed, facts
from tests.attack.harbour import Harbour
from tests.attack.intruder import Intruder
from tests.attack.papers import CENTRAL, SHIP1, SHIP2
from tests.attack.people import identities

JOIN = "central.EventNACK.Join"


async def test_nobody_ends_central_s_trade_with_a_ship_by_an_unsigned_frame(
    here: Harbour, intruder: Intruder
) -> None:
    """It used to be judged like one of the ship's own: central held what it had for the ship."""
    await here.work()
    nobody, before = identities(here.papers)[0], await facts(here, [])
    wrong: tuple[Any, ...] = (
        {"retired": here.started[CENTRAL].store, "messages": ()},
        {"base": 77},
        {},
    )
    for name in (SHIP1, SHIP2):
        frames = [intruder.frame(name, JOIN, ["x"], clock=1e9, **more) for more in wrong]
        await intruder.say(intruder.seal(frame, nobody) for frame in frames)
    assert changed(before, await facts(here, [])) == []
    assert here.reports == {(CENTRAL, "bad_signature"): 6}
    await here.work()
