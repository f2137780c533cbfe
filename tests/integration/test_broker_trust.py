"""Whom the broker lets in, and what it lets each do: one with a key of its own tries all else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats.errors
import nkeys
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from node.broker import Broker, free_port
from node.broker_config import Member, Tls, configuration, nodes_file
from node.certificates import make_ca
from steward.access import Access, access
from steward.bus import Bus
from steward.errors import ConfigError, InvalidMessage
from steward.key_files import new_nkey, public_nkey
from steward.link import LAN, Endpoint, Link
from steward.mailbox import Incoming, NoResponders
from steward.subjects import NodeName, output
from tests.conftest import WaitFor
from tests.integration.trusted import running, signed

CENTRAL, SHIP, OTHER, BAD = (NodeName(n) for n in ("central", "ship1", "ship2", "shipX"))
SECONDS = 5.0


@dataclass
class Town:
    """A broker with TLS, central's and three nodes' keys, and the joiner's."""

    broker: Broker
    ca: str
    seeds: dict[str, bytes] = field(default_factory=dict)
    routes: dict[str, Sequence[str]] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"tls://127.0.0.1:{self.broker.port}"

    def access(self, who: str) -> Access:
        return access(self.seeds[who], self.ca)

    def bus(self, who: NodeName) -> Bus:
        return Bus(who, self.address, access=self.access(who))

    def write(self) -> None:
        """The list, as central writes it."""
        key = {name: public_nkey(seed) for name, seed in self.seeds.items()}
        members = [
            Member(name, [key[name]], self.routes.get(name, ()))
            for name in (SHIP, OTHER, BAD)
            if name not in self.revoked
        ]
        text = nodes_file(CENTRAL, [key[CENTRAL]], members, key["joiner"])
        (self.broker.folder / "nodes.conf").write_text(text)

    async def client(self, who: str, told: list[str] | None = None) -> Client:
        """Whoever holds that key, with no manners."""

        async def error(problem: Exception) -> None:
            if told is not None:
                told.append(str(problem))

        context = access(ca=self.ca).context()
        client = Client()
        link = await Link.open(Endpoint.parse(self.address), LAN, context)
        client._transport = link  # type: ignore[assignment]
        try:
            await client.connect(
                f"nats://127.0.0.1:{self.broker.port}",
                nkeys_seed_str=self.seeds[who].decode() if who else None,
                tls=context,
                allow_reconnect=False,
                error_cb=error,
            )
        except BaseException:
            link.close()
            raise
        return client


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    folder = tmp_path / "broker"
    ca = make_ca(folder)
    files = signed(folder, ["127.0.0.1", "localhost"])
    port = free_port()
    text = configuration(
        name="town", host="127.0.0.1", port=port, tls=Tls(*files), nodes="nodes.conf"
    )
    (folder / "broker.conf").write_text(text)
    broker = Broker(folder, port=port, written=True, tls=True)
    names = (CENTRAL, SHIP, OTHER, BAD, "joiner", "stranger")
    here = Town(broker, ca, {name: new_nkey() for name in names})
    here.write()
    async with broker:
        yield here


class Tries:
    """A raw client that tries what it may not."""

    def __init__(self, client: Client, told: list[str]) -> None:
        self.client = client
        self.heard: list[Msg] = []
        self._told = told

    async def is_refused(self, what: str) -> bool:
        """Whether the broker has said so of the last thing tried."""
        # Twice, as the client lets its ping overtake what was said right before.
        await self.client.flush()
        await self.client.flush()
        found = [line for line in self._told if what.lower() in line]
        self._told.clear()
        return any("permissions violation" in line for line in found)

    async def subscribe(self, subject: str, queue: str = "") -> bool:
        async def heard(msg: Msg) -> None:
            self.heard.append(msg)

        await self.client.subscribe(subject, queue=queue, cb=heard)
        return not await self.is_refused(f'subscription to "{subject}"')

    async def publish(self, subject: str, reply: str = "") -> bool:
        await self.client.publish(subject, b"x", reply)
        return not await self.is_refused(f'publish to "{subject}"')


