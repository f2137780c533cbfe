"""What the secure demo's chapters share: the world, what was ordered, and what has run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from node.secure_world import SHIPS, SecureWorld, within
from node.story import Story
from steward.key_files import TrustFile, read_trust

FORGED: Final = "forged"
"""What every forged order would write into the ledger."""
CARELESS: Final = """
# Somebody was in a hurry.
[[permit]]
from = ["*"]
methods = ["*"]
"""


def note(folder: Path) -> Path:
    """The program that ships may run: it writes its ship and its word into the ledger."""
    program = folder / "note"
    if not program.exists():
        script = f'#!/bin/sh\necho "$STEWARD_NODE $1" >> {_ledger(folder)}\necho "noted: $1"\n'
        program.write_text(script)
        program.chmod(0o755)
    return program


def _ledger(folder: Path) -> Path:
    return folder / "ledger"


def permits(folder: Path, careless: bool = False) -> dict[str, str]:
    """What each ship allows, by its name. ``careless``: ship1 everything, too."""
    allowed = (
        "# Who may do what on this ship; what no entry allows is refused.\n"
        f'[[permit]]\nfrom = ["central", "ship2"]\nmethods = ["ShellCommand"]\n'
        f'arguments = [["{note(folder)}", "*"]]\nlongest = "1m"\n'
    )
    return {ship: allowed + (CARELESS if careless and ship == "ship1" else "") for ship in SHIPS}


class Voyage(Story):
    """``allowed``: what each ship permits; see ``permits``."""

    def __init__(self, folder: Path, allowed: Mapping[str, str]) -> None:
        self.here = SecureWorld(folder, allowed, self._typed)
        super().__init__(self.here.ask)
        self.folder = folder
        self.note = str(note(folder))
        self.fingerprints: dict[str, str] = {}
        self.tried = 0
        """Letters of the intruder's."""
        self._ordered: list[str] = []
        _ledger(folder).touch()

    def _typed(self, where: str, words: Sequence[str]) -> None:
        self.say(f"  {where}$ steward {' '.join(words)}".replace(f"{self.folder}/", ""))

    @property
    def trust(self) -> TrustFile:
        """What everybody has who has had a token in his hands."""
        found = read_trust(self.folder / "central")
        assert found is not None
        return found

    async def order(self, ship: str, word: str, **more: Any) -> str:
        """A true order to write this word; its id."""
        self._ordered.append(f"{ship} {word}")
        return await self.send(ship, self.note, word, name=f"{ship}: note {word}", **more)

    async def obeyed(self, *ids: str, quietly: bool = False) -> bool:
        """Whether all of them succeed."""
        ended = await self.follow(ids, quietly=quietly)
        return all(m["state"] == "succeeded" for m in ended)

    def ran(self) -> list[str]:
        """The ledger's lines."""
        return _ledger(self.folder).read_text().splitlines()

    def strange(self) -> list[str]:
        """Lines of the ledger that no order explains, or that one order explains only once."""
        ran = Counter(self.ran())
        return sorted((ran - Counter(self._ordered)).elements())

    def nothing_else_ran(self, text: str) -> None:
        """Promise it, as the ledger has it."""
        strange = self.strange()
        found = f"; but these did: {', '.join(strange)}" if strange else ""
        self.promise(not strange, text + found)

    async def tell_ledger(self) -> None:
        """The last promise of all."""
        self.chapter("The ledger: every program that ran on a ship has written itself down")
        ran, ordered = self.ran(), self._ordered
        self.say(f"{len(ordered)} true orders, {self.tried} letters of intruders, {len(ran)} runs")
        strange = self.strange()
        for line in strange:
            self.say(f"  nobody has ordered: {line}")
        self.promise(not strange, f"{len(strange)} unauthorised starts")
        self.promise(sorted(ran) == sorted(ordered), "what was ordered ran, once each")

    async def holding(self, where: str, name: str) -> list[str]:
        """The fingerprints of this name's keys that hold, as the node ``where`` sees it."""
        found = (await self.here.ask("keys", where=where, names=[name]))["keys"]
        return [key["fingerprint"] for key in found if key["state"] != "revoked"]

    async def errors(self, code: str, *nodes: str) -> dict[str, str]:
        """What central's error log has under this code of each of these nodes, the latest, as soon
        as it has something of all of them, or the time is up."""
        found: dict[str, str] = {}

        async def has_all() -> bool:
            for error in reversed((await self.ask("errors"))["errors"]):
                if error["code"] == code and error["node"] in nodes:
                    found[error["node"]] = error["text"]
            return set(nodes) <= found.keys()

        await within(has_all, 15.0)
        return found
