"""The doors of a daemon as other users of the machine find them. Needs root, to be them."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from node.checks import Level
from node.checks import folder as checks
from node.daemon import Daemon
from steward.config import load
from steward.control.client import ControlClient
from steward.errors import ConfigError
from tests.conftest import WaitFor
from tests.fault.fleet import Fleet, fleet

OPERATOR, STRANGER, OWNER = "games", "mail", "daemon"
"""Users that every Linux has, each with a group of its own name."""
GROUP: Final = "games"
TREE = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user can reach: pytest's own are root's alone."""
    with tempfile.TemporaryDirectory(prefix="doors-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
async def world(folder: Path) -> AsyncIterator[Fleet]:
    async with fleet(folder) as here:
        await here.start("central", "--socket-group", GROUP)
        yield here


def as_user(name: str, *groups: str) -> dict[str, Any]:
    """How subprocess becomes a user, who is a member of ``groups`` besides."""
    user = pwd.getpwnam(name)
    gids = [pwd.getpwnam(group).pw_gid for group in groups]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": gids}


def shell(script: str, name: str, *groups: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=False, cwd="/",
        **as_user(name, *groups),
    )  # fmt: skip


def become(name: str, *groups: str) -> str:
    """Python that becomes the user: root's interpreter may lie where nobody else can start it."""
    user = as_user(name, *groups)
    return (
        f"import os; os.setgroups({user['extra_groups']}); "
        f"os.setgid({user['group']}); os.setuid({user['user']})\n"
    )


async def python(program: str, *flags: str) -> str:
    """What it prints and complains of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *flags, "-c", program, cwd="/",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return out.decode()


async def ask(state: Path, name: str, *groups: str) -> str:
    """What the control socket says to another user, or what he runs into."""
    program = (
        "import contextlib, socket\n"
        f"{become(name, *groups)}"
        "with socket.socket(socket.AF_UNIX) as it:\n"
        f"    it.connect({str(state / 'steward.sock')!r})\n"
        "    with contextlib.suppress(BrokenPipeError):\n"
        '        it.sendall(b\'{"jsonrpc": "2.0", "id": 1, "method": "status"}\\n\')\n'
        "    print(it.makefile().readline())\n"
    )
    return await python(program, "-I", "-S")


async def test_the_socket_lets_in_its_group_and_nobody_else(world: Fleet) -> None:
    state = world.folder / "central"
    assert '"result"' in await ask(state, OPERATOR)
    assert '"result"' in await ask(state, STRANGER, GROUP)
    assert "PermissionError" in await ask(state, STRANGER)


async def test_a_socket_whose_mode_was_lost_lets_in_nobody_else_either(world: Fleet) -> None:
    state = world.folder / "central"
    state.chmod(0o755)
    (state / "steward.sock").chmod(0o666)
    said = await ask(state, STRANGER)
    assert '"error"' in said
    assert f"{STRANGER} may not use" in said
    assert '"result"' in await ask(state, STRANGER, GROUP)
    assert f"{STRANGER} may not use" in (state / "log").read_text()


async def test_an_operator_is_named_in_what_he_sends(world: Fleet) -> None:
    state = world.folder / "central"
    user = pwd.getpwnam(OPERATOR)
    said = await python(
        f"import sys; sys.path.insert(0, {str(TREE)!r})\n"
        "import asyncio, steward.cli.send\n"
        "from steward.cli import main\n"
        f"{become(OPERATOR)}"
        f"sys.argv = ['steward', 'send', 'central', '--state-dir', {str(state)!r}, '--', 'env']\n"
        "main()\n"
    )
    assert f"STEWARD_OPERATOR={OPERATOR}\n" in said
    async with ControlClient(state) as client:
        [shown] = (await client.call("messages"))["messages"]
    assert (shown["operator"], shown["uid"]) == (OPERATOR, user.pw_uid)


async def test_the_group_may_append_to_the_file_and_the_file_is_the_daemons(
    world: Fleet, wait_for: WaitFor
) -> None:
    state = world.folder / "central"
    one = json.dumps([{**world.shell("central", "true"), "id": "from-the-file"}])
    file = state / "inmsg.txt"
    await wait_for(file.exists)
    assert shell(f"echo '{one}' >> {file}", STRANGER).returncode != 0
    done = shell(f"echo '{one}' >> {file}", OPERATOR)
    assert done.returncode == 0, done.stderr

    async def has_ended() -> bool:
        found = (await world.ask("messages", ids=["from-the-file"]))["messages"]
        return bool(found) and found[0]["state"] == "succeeded"

    await wait_for(has_ended)
    assert (await world.show("from-the-file"))["operator"] == "root"
    assert shell(f"rm -f {file}; echo x > {state}/planted", OPERATOR).returncode != 0
    assert file.exists()
    for path in ("steward.db", "steward.db-wal", "messages.jsonl"):
        assert shell(f"cat {state / path}", OPERATOR).returncode != 0, path


async def test_a_file_of_another_owner_is_put_aside_unless_he_is_named(
    folder: Path, wait_for: WaitFor
) -> None:
    async with fleet(folder) as world:
        await world.start("central", "--intake-owners", OPERATOR)
        state = world.folder / "central"
        for name in (STRANGER, OPERATOR):
            mine = folder / name
            mine.write_text(json.dumps([{**world.shell("central", "true"), "id": name}]))
            os.chown(mine, pwd.getpwnam(name).pw_uid, -1)
            os.replace(mine, state / "inmsg.txt")
            where = "inmsg-*.refused" if name == STRANGER else "none"
            if name == STRANGER:
                await wait_for(lambda where=where: list((state / "rejected").glob(where)))  # type: ignore[misc]
        error = await world.error_about("mail")
        assert "who may not command this node" in error["text"]

        async def is_taken() -> bool:
            return bool((await world.ask("messages", ids=[OPERATOR]))["messages"])

        await wait_for(is_taken)
        assert (await world.show(OPERATOR))["operator"] == OPERATOR
        assert (await world.ask("messages", ids=[STRANGER]))["messages"] == []


@pytest.mark.parametrize(
    ("owner", "mode", "why"),
    [(OWNER, 0o700, f"belongs to {OWNER}"), ("root", 0o770, f"the group {GROUP} may write")],
)
async def test_a_folder_that_is_somebody_elses_is_not_used(
    folder: Path, owner: str, mode: int, why: str
) -> None:
    state = folder / "state"
    state.mkdir()
    os.chown(state, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(GROUP).pw_gid)
    state.chmod(mode)
    settings = load({"node": "n", "state-dir": str(state), "prom-host-and-port": "off"}, {})
    with pytest.raises(ConfigError, match=why):
        await Daemon(settings).run()
    assert list(state.iterdir()) == []
    found = [finding for finding in checks.place(state, 0) if finding.level is not Level.OK]
    assert any(why.split(" ", 1)[1] in finding.what for finding in found)
