"""``steward broker`` beside central with its keys, as a process, and ``steward broker config``."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node import broker_setup, certificates
from node.broker import free_port
from node.broker_config import Member, Tls, nodes_file
from node.certificates import make_ca
from steward.access import access
from steward.bus import Bus
from steward.errors import ConfigError, TrustError
from steward.key_files import (
    TrustFile,
    load_or_make,
    new_nkey,
    public_nkey,
    read_trust,
    write_trust,
)
from steward.signing import SigningKey
from steward.subjects import NodeName
from tests.conftest import WaitFor
from tests.integration.trusted import running, signed

CENTRAL, SHIP = NodeName("central"), NodeName("ship1")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Central's folder after ``steward keys init``, as far as the broker is concerned."""
    folder = tmp_path / "central"
    keys = load_or_make(folder)
    address = f"tls://localhost:{free_port()}"
    write_trust(
        folder,
        TrustFile(central=CENTRAL, key=keys.signing.public, brokers=(address,), joiner=""),
    )
    return folder


def trust(state: Path) -> TrustFile:
    found = read_trust(state)
    assert found is not None
    return found


@asynccontextmanager
async def started(*args: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "steward.cli", "broker", *args,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), 10)


async def ended(*args: str) -> tuple[int, str, str]:
    async with started(*args) as process:
        out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_it_runs_with_tls_and_follows_the_list_and_ends(
    state: Path, wait_for: WaitFor
) -> None:
    async with started("--state-dir", str(state)) as process:
        address = trust(state).brokers[0]
        await wait_for(lambda: trust(state).ca)
        known, seed = trust(state).ca, new_nkey()
        own = load_or_make(state)
        central = Bus(CENTRAL, address, access=access(own.broker_seed, known))
        ship = Bus(SHIP, address, access=access(seed, known))
        async with running(central), running(ship):
            await wait_for(lambda: central.connected)
            assert not ship.connected
            text = nodes_file(CENTRAL, [own.broker], [Member(SHIP, [public_nkey(seed)])])
            new = state / "broker" / "new"
            new.write_text(text)
            new.replace(state / "broker" / "nodes.conf")
            await wait_for(lambda: ship.connected, 20)
            assert central.reconnects == 0
            (state / "broker" / "nodes.conf").write_text(nodes_file(CENTRAL, [own.broker], []))
            await wait_for(lambda: not ship.connected, 20)
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert f"the broker answers at tls://127.0.0.1:{address.rpartition(':')[2]}" in err.decode()
    assert own.broker_seed not in err


