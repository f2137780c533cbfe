"""What a node has learned of keys, and, at central, who wants to be accepted: rows of the store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from steward.handoff.state import Now
from steward.ledger import Shared
from steward.statements import Certificate, Revocation, Statement
from steward.subjects import NodeName

REGRESSES: Final = 900.0
"""Seconds by which a sender's steady time may be behind after its crash: it is committed with
whatever its store commits."""
MOST_STARTS: Final = 16
FIRST_WITHIN: Final = 3600.0
"""Seconds by which the clocks may differ when a store says its first word of a sort."""
MOST_SPOKEN: Final = 128
"""Rows of one name: each of its stores, each method."""
MOST_INTRODUCTIONS: Final = 1000
LATELY: Final = 300.0
"""Seconds: who waits says so at least each minute."""


_starts = msgspec.json.Decoder(list[str])


class Introduction(NamedTuple):
    """A node that has introduced itself to central. ``state``: pending, refused. Wall times."""

    name: NodeName
    key: bytes
    broker: str
    state: str
    facts: str
    first_at: float
    last_at: float


class Retirement(NamedTuple):
    """A key of ``name`` that was replaced, with its public nkey; it ends at the wall time
    ``due``."""

    name: NodeName
    serial: int
    broker: str
    due: float


class TrustRecords:
    """``tables.trust``."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.con = shared.con

    # ---------------------------------------------------------------- whether there are keys

    def is_trusting(self) -> bool:
        """Whether this store has ever been used with keys: then it never is without."""
        return bool(self.con.execute("SELECT trusting FROM meta").fetchone()[0])

    def begin_trusting(self, now: Now) -> None:
        self.con.execute("UPDATE meta SET trusting = ? WHERE trusting = 0", (max(1.0, now.wall),))

    def _since(self) -> float:
        """Wall time at which this store's first life with keys began, or its last renewal."""
        return float(self.con.execute("SELECT trusting FROM meta").fetchone()[0])

    # ---------------------------------------------------------------- statements

    def keep(self, statement: Statement, signed: bytes, now: Now) -> None:
        """Remember what was learned."""
        is_certificate = isinstance(statement, Certificate)
        kind = "certificate" if is_certificate else "revocation"
        serial = statement.serial if isinstance(statement, Certificate) else statement.upto
        self.con.execute(
            "INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?, ?)",
            (statement.name, kind, serial, signed, now.wall),
        )
        if not is_certificate:
            self.con.execute(
                "DELETE FROM statement WHERE name = ? AND kind = 'revocation' AND serial < ?",
                (statement.name, self.upto(statement.name)),
            )
        self.shared.touched.nodes.add(statement.name)

    def statements(self, central: NodeName) -> list[bytes]:
        """All, in the order in which a keyring has to learn them: central's own keys as they came,
        the others', and what was ended: central's own last, as that ends what was said with it."""
        rows = self.con.execute(
            "SELECT signed FROM statement"
            " ORDER BY kind, (name = ?) = (kind = 'revocation'), name, serial",
            (central,),
        )
        return [signed for (signed,) in rows.fetchall()]

    def named(self) -> list[tuple[NodeName, float]]:
        """Everybody of whom something was said, with the wall time of the last word on a key."""
        sql = "SELECT name, max(learned_at) FROM statement GROUP BY name ORDER BY name"
        return self.con.execute(sql).fetchall()

    def statements_about(self, name: NodeName, central: NodeName) -> list[bytes]:
        """What somebody else needs to judge what ``name`` has signed: its keys, central's, and
        whatever was ended, in the same order."""
        rows = self.con.execute(
            "SELECT signed FROM statement WHERE name IN (?1, ?2) OR kind = 'revocation'"
            " ORDER BY kind, (name = ?2) = (kind = 'revocation'), name, serial",
            (name, central),
        )
        return [signed for (signed,) in rows.fetchall()]

    def revocations(self) -> list[bytes]:
        """Those that hold: one a name."""
        sql = "SELECT signed FROM statement WHERE kind = 'revocation' ORDER BY name"
        return [signed for (signed,) in self.con.execute(sql).fetchall()]

    def revocation_of(self, name: NodeName) -> list[bytes]:
        """One, or none."""
        sql = "SELECT signed FROM statement WHERE kind = 'revocation' AND name = ?"
        return [signed for (signed,) in self.con.execute(sql, (name,)).fetchall()]

    def ended(self) -> list[Revocation]:
        """The same, for central to say again."""
        sql = "SELECT name, serial FROM statement WHERE kind = 'revocation' ORDER BY name"
        return [Revocation(*row) for row in self.con.execute(sql).fetchall()]

    def upto(self, name: NodeName) -> int:
        """The highest serial of the name that was revoked; -1: none."""
        sql = "SELECT max(serial) FROM statement WHERE kind = 'revocation' AND name = ?"
        highest = self.con.execute(sql, (name,)).fetchone()[0]
        return -1 if highest is None else int(highest)

    def known_revocations(self) -> int:
        """A number that grows with each revocation that is learned, for two nodes to compare."""
        sql = "SELECT coalesce(sum(serial + 1), 0) FROM statement WHERE kind = 'revocation'"
        return int(self.con.execute(sql).fetchone()[0])

    def highest_serial(self, name: NodeName) -> int:
        """Of all that was ever said of the name; 0: nothing was."""
        sql = "SELECT coalesce(max(serial), 0) FROM statement WHERE name = ?"
        return int(self.con.execute(sql, (name,)).fetchone()[0])

    # ---------------------------------------------------------------- who wants to be accepted

    def introduce(self, new: Introduction) -> bool:
        """Note who wants to be accepted; a decision that was made stays, unless its place is
        needed. False: there are too many, and it is not one of them."""
        known = self.con.execute(
            "UPDATE introduction SET last_at = ?, facts = ?, broker = ? WHERE name = ? AND key = ?",
            (new.last_at, new.facts, new.broker, new.name, new.key),
        )
        if not known.rowcount:
            count = self.con.execute("SELECT count(*) FROM introduction").fetchone()[0]
            if count >= MOST_INTRODUCTIONS and not self._make_place(new.last_at - LATELY):
                return False
            self.con.execute("INSERT INTO introduction VALUES (?, ?, ?, ?, ?, ?, ?)", new)
        self.shared.touched.nodes.add(new.name)
        return True

    def _make_place(self, lately: float) -> bool:
        """Forget who was heard last before that wall time, first who was refused, first who was
        heard the longest ago; or else one that was refused. Whether there was one."""
        forgotten = self.con.execute(
            "DELETE FROM introduction WHERE (name, key) IN (SELECT name, key FROM introduction"
            " WHERE last_at < ?1 OR state = 'refused'"
            " ORDER BY last_at >= ?1, state <> 'refused', last_at LIMIT 1)",
            (lately,),
        )
        return forgotten.rowcount > 0

    def introductions(self, name: NodeName | None = None) -> list[Introduction]:
        """Of one name or of all, the earliest first."""
        rows = self.con.execute(
            "SELECT name, key, broker, state, facts, first_at, last_at FROM introduction"
            " WHERE ?1 IS NULL OR name = ?1 ORDER BY first_at, name, key",
            (name,),
        )
        return [Introduction(*row) for row in rows.fetchall()]

    def refuse(self, name: NodeName, key: bytes) -> None:
        sql = "UPDATE introduction SET state = 'refused' WHERE name = ? AND key = ?"
        self.con.execute(sql, (name, key))
        self.shared.touched.nodes.add(name)

    def end_introduction(self, name: NodeName, key: bytes) -> None:
        self.con.execute("DELETE FROM introduction WHERE name = ? AND key = ?", (name, key))

    def open_until(self) -> float:
        """Wall time until which nodes that are not known may introduce themselves."""
        return float(self.con.execute("SELECT open_until FROM meta").fetchone()[0])

    def open_for(self, until: float) -> None:
        """Until then at least."""
        self.con.execute("UPDATE meta SET open_until = max(open_until, ?)", (until,))

    # ---------------------------------------------------------------- keys that were replaced

    def retire(self, old: Retirement) -> None:
        self.con.execute("INSERT OR REPLACE INTO retirement VALUES (?, ?, ?, ?)", old)

    def retirements(self) -> list[Retirement]:
        """The next to end first."""
        rows = self.con.execute("SELECT name, serial, broker, due FROM retirement ORDER BY due")
        return [Retirement(*row) for row in rows.fetchall()]

    def end_retirement(self, name: NodeName, upto: int) -> None:
        """What was due up to that serial is done."""
        self.con.execute("DELETE FROM retirement WHERE name = ? AND serial <= ?", (name, upto))

    def forget_certificates(self, name: NodeName, below: int) -> None:
        """Those with a lower serial. Never central's: who was away needs each of them."""
        self.con.execute(
            "DELETE FROM statement WHERE name = ? AND kind = 'certificate' AND serial < ?",
            (name, below),
        )

    # ---------------------------------------------------------------- who may send to whom

    def set_routes(self, name: NodeName, towards: Iterable[NodeName]) -> None:
        """``name`` may send to central, and to these."""
        self.con.execute("DELETE FROM route WHERE name = ?", (name,))
        self.con.executemany(
            "INSERT INTO route VALUES (?, ?)", [(name, to) for to in dict.fromkeys(towards)]
        )

    def routes(self) -> dict[NodeName, list[NodeName]]:
        """By sender."""
        found: dict[NodeName, list[NodeName]] = {}
        for name, to in self.con.execute("SELECT name, towards FROM route ORDER BY name, towards"):
            found.setdefault(name, []).append(to)
        return found

    # ---------------------------------------------------------------- repetitions

    def is_news(
        self,
        frm: NodeName,
        store: str,
        said: str,
        start: str,
        steady: float,
        age: float,
        now: Now,
    ) -> bool:
        """Whether something outside every stream, ``said`` (kind and method) at ``steady`` of its
        sender's, has not been said before: what was captured once would otherwise be good for
        ever. Noted, if it is. ``age``: seconds since then by both wall clocks, which decides where
        nothing is remembered: this store may be newer than what was captured. The first word of a
        start is none that is older than this store, or than its renewal: an earlier life of it may
        have heard it."""
        who = (frm, store, said)
        row = self.con.execute(
            "SELECT steady, starts FROM spoken WHERE frm = ? AND store = ? AND said = ?", who
        ).fetchone()
        if row is None and abs(age) > FIRST_WITHIN:
            return False
        highest, starts = (steady, []) if row is None else (row[0], _starts.decode(row[1]))
        if start not in starts and age > now.wall - self._since():
            return False
        if starts and start == starts[-1]:
            if steady <= highest:
                return False
        elif start in starts or steady < highest - REGRESSES:
            return False
        else:
            starts.append(start)
        kept = msgspec.json.encode(starts[-MOST_STARTS:]).decode()
        values = (*who, steady, kept)
        self.con.execute("INSERT OR REPLACE INTO spoken VALUES (?, ?, ?, ?, ?)", values)
        if row is None:
            self.con.execute(
                "DELETE FROM spoken WHERE frm = ?1 AND (store, said) IN (SELECT store, said"
                " FROM spoken WHERE frm = ?1 ORDER BY steady DESC LIMIT -1 OFFSET ?2)",
                (frm, MOST_SPOKEN),
            )
        return True
