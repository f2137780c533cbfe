"""What is written down beside messages and errors: the roster, files' offsets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from steward.handoff.state import Now
from steward.records_errors import ErrorRecords
from steward.subjects import NodeName

_MOST_IDENTITIES = 16


class Speaker(NamedTuple):
    """Which database, on which machine, spoke under a node's name."""

    store: str
    machine: str


class Seen(NamedTuple):
    """A node in the roster. Times are wall seconds, ``heard`` is steady; ``hello`` is what it said
    of itself last."""

    name: NodeName
    first_seen: float
    last_seen: float
    heard: float
    store: str
    start: str
    identities: tuple[Speaker, ...]
    hello: dict[str, Any]


class Records(ErrorRecords):
    """Roster and offsets; with errors and the journal's place."""

    # ---------------------------------------------------------------- roster

    def hello(
        self, name: NodeName, store: str, start: str, hello: msgspec.Struct, now: Now
    ) -> None:
        """What a node said of itself. ``hello`` has a ``machine_id``."""
        speaking = Speaker(store, getattr(hello, "machine_id", ""))
        history = [who for who in self.identities(name) if who != speaking]
        identities = msgspec.json.encode([*history, speaking][-_MOST_IDENTITIES:]).decode()
        said = (store, start, identities, msgspec.json.encode(hello))
        presence = (getattr(hello, "interval", 15.0), getattr(hello, "goodbye", False))
        self.con.execute(
            "INSERT INTO roster VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (name)"
            " DO UPDATE SET last_seen = ?2, heard = ?3, store = ?4, start = ?5, identities = ?6,"
            " hello = ?7, interval = ?8, goodbye = ?9",
            (name, now.wall, now.steady, *said, *presence),
        )
        self.shared.touched.nodes.add(name)

    def identities(self, name: NodeName) -> Sequence[Speaker]:
        """Who spoke under the name, each once, the latest last."""
        seen = self.seen(name)
        return () if seen is None else seen.identities

    def seen(self, name: NodeName) -> Seen | None:
        """One node of the roster."""
        found = self._seen("WHERE name = ?", name)
        return found[0] if found else None

    def roster(self, names: Collection[str] | None = None) -> list[Seen]:
        """Every node that ever said hello, by name; or those of ``names``."""
        if names is None:
            return self._seen("ORDER BY name")
        chosen = msgspec.json.encode(list(names)).decode()
        return self._seen("WHERE name IN (SELECT value FROM json_each(?)) ORDER BY name", chosen)

    def sightings(self) -> list[tuple[NodeName, float, float, bool]]:
        """For every node that ever said hello: name, steady time of the last one, the interval
        that it named, whether it was a goodbye."""
        sql = "SELECT name, heard, interval, goodbye FROM roster"
        return self.con.execute(sql).fetchall()

    def names(self) -> list[NodeName]:
        """Every node that ever said hello."""
        return [name for (name,) in self.con.execute("SELECT name FROM roster")]

    def hellos(self) -> list[tuple[NodeName, bytes]]:
        """What every node said of itself last, as JSON."""
        return self.con.execute("SELECT name, hello FROM roster").fetchall()

    def peers(self) -> list[NodeName]:
        """Every node that this one shares a stream with, in either direction."""
        rows = self.con.execute(
            "SELECT DISTINCT node FROM out_stream JOIN lane ON lane.key = lane"
            " UNION SELECT DISTINCT frm FROM in_stream"
        )
        return [name for (name,) in rows.fetchall()]

    def forget(self, name: NodeName) -> bool:
        """Drop a node from the roster; whether it was there."""
        self.shared.touched.nodes.add(name)
        return self.con.execute("DELETE FROM roster WHERE name = ?", (name,)).rowcount > 0

    def _seen(self, where: str, *args: Any) -> list[Seen]:
        rows = self.con.execute(
            "SELECT name, first_seen, last_seen, heard, store, start, identities, hello"
            f" FROM roster {where}",
            args,
        )
        return [
            Seen(
                *(name, first, last, heard, store, start),
                identities=tuple(Speaker(*who) for who in msgspec.json.decode(identities)),
                hello=msgspec.json.decode(hello),
            )
            for name, first, last, heard, store, start, identities, hello in rows
        ]

    # ---------------------------------------------------------------- files

    def append_offset(self, path: str) -> int:
        """How much of an append file was committed, as AppendFile puts it; 0 for a new one."""
        row = self.con.execute("SELECT offset FROM append_file WHERE path = ?", (path,)).fetchone()
        return 0 if row is None else int(row[0])

    def set_append_offset(self, path: str, offset: int) -> None:
        self.con.execute("INSERT OR REPLACE INTO append_file VALUES (?, ?)", (path, offset))

    def begin_files_anew(self) -> None:
        """This database is an older copy: what the files have beyond it is kept beside them."""
        self.con.execute("DELETE FROM append_file")

    def claims(self) -> Mapping[str, str]:
        """Claimed files that are being taken in, and the progress committed last of each."""
        return dict(self.con.execute("SELECT name, progress FROM claim").fetchall())

    def set_claim(self, name: str, progress: str) -> None:
        self.con.execute("INSERT OR REPLACE INTO claim VALUES (?, ?)", (name, progress))

    def drop_claim(self, name: str) -> None:
        self.con.execute("DELETE FROM claim WHERE name = ?", (name,))
