"""A full disk: the intake refuses, clearly; nothing accepted is lost; it recovers by itself."""

from pathlib import Path
from typing import Any

import pytest

from steward.control.client import ControlClient
from steward.errors import StewardError, StoreFull
from tests.conftest import WaitFor
from tests.fault.fleet import Fleet


def config(folder: Path, text: str) -> Path:
    path = folder / "central.toml"
    path.write_text(text)
    return path


async def try_to_submit(world: Fleet, message: dict[str, Any]) -> str:
    """The id; raises what refused it."""
    async with ControlClient(world.folder / "central") as client:
        answer = await client.call("submit", messages=[message])
    if answer["refused"]:
        raise StoreFull(answer["refused"][0]["text"])
    id: str = answer["accepted"][0]["id"]
    return id


async def test_a_store_at_its_bound_refuses_and_loses_nothing(
    world: Fleet, tmp_path: Path, wait_for: WaitFor
) -> None:
    toml = config(tmp_path, "[limits]\nstore-bytes = 1_500_000\nballast-bytes = 65536\n")
    await world.start("central", "--config", str(toml))
    accepted: list[str] = []
    refusal: StewardError | None = None
    padding = "x" * 20_000
    for _ in range(200):
        try:
            message = world.command("ship1", before=f": {padding}; ", ttl=600)
            accepted.append(await try_to_submit(world, message))
        except StewardError as error:
            refusal = error
            break
    assert isinstance(refusal, StoreFull), refusal
    assert accepted
    assert (await world.ask("status"))["intake"]["open"] is False
    await world.start("ship1")
    assert {m["state"] for m in await world.ends(accepted, 60)} == {"succeeded"}
    assert world.ran() == accepted


async def test_too_little_free_disk_refuses_until_there_is_more(
    world: Fleet, tmp_path: Path
) -> None:
    plenty = 1 << 50
    toml = config(tmp_path, f"[limits]\nfree-bytes = {plenty}\n")
    central = await world.start("central", "--config", str(toml))
    with pytest.raises(StoreFull, match="free"):
        await try_to_submit(world, world.command("central"))
    await central.stop()
    toml.write_text("")
    await central.start()
    [message] = await world.ends([await try_to_submit(world, world.command("central"))])
    assert message["state"] == "succeeded"
