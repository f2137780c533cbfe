"""An end's disk in the model test: its database, the runner's folder, and copies of both."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from steward import store_file
from steward.inbox import Command
from steward.ledger import Identity, Shared
from steward.subjects import NodeName
from steward.tables import Tables
from tests.property.model_runner import Run, Runner

if TYPE_CHECKING:
    from tests.property.model_town import Town


class Backup(NamedTuple):
    """A copy of a whole disk, the runner's folder included."""

    file: Path
    runs: dict[str, Run]
    works: int
    """How many events it has handled."""
    ids: frozenset[str]
    """Messages that messages.jsonl may have been told of."""


class ModelDisk:
    """What survives ``kill -9``."""

    runner: Runner
    reader: sqlite3.Connection

    def __init__(self, town: Town, name: str) -> None:
        self.town = self.world = town
        self.name = NodeName(name)
        self.folder = town.folder / name
        self.folder.mkdir()
        self.disks = 0
        """Counts its databases: another one was put in, or an older one put back."""
        self.backups: list[Backup] = []
        self.journal: list[bytes] = []
        self.journaled_before: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        return self.folder / "steward.db"

    def started_on_disk(self) -> list[Command]:
        """Of an end that may be down."""
        if not self.path.exists():
            return []
        con = store_file.connect_reader(self.path)
        try:
            return Tables(Shared(con, Identity(self.name, "", ""))).inbox.started_rows()
        finally:
            con.close()

    def back_up(self) -> None:
        file = self.folder / f"backup-{len(self.backups)}.db"
        copy = sqlite3.connect(file)
        self.reader.backup(copy)
        copy.close()
        runs = {key: dataclasses.replace(run) for key, run in self.runner.runs.items()}
        ids = frozenset(id for (id,) in self.reader.execute("SELECT id FROM message"))
        self.backups.append(
            Backup(file, runs, self.town.books.works_of(self.name, self.disks), ids)
        )

    def put_in(self, backup: Backup | None) -> None:
        """Another disk, empty or a copy of an earlier one, while the machine is off."""
        for file in self.folder.glob("steward.db*"):
            file.unlink()
        self.disks += 1
        self.runner.runs, self.journal, self.journaled_before = {}, [], frozenset()
        if backup is not None:
            shutil.copyfile(backup.file, self.path)
            self.journaled_before = backup.ids
            self.runner.runs = {k: dataclasses.replace(run) for k, run in backup.runs.items()}
            self.town.books.puts_back(self.name, self.disks, backup.works)