@asynccontextmanager
async def trying(town: Town, who: str) -> AsyncIterator[Tries]:
    told: list[str] = []
    client = await town.client(who, told)
    try:
        yield Tries(client, told)
    finally:
        await client.close()


HEARD_BY_OTHERS = [
    ">", "*", "*.>", "*.*", "*.*.*", "*.*.*.*", "ship1.>", "ship1.*.*", "ship1.EventNACK.Loopback",
    "ship1.CommandACK.ShellCommand", "ship2.EventACK.*", "*.EventACK.Result", "*.CommandACK.>",
    "central.>", "central.*.*", "central.CommandACK.>", "central.EventNACK.SayHello",
    "central.EventNACK.Join", "*.EventNACK.Joined", 
    "_INBOX.>", "_INBOX.*", "_INBOX.*.*", "_INBOX.*.*.*", "_INBOX.central.>", "_INBOX.central.*",
    "_INBOX.ship1.*", "_INBOX.ship1.abc", "_INBOX.ship1.output.*", "_INBOX.*.output.*",
    "_JOIN.>", "_JOIN.*", "_JOIN.abc", "$SYS.>", "$SYS.REQ.USER.INFO",
    "$SYS.ACCOUNT.*.CONNECT", "$JS.>", "$JS.API.>", "$JS.EVENT.>", "$KV.>", "$G.>", "_R_.>",
    "$NRG.>", "_GR_.>", "$MQTT.>",
]  # fmt: skip
SAID_BY_OTHERS = [
    "ship1.EventNACK.Loopback", "ship1.CommandACK.ShellCommand", "ship1.CommandNACK.ShellCommand",
    "ship1.EventACK.TextLogging", "ship1.EventACK.Result", "ship1.EventNACK.SayHello",
    "ship1.EventACK.Trust", "ship1.EventNACK.Joined", "ship2.EventACK.Cancel",
    "shipX.more.than.three", "central.CommandACK.ShellCommand", "central.CommandNACK.ShellCommand",
    "central.CommandACK.ReadRun", "central", "central.x", "central.EventACK", "anything", "a.b.c",
    "_INBOX.ship1.abc", "_INBOX.ship1.output.abc", "_INBOX.ship2.abc", "_INBOX.central",
    "_INBOX.central.more.abc", "_INBOX.shipX.output.abc", "_JOIN.abc",
    "$SYS.REQ.USER.INFO", "$SYS.REQ.SERVER.PING", "$SYS.ACCOUNT.x.CONNECT", "$JS.API.INFO",
    "$JS.API.STREAM.CREATE.x", "$KV.a.b", "$JS.ACK.a", "_R_.a", "$MQTT.sub.a",
]  # fmt: skip


async def test_a_compromised_node_hears_nothing_that_is_not_for_it(town: Town) -> None:
    async with trying(town, BAD) as bad:
        for subject in HEARD_BY_OTHERS:
            assert not await bad.subscribe(subject), subject
            assert not await bad.subscribe(subject, queue="work"), subject
        async with running(town.bus(CENTRAL)) as central, running(town.bus(SHIP)) as ship:
            await _up(central, ship)
            assert await central.publish("ship1.CommandACK.ShellCommand", b"x", central.inbox)
            got = await asyncio.wait_for(ship.incoming.get(), SECONDS)
            assert await ship.publish(got.reply, b"receipt")
            await asyncio.wait_for(central.replies.get(), SECONDS)
            await bad.client.flush()
        assert bad.heard == []


async def test_a_compromised_node_says_nothing_in_anothers_place(
    town: Town, wait_for: WaitFor
) -> None:
    async with (
        running(town.bus(CENTRAL)) as central,
        running(town.bus(SHIP)) as ship,
        trying(town, BAD) as bad,
    ):
        await _up(central, ship)
        for subject in SAID_BY_OTHERS:
            assert not await bad.publish(subject), subject
            assert not await bad.publish(subject, "_INBOX.central.abc"), subject
        assert central.incoming.empty()
        assert central.replies.empty()
        assert ship.incoming.empty()
        assert ship.replies.empty()


