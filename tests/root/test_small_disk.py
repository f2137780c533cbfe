"""As root, with ``make test-root``: a real small file system that somebody fills up."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from steward.control.client import ControlClient
from steward.errors import StewardError
from tests.fault.fleet import Fleet, fleet

MIB = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An ext4 file system of 64 MiB on a loop device."""
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(64 * MIB)
    folder.mkdir()
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Take all of the disk but ``leave`` bytes."""
    stat = os.statvfs(folder)
    path = folder / "filler"
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, stat.f_bavail * stat.f_frsize - leave))
    return path


async def submitted(world: Fleet, text: str) -> str | StewardError:
    """The id, or why it was refused."""
    async with ControlClient(world.folder / "central") as client:
        try:
            answer = await client.call("submit", messages=[world.shell("ship1", text)])
        except StewardError as error:
            return error
    id: str = answer["accepted"][0]["id"]
    return id


@pytest.mark.timeout(180)
async def test_a_disk_that_fills_up_refuses_intake_loses_nothing_and_recovers(
    small_disk: Path,
) -> None:
    toml = small_disk / "central.toml"
    toml.write_text('[limits]\nfree-bytes = "8MiB"\nballast-bytes = "4MiB"\n')
    async with fleet(small_disk) as world:
        await world.start("central", "--config", str(toml))
        accepted = [await submitted(world, f"echo {i}") for i in range(20)]
        filler = fill(small_disk, 1 * MIB)
        refused = await submitted(world, "echo refused")
        assert isinstance(refused, StewardError), refused
        assert "free" in str(refused)
        # The disk is not only low but full to the last block, while results come in.
        await world.start("ship1", "--config", str(toml))
        with (small_disk / "rest").open("wb") as rest:
            try:
                while True:
                    rest.write(b"x" * 4096)
                    rest.flush()
            except OSError:
                pass
        await asyncio.sleep(3)
        (small_disk / "rest").unlink()
        filler.unlink()
        ids = [id for id in accepted if isinstance(id, str)]
        assert len(ids) == 20
        ended = await world.ends(ids, 60)
        assert {m["state"] for m in ended} == {"succeeded"}
        assert [m["result"]["stdout"] for m in ended] == [f"{i}\n" for i in range(20)]
        async with asyncio.timeout(30):
            while not isinstance(after := await submitted(world, "echo after"), str):
                await asyncio.sleep(0.5)
        [message] = await world.ends([after])
        assert message["result"]["stdout"] == "after\n"
