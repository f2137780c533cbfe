"""Who is who in the lab: keys, and what central has said of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from steward import statements
from steward.config import Permit, Settings
from steward.config.settings import Limits
from steward.handoff.state import Now
from steward.key_files import TrustFile, load_or_make, new_nkey, public_nkey, write_trust
from steward.records_trust import Introduction
from steward.signing import SigningKey
from steward.statements import Certificate, Revocation, Statement
from steward.store import Store, Tables
from steward.subjects import NodeName

CENTRAL: Final = NodeName("central")
SHIP1, SHIP2, SHIP3 = NodeName("ship1"), NodeName("ship2"), NodeName("ship3")
REVOKED, PENDING, REFUSED, STRANGER = (
    NodeName("ship4"), NodeName("ship5"), NodeName("ship6"), NodeName("ship7"),
)  # fmt: skip
FLEET: Final = (CENTRAL, SHIP1, SHIP2, SHIP3)
HELLO: Final = 2.0

ONE_METHOD: Final = Permit(
    frm=(SHIP3,), methods=("ShellCommand",), arguments=(("true",), ("sleep", "*"))
)
"""What ship3 may do at ship1."""
STALE: Final = Permit(frm=(REVOKED, PENDING, REFUSED, STRANGER), methods=("*",))
"""Nobody has cleaned up: of these, the keys alone keep them out."""
FROM_CENTRAL: Final = Permit(frm=(CENTRAL,), methods=("*",))


@dataclass
class Papers:
    """All keys of the lab. ``anchor``: central's first key, which was stolen, changed and revoked;
    ``root``: the one that it has now."""

    anchor: SigningKey = field(default_factory=SigningKey.generate)
    keys: dict[NodeName, SigningKey] = field(default_factory=dict)
    broker_keys: dict[NodeName, bytes] = field(default_factory=dict)
    old: SigningKey = field(default_factory=SigningKey.generate)
    """Of ship3, before it had another one."""
    signed: list[tuple[Statement, bytes]] = field(default_factory=list)
    """What every node of the fleet knows."""

    @property
    def root(self) -> SigningKey:
        return self.keys[CENTRAL]

    def certificate(
        self,
        name: NodeName,
        key: SigningKey,
        serial: int = 1,
        by: SigningKey | None = None,
    ) -> bytes:
        """``by``: another issuer than central's key of now."""
        broker = public_nkey(self.broker_keys[name]) if name in self.broker_keys else ""
        said = Certificate(name, key.public, broker, serial, 1_700_000_000.0)
        return statements.issue(said, by or self.root)

    def of(self, name: NodeName, serial: int = 1) -> bytes:
        """What was said of a node."""
        for statement, signed in self.signed:
            if (
                isinstance(statement, Certificate)
                and (statement.name, statement.serial) == (name, serial)
            ):  # fmt: skip
                return signed
        raise LookupError(name)


def make_papers(folder: Path) -> Papers:
    """Keys in the state folder of each node of the fleet, which trusts central's first key."""
    papers = Papers()
    for name in FLEET:
        made = load_or_make(folder / name)
        papers.keys[name], papers.broker_keys[name] = made.signing, made.broker_seed
        write_trust(folder / name, TrustFile(central=CENTRAL, key=papers.anchor.public))
    for name in (REVOKED, PENDING, REFUSED, STRANGER):
        papers.keys[name], papers.broker_keys[name] = SigningKey.generate(), new_nkey()
    said = [papers.certificate(CENTRAL, papers.root, by=papers.anchor)]
    said += [papers.certificate(name, papers.keys[name]) for name in (SHIP1, SHIP2, REVOKED)]
    said += [
        papers.certificate(SHIP3, papers.old),
        papers.certificate(SHIP3, papers.keys[SHIP3], 2),
    ]
    ended = ((CENTRAL, 0), (SHIP3, 1), (REVOKED, 1))
    said += [statements.issue(Revocation(name, upto), papers.root) for name, upto in ended]
    for signed in said:
        by = papers.anchor if statements.issuer(signed) == papers.anchor.id else papers.root
        papers.signed.append((statements.read(signed, by.public), signed))
    return papers


def settings_of(name: NodeName, folder: Path, address: str) -> Settings:
    """Default deny, but for what ``STALE`` and ``ONE_METHOD`` say."""
    permits = {CENTRAL: (STALE,), SHIP1: (STALE, ONE_METHOD, FROM_CENTRAL)}
    return Settings(
        node=name,
        state_dir=folder / name,
        broker_address=address,
        prom_host_and_port=None,
        hello_interval=HELLO,
        central_error_logger=name == CENTRAL,
        limits=Limits(ballast_bytes=0),
        permits=permits.get(name, (STALE, FROM_CENTRAL)),
    )


async def acquaint(papers: Papers, name: NodeName, state_dir: Path) -> None:
    """Put into a node's store what it would have learned."""
    store = await Store.open(state_dir, name, ballast=0)
    try:
        now = store.clock.now()
        await store.write(lambda t: _learn(papers, t, name, now))
    finally:
        await store.close()


def _learn(papers: Papers, tables: Tables, name: NodeName, now: Now) -> None:
    for statement, signed in papers.signed:
        tables.trust.keep(statement, signed, now)
    if name != CENTRAL:
        return
    for who, state in ((PENDING, "pending"), (REFUSED, "refused")):
        public = papers.keys[who].public
        broker = public_nkey(papers.broker_keys[who])
        tables.trust.introduce(
            Introduction(who, public, broker, "pending", "{}", now.wall, now.wall)
        )
        if state == "refused":
            tables.trust.refuse(who, public)