async def test_config_writes_all_that_a_server_of_ones_own_needs(
    state: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    status, out, err = await ended(
        "config", "--state-dir", str(state), "--folder", str(folder), "--host", "broker.example",
        "--host", "192.0.2.7", "--port", "4333", "--listen", "127.0.0.1",
    )  # fmt: skip
    assert (status, out) == (0, f"{folder}/broker.conf\n"), err
    text = (folder / "broker.conf").read_text()
    for line in ("handshake_first: true", "port: 4333", 'host: "127.0.0.1"', 'include "nodes.conf"',
                 "timeout: 20", 'write_deadline: "60s"'):  # fmt: skip
        assert line in text
    for never in ("http", "jetstream", "monitor", "cluster", "leafnodes", "websocket"):
        assert never not in text.lower()
    assert "timeout: 30" in (folder / "nodes.conf").read_text()
    names = certificates.names_in(folder / "server.pem")
    assert {"broker.example", "192.0.2.7", "localhost", "127.0.0.1"} <= set(names)
    assert (folder / "server.key").stat().st_mode & 0o777 == 0o600
    secret = [load_or_make(state).broker_seed.decode(), "PRIVATE"]
    shown = text + (folder / "nodes.conf").read_text() + out + err
    assert not any(word in shown for word in secret)
    assert trust(state).ca == (state / "keys" / "ca.pem").read_text()


async def test_without_keys_it_says_what_that_means_and_config_refuses(tmp_path: Path) -> None:
    async with started("--port", "0", "--state-dir", str(tmp_path)) as process:
        assert process.stderr is not None
        first = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
    assert "anybody who reaches this broker can make the nodes do anything" in first
    status, _, err = await ended("config", "--state-dir", str(tmp_path))
    assert status != 0
    assert "steward keys init" in err
    status, _, err = await ended("config", "--state-dir", str(tmp_path), "--key", "x")
    assert status != 0


async def test_another_nodes_folder_is_no_place_for_the_broker(state: Path) -> None:
    write_trust(
        state, TrustFile(central=CENTRAL, key=SigningKey.generate().public, brokers=("tls://h",))
    )
    status, _, err = await ended("--state-dir", str(state))
    assert status != 0
    assert "is not central's, but of a node that trusts it" in err


def test_a_certificate_of_ones_own_is_tried_as_a_node_would(state: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    make_ca(mine)
    files = signed(mine, ["localhost", "broker.example"])

    def refused(why: str, *hosts: str, own: Tls = files, ca: Path = mine / "ca.pem") -> None:
        with pytest.raises((ConfigError, TrustError), match=why):
            broker_setup.write(state, trust(state), hosts=hosts, own=own, own_ca=ca)
        assert trust(state).ca == ""

    refused("not for other.example", "other.example")
    make_ca(tmp_path / "theirs")
    refused("a CA that is not trusted", ca=tmp_path / "theirs" / "ca.pem")
    theirs = signed(tmp_path / "theirs", ["localhost"])
    refused("is not the key of", own=Tls(files.certificate, theirs.key))
    refused("No such file", own=Tls(tmp_path / "none", files.key))
    refused("cannot be used", own=Tls(files.key, files.certificate))
    refused("No such file", ca=tmp_path / "none")
    refused("CA cannot be used", ca=files.key)
    refused("a CA that is not trusted", ca=broker_setup.SYSTEM)
    setup = broker_setup.write(
        state, trust(state), hosts=["broker.example"], own=files, own_ca=mine / "ca.pem"
    )
    assert setup.tls == files
    assert trust(state).ca == (mine / "ca.pem").read_text()
    assert not (state / "keys" / "ca.key").exists()
    again = broker_setup.ready(state, trust(state))
    assert again == setup
    make_ca(state / "keys")
    with pytest.raises(ConfigError, match="trust another CA"):
        broker_setup.write(state, trust(state))


def _shortened(days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "SERVER_DAYS", days)


@pytest.mark.parametrize(("days", "is_renewed"), [(0, True), (30, True), (400, False)])
def test_a_certificate_that_ends_soon_is_made_anew_for_the_same_names(
    state: Path, monkeypatch: pytest.MonkeyPatch, days: int, is_renewed: bool
) -> None:
    _shortened(days, monkeypatch)
    setup = broker_setup.write(state, trust(state), hosts=["broker.example"])
    monkeypatch.undo()
    before, names = setup.tls.certificate.read_bytes(), _names(setup)
    assert "broker.example" in names
    assert broker_setup.ready(state, trust(state)) == setup
    assert (setup.tls.certificate.read_bytes() != before) == is_renewed
    assert _names(setup) == names


def _names(setup: broker_setup.Setup) -> Sequence[str]:
    return certificates.names_in(setup.tls.certificate)


def test_a_configuration_that_was_changed_beyond_recognition_is_said(state: Path) -> None:
    setup = broker_setup.write(state, trust(state))
    file = setup.folder / "broker.conf"
    file.write_text(re.sub("port: .*", "listen: 4222", file.read_text()))
    with pytest.raises(ConfigError, match=r"broker.conf: .* as written"):
        broker_setup.ready(state, trust(state))


def test_the_local_ca_is_made_once_and_its_damage_is_said(tmp_path: Path) -> None:
    ca = make_ca(tmp_path / "keys")
    assert make_ca(tmp_path / "keys") == ca
    assert (tmp_path / "keys" / "ca.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "keys" / "ca.key").unlink()
    with pytest.raises(ConfigError, match=r"ca\.key: No such file"):
        make_ca(tmp_path / "keys")
    make_ca(tmp_path / "other")
    (tmp_path / "keys" / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    with pytest.raises(ConfigError, match="is not the key of"):
        make_ca(tmp_path / "keys")
