"""``steward demo --secure``: it shows what it says, it can fail, and it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from node import secure_attacks, secure_story
from node.intruder import Intruder, in_the_clear
from node.secure_world import HOST, secure_world
from node.voyage import Voyage, permits
from steward.errors import BusError
from steward.key_files import load_or_make, read_trust
from tests.integration.shell import Shell
from tests.integration.test_flotilla import processes_of

pytestmark = pytest.mark.timeout(180)


async def test_the_whole_story_holds_without_a_terminal_and_leaves_nothing(tmp_path: Path) -> None:
    process = await Shell(tmp_path).begin("demo", "--secure")
    out, err = await process.communicate()
    told = out.decode()
    assert process.returncode == 0, told + err.decode()
    assert "All promises held." in told
    assert "0 unauthorised starts" in told
    assert "BROKEN" not in told
    assert "Traceback" not in err.decode()
    folder = Path(told.splitlines()[0].rpartition(" ")[2])
    assert not folder.exists()
    assert processes_of(folder) == []


async def test_it_can_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A permit allows too much, and a stolen key is never revoked: so what starts nothing in the
    story is such that it could."""
    chapters = (secure_story.belonging, secure_story.permitted, secure_attacks.broker_taken)
    assert not await secure_story.tell(tmp_path, chapters, careless=True)
    told = capsys.readouterr().out
    broken = [line.split("BROKEN")[1].strip() for line in told.splitlines() if "✗ BROKEN" in line]
    assert broken == [
        "what no permit allows is refused, with the reason, and has not run",
        "doctor --explain names the entry that decides, and whose key it is",
        "nothing of it has started anything; but these did: ship1 forged, ship3 forged",
        "2 unauthorised starts",
        "what was ordered ran, once each",
    ]
    assert processes_of(tmp_path) == []


async def test_a_trusted_world_for_tests_comes_up_and_ends(tmp_path: Path) -> None:
    async with secure_world(tmp_path, permits(tmp_path), ("ship1",)) as here:
        done = await here.type("central", "send", "ship1", "--", str(tmp_path / "note"), "one")
        assert done.out == "noted: one\n"
        trust = read_trust(tmp_path / "ship1")
        assert trust is not None
        assert await in_the_clear(HOST, here.port) == b""
        with pytest.raises(BusError, match="Authorization"):
            async with Intruder(here.address, trust.ca):
                pytest.fail("the broker lets him in")
        async with Intruder(
            here.address, trust.ca, load_or_make(tmp_path / "ship1").broker_seed
        ) as ship:
            assert await ship.listen("ship1.>") == ""
            assert await ship.listen("central.>") != ""
            assert await ship.say("ship1.EventACK.Result", b"{}") == ""
            assert [(h.subject, h.payload) for h in ship.heard] == [
                ("ship1.EventACK.Result", b"{}")
            ]
    assert processes_of(tmp_path) == []


def test_a_ledger_tells_what_nobody_ordered_from_what_was_ordered_once(tmp_path: Path) -> None:
    tale = Voyage(tmp_path, {})
    tale._ordered = ["ship1 a", "ship1 b"]
    (tmp_path / "ledger").write_text("ship1 a\nship1 b\nship1 a\nship2 a\n")
    assert tale.strange() == ["ship1 a", "ship2 a"]
    tale.nothing_else_ran("nothing else")
    assert [held for held, _ in tale.held] == [False]


@pytest.mark.parametrize("flags", [("--console",), ("--nodes", "5")])
async def test_what_it_cannot_be_combined_with_is_refused_in_a_line(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    done = await Shell(tmp_path)("demo", "--secure", *flags)
    assert done.status == 2
    assert "--secure" in done.err
    assert "--nodes and --console" in done.err
    assert done.out == b""


async def test_without_cryptography_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfound = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'cryptography' else found(name, *more)\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "steward.cli", "demo", "--secure"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"},
    )
    out, err = await process.communicate()
    assert process.returncode == 7
    assert "pip install 'steward[broker]'" in err.decode()
    assert out == b""
