"""``steward doctor`` and ``steward broker`` as programs, against a real broker and real stores."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from node.broker import Broker
from node.checks import folder, network
from steward.store import Store
from steward.subjects import NodeName
from tests.conftest import WaitFor


async def steward(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "steward.cli", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("STEWARD_")},
    )


async def ended(*words: str) -> tuple[int | None, str, str]:
    process = await steward(*words)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def report(*words: str) -> tuple[int | None, dict[str, Any]]:
    flags = ("--prom-host-and-port", "off", "-o", "json")
    status, out, err = await ended("doctor", *flags, *words)
    assert err == ""
    return status, json.loads(out)


async def test_nothing_is_wrong_where_a_broker_runs_and_a_folder_can_be_made(
    broker: Broker, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    status, found = await report("--state-dir", str(state), "--broker-address", broker.address)
    assert (status, found["wrong"]) == (0, 0), found
    assert any("NO KEYS" in one["what"] for one in found["findings"])
    assert not state.exists(), "a doctor changes nothing"


async def test_a_broker_that_is_away_is_wrong_and_says_how_to_start_one(
    tmp_path: Path, free_port: int
) -> None:
    status, found = await report(
        "--state-dir", str(tmp_path), "--broker-address", f"127.0.0.1:{free_port}"
    )
    wrong = [one for one in found["findings"] if one["level"] == "wrong"]
    assert status == 1
    assert [("steward broker" in one["remedy"]) for one in wrong] == [True], wrong


async def test_what_says_nothing_or_something_else_is_no_broker(free_port: int) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def other(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", free_port):
        assert "does not answer" in (await network.greet("127.0.0.1", free_port, 0.2)).problem
    async with await asyncio.start_server(other, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "not a NATS server" in (await network.greet("127.0.0.1", port)).problem


async def test_a_store_is_looked_at_and_another_nodes_is_wrong(
    broker: Broker, tmp_path: Path
) -> None:
    store = await Store.open(tmp_path / "state", NodeName("ship1"), min_free=0, ballast=0)
    try:
        assert folder.daemon_holds(tmp_path / "state") == os.getpid()
    finally:
        await store.close()
    assert folder.daemon_holds(tmp_path / "state") == 0
    flags = ("--state-dir", str(tmp_path / "state"), "--broker-address", broker.address)
    status, found = await report(*flags, "--node", "ship1")
    assert status == 0, found
    assert any("the store of the node ship1 is sound" in one["what"] for one in found["findings"])
    status, found = await report(*flags, "--node", "ship2")
    assert status == 1
    assert any("belongs to the node ship1" in one["what"] for one in found["findings"])


async def test_a_running_daemon_explains_what_it_does(tmp_path: Path, wait_for: WaitFor) -> None:
    config = tmp_path / "steward.toml"
    config.write_text('[[permit]]\nfrom = ["central"]\nmethods = ["ShellCommand"]\n')
    place = ("--state-dir", str(tmp_path / "state"))
    flags = ("--node", "ship1", "--config", str(config), "--prom-host-and-port", "off")
    node = await steward("node", *place, *flags)
    try:
        await wait_for(lambda: (tmp_path / "state" / "steward.sock").exists())
        for method, wanted in (("ErrorLog", 0), ("SayHello", 0), ("ShellCommand", 7)):
            status, out, _ = await ended("doctor", *place, "--explain", "ship7", method)
            assert (status, "by the daemon" in out) == (wanted, True), out
    finally:
        node.send_signal(signal.SIGTERM)
        await node.communicate()


async def test_explain_says_by_which_permit(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text('[[permit]]\nfrom = ["central"]\nmethods = ["ShellCommand"]\n')
    flags = ("doctor", "--state-dir", str(tmp_path), "--config", str(config), "--explain")
    status, out, _ = await ended(*flags, "central", "ShellCommand", "ls", "-l", "/")
    assert status == 0
    assert "allowed" in out
    assert "permit[1]" in out
    status, out, _ = await ended(*flags, "ship1", "ShellCommand", "ls")
    assert status == 7
    assert out.startswith("refused")
    status, out, _ = await ended(*flags, "ship1", "ShelCommand")
    assert status == 2


async def test_explain_says_as_whom_how_long_and_within_what(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text(
        '[[permit]]\nfrom = ["central"]\nmethods = ["ShellCommand"]\n'
        'arguments = [["df", "**"]]\nuser = "watch"\noperators = ["ann", "1000"]\n'
        'rate = "10/m"\nlongest = "90s"\nlimits = { files = 64 }\n'
    )
    flags = ("doctor", "--state-dir", str(tmp_path), "--config", str(config))
    asked = ("--explain", "central", "ShellCommand", "df", "-h")
    for operator in ("ann", "1000"):
        status, out, _ = await ended(*flags, "--operator", operator, *asked)
        assert status == 0
        for line in ("entry: permit[1]", "user: watch", "longest: 90 s", "limits: files 64"):
            assert line in " ".join(out.split())
        assert "10 left" in out
    status, out, _ = await ended(*flags, *asked)
    assert (status, "names no operator" in out) == (7, True)
    status, out, _ = await ended(*flags, "--operator", "ann", "-o", "json", *asked)
    assert json.loads(out)["rate"] == {"left": 10, "again": 0.0}
    assert (await ended(*flags, "--operator", "ann"))[0] == 2


async def test_a_broker_answers_until_it_is_told_to_stop(
    tmp_path: Path, free_port: int, wait_for: WaitFor
) -> None:
    process = await steward("broker", "--port", str(free_port), "--folder", str(tmp_path))

    async def answers() -> bool:
        return not (await network.greet("127.0.0.1", free_port)).problem

    await wait_for(answers)
    status, _, err = await ended("broker", "--port", str(free_port))
    assert status == 1
    assert "listens on" in err
    assert "--port" in err
    process.send_signal(signal.SIGTERM)
    _, told = await process.communicate()
    assert process.returncode == 0, told.decode()
    assert not await answers()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_a_broker_leaves_nothing_behind(
    number: signal.Signals, free_port: int, wait_for: WaitFor
) -> None:
    process = await steward("broker", "--port", str(free_port))
    assert process.stderr is not None
    while b"the broker answers" not in await process.stderr.readline():
        pass
    process.send_signal(number)
    await process.communicate()
    assert process.returncode == 0
    assert (await network.greet("127.0.0.1", free_port)).problem


async def test_a_broker_on_a_port_of_another_program_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        status, _, err = await ended("broker", "--port", str(server.getsockname()[1]))
    assert status == 1
    assert "another program" in err