@pytest.mark.parametrize(
    "headers",
    [
        {"Nats-Trace-Dest": "ship1.CommandACK.Evil"},
        {"Nats-Trace-Dest": "ship1.CommandACK.Evil", "Nats-Trace-Only": "true"},
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    ],
)
async def test_the_server_says_nothing_for_a_node_either(
    town: Town, headers: dict[str, str]
) -> None:
    async with (
        running(town.bus(CENTRAL)) as central,
        running(town.bus(SHIP)) as ship,
        trying(town, BAD) as bad,
    ):
        await _up(central, ship)
        await bad.client.publish("central.EventNACK.X", b"x", headers=headers)
        assert not await bad.publish("ship1.CommandACK.Evil", "ship1.CommandACK.Evil")
        assert not await bad.publish("nobody.EventACK.X", "ship1.CommandACK.Evil")
        assert await bad.publish("central.EventNACK.Y", "ship1.CommandACK.Evil")
        assert await _arrives(central, "ship1.EventACK.Last", ship), "and nothing before it"


async def test_what_a_node_may_do_it_can_do(town: Town) -> None:
    async with (
        running(town.bus(CENTRAL)) as central,
        running(town.bus(BAD)) as ship,
        trying(town, BAD) as raw,
    ):
        await _up(central, ship)
        for subject in ("central.EventNACK.SayHello", "central.EventACK.Result"):
            assert await ship.publish(subject, b"frame", ship.inbox)
            got = await asyncio.wait_for(central.incoming.get(), SECONDS)
            assert got == Incoming(subject, ship.inbox, b"frame")
            assert await central.publish(got.reply, b"receipt")
            told = await asyncio.wait_for(ship.replies.get(), SECONDS)
            assert told == Incoming(ship.inbox, "", b"receipt")
        assert await central.publish("shipX.CommandACK.ShellCommand", b"frame", central.inbox)
        got = await asyncio.wait_for(ship.incoming.get(), SECONDS)
        assert await ship.publish(got.reply, b"receipt")
        assert (await asyncio.wait_for(central.replies.get(), SECONDS)) == Incoming(
            central.inbox, "", b"receipt"
        )
        pieces: list[Incoming] = []
        live = output(CENTRAL, "t0ken")
        nobody = "_INBOX.shipX.t1"
        assert await ship.publish(live, b"piece", nobody)
        assert await asyncio.wait_for(ship.replies.get(), SECONDS) == NoResponders(live, nobody)
        await central.interests.add(live, pieces.append)
        async with asyncio.timeout(SECONDS):
            while not pieces:
                await ship.publish(live, b"piece", nobody)
                await asyncio.sleep(0.02)
        assert await ship.publish("shipX.CommandACK.ShellCommand", b"to me")
        assert (await asyncio.wait_for(ship.incoming.get(), SECONDS)).payload == b"to me"
        for subject in ("shipX.>", "shipX.*.*", "_INBOX.shipX.>", "_INBOX.shipX.output.*"):
            assert await raw.subscribe(subject), subject


async def test_central_cannot_be_read_from_either_and_says_nothing_to_the_server_itself(
    town: Town,
) -> None:
    async with trying(town, CENTRAL) as central:
        for subject in ("ship1.*.*", ">", "_INBOX.>", "$SYS.>", "$JS.>"):
            assert not await central.subscribe(subject), subject
        for subject in ("$SYS.REQ.USER.INFO", "$JS.API.INFO", "a", "a.b", "_JOIN.a", "a.b.c.d"):
            assert not await central.publish(subject), subject


