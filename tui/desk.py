"""What every screen is handed: the board to draw, the link to ask, the clock, and shared notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tui.board import Board
from tui.draft import Draft
from tui.keymap import Keymap
from tui.link import Link
from tui.memory import Memory
from tui.times import Clock


@dataclass
class Desk:
    """One console's things. What was typed outlives its screen."""

    board: Board
    link: Link
    clock: Clock = field(default_factory=Clock)
    read_only: bool = False
    socket: str = ""
    keymap: Keymap = field(default_factory=Keymap)
    filters: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    """The row that a list is to go to when it is in front."""
    holding: dict[str, bool] = field(default_factory=dict)
    """Nodes that the daemon is being told to hold, or (False) to release."""
    commands: list[str] = field(default_factory=list)
    """What was done on the command line."""
    folder: Path | None = None
    """Where small things are kept for the operator; None: nowhere."""
    progress: str = ""
    """How far an export is."""
    memory: Memory = field(default_factory=Memory)
    where: Sequence[str] = ()
    """The flags with which a command line finds this daemon; none: it does so by itself."""

    @property
    def draft(self) -> Draft:
        """What is being composed."""
        return self.memory.draft

    @draft.setter
    def draft(self, draft: Draft) -> None:
        self.memory.draft = draft

    @property
    def linked(self) -> bool:
        """Whether the daemon has its broker, as far as is known."""
        status = self.board.status
        return status is None or status.broker.connected

    def node_state(self, name: str) -> str:
        """A node's state as far as it is known here; empty: not known."""
        row = self.board.nodes.get(name)
        return row.state if row else ""