async def test_a_route_opens_what_it_needs_in_both_directions_and_no_more(town: Town) -> None:
    town.routes = {SHIP: [OTHER], OTHER: [CENTRAL]}
    town.write()
    town.broker.reload()
    async with running(town.bus(SHIP)) as ship, running(town.bus(OTHER)) as other:
        await _up(ship, other)
        assert await _arrives(ship, "ship2.CommandACK.ShellCommand", other)
        assert await other.publish(ship.inbox, b"receipt")
        assert await asyncio.wait_for(ship.replies.get(), SECONDS)
        assert await _arrives(other, "ship1.EventACK.Result", ship)
        assert await _arrives(other, "ship1.EventNACK.Running", ship)
    async with trying(town, OTHER) as raw:
        assert await raw.publish("central.CommandACK.ShellCommand")
        assert not await raw.publish("ship1.CommandACK.ShellCommand")
        assert not await raw.publish("ship1.EventACK.TextLogging")
        assert not await raw.subscribe("ship1.*.*")
    async with trying(town, BAD) as raw:
        assert not await raw.publish("ship2.CommandACK.ShellCommand")


@pytest.mark.parametrize("who", ["", "stranger"])
async def test_nobody_gets_in_without_a_key_that_is_listed(town: Town, who: str) -> None:
    with pytest.raises(nats.errors.Error, match="Authorization Violation"):
        await town.client(who)


async def test_a_key_that_is_not_known_yet_is_told_once_and_tried_for_ever(
    town: Town, wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    town.revoked = {BAD}
    town.write()
    town.broker.reload()
    await _turned_out(town, BAD)
    bus = town.bus(BAD)
    bus.settings = bus.settings.__class__(
        ping=1, patience=5, unacknowledged=5, retry_first=0.05, retry_most=0.1
    )
    async with running(bus):
        await wait_for(lambda: "does not know this node's key, not yet" in bus.last_error)
        assert public_nkey(town.seeds[BAD]) in bus.last_error
        await asyncio.sleep(0.5)
        assert len([r for r in caplog.records if "no link" in r.message]) == 1
        town.revoked = set()
        town.write()
        town.broker.reload()
        await wait_for(lambda: bus.connected)
    assert town.seeds[BAD].decode() not in caplog.text


async def test_the_joiner_can_ask_and_hear_and_nothing_else(town: Town) -> None:
    async with running(town.bus(CENTRAL)) as central, running(town.bus(SHIP)) as ship:
        joining = Bus(
            NodeName("ship9"), town.address, access=town.access("joiner"), joining_to=CENTRAL
        )
        async with running(joining):
            async with asyncio.timeout(SECONDS):
                while not joining.rtt:
                    await asyncio.sleep(0.01)
            await _up(central, ship)
            assert await joining.publish("central.EventNACK.Join", b"who I am")
            got = await asyncio.wait_for(central.incoming.get(), SECONDS)
            assert got.payload == b"who I am"
            assert await central.publish("ship9.EventNACK.Joined", b"welcome")
            told = await asyncio.wait_for(joining.incoming.get(), SECONDS)
            assert told.payload == b"welcome"
        async with trying(town, "joiner") as raw:
            for subject in HEARD_BY_OTHERS:
                if subject not in ("*.EventNACK.Joined", "_JOIN.>", "_JOIN.*", "_JOIN.abc"):
                    assert not await raw.subscribe(subject), subject
            for subject in [*SAID_BY_OTHERS, "central.EventNACK.SayHello", "central.EventACK.Join"]:
                if subject != "_JOIN.abc":
                    assert not await raw.publish(subject), subject
            assert await central.publish("ship1.CommandACK.X", b"x", central.inbox)
            await asyncio.wait_for(ship.incoming.get(), SECONDS)
            await raw.client.flush()
            assert raw.heard == []


async def test_whose_key_is_taken_away_is_turned_out_and_the_others_stay(
    town: Town, wait_for: WaitFor
) -> None:
    lost: list[str] = []
    async with running(town.bus(CENTRAL)) as central, running(town.bus(SHIP)) as ship:
        await _up(central, ship)
        bad = await town.client(BAD, lost)
        town.revoked = {BAD}
        town.write()
        town.broker.reload()
        await wait_for(lambda: bad.is_closed or not bad.is_connected, 5)
        with pytest.raises(nats.errors.Error, match="Authorization Violation"):
            await town.client(BAD)
        assert await _arrives(central, "ship1.CommandACK.X", ship)
        assert (central.reconnects, ship.reconnects) == (0, 0)
        with suppress(nats.errors.Error):
            await bad.close()


async def test_a_list_that_is_broken_changes_nothing(town: Town, wait_for: WaitFor) -> None:
    async with running(town.bus(CENTRAL)) as central:
        await _up(central)
        (town.broker.folder / "nodes.conf").write_text("authorization { users: [ {")
        town.broker.reload()
        await wait_for(lambda: "ailed to reload" in town.broker.log.read_text())
        client = await town.client(SHIP)
        await client.close()
        assert central.reconnects == 0


async def test_a_new_certificate_is_shown_after_a_reload(town: Town, wait_for: WaitFor) -> None:
    signed(town.broker.folder, ["127.0.0.1", "localhost", "new.example"])

    async def shown() -> bool:
        town.broker.reload()
        reader, writer = await asyncio.open_connection(
            "localhost", town.broker.port, ssl=access(ca=town.ca).context()
        )
        writer.transport.abort()
        del reader
        names: Any = writer.get_extra_info("peercert")["subjectAltName"]
        return ("DNS", "new.example") in names

    await wait_for(shown)


KEYS = [public_nkey(new_nkey()) for _ in range(4)]


def test_a_key_that_is_another_ones_lets_nobody_in_and_keeps_no_other_out() -> None:
    members = [
        Member("a", ["U" + "A" * 54 + "!", KEYS[0]]),
        Member("b", [KEYS[1], KEYS[2]]),
        Member("c", [KEYS[2]]),
        Member("d", ["}\n{ user: evil }"]),
    ]
    text = nodes_file("central", [KEYS[0]], members, KEYS[3])
    assert "evil" not in text
    found = re.findall(r"\{ # (.*)\n\s+nkey: (\S+)", text)
    assert found == [
        ("central", KEYS[0]), ("who joins", KEYS[3]), ("b", KEYS[1]), ("b", KEYS[2]),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["_INBOX", "_JOIN", "a.b", ">", "*", 'a"', "a b", "", "a\n"])
def test_a_name_that_would_open_more_than_a_nodes_own_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage):
        nodes_file("central", [KEYS[0]], [Member(name, [KEYS[1]])])
    with pytest.raises(InvalidMessage):
        nodes_file(name, [KEYS[0]], [])


def test_central_is_no_node_beside_and_its_keys_are_its_own() -> None:
    with pytest.raises(ConfigError, match="a node too"):
        nodes_file("central", [KEYS[0]], [Member("central", [KEYS[1]])])
    with pytest.raises(ConfigError, match="no public nkey"):
        nodes_file("central", [new_nkey().decode()], [])
    with pytest.raises(ConfigError, match="no public nkey"):
        nodes_file("central", [KEYS[0]], [], KEYS[0])
    assert nkeys.from_seed(bytearray(new_nkey())).public_key.decode()[0] == "U"


async def _up(*buses: Bus) -> None:
    async with asyncio.timeout(SECONDS):
        while not all(bus.connected for bus in buses):
            await asyncio.sleep(0.01)


async def _arrives(frm: Bus, subject: str, to: Bus) -> bool:
    assert await frm.publish(subject, b"frame", frm.inbox)
    return (await asyncio.wait_for(to.incoming.get(), SECONDS)).subject == subject


async def _turned_out(town: Town, who: str) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await (await town.client(who)).close()
            except (nats.errors.Error, OSError):
                return
            await asyncio.sleep(0.05)
