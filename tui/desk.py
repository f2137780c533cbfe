"""What every screen is handed: the board to draw, the link to ask, the clock, and shared notes."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.board import Board
from tui.draft import Draft
from tui.link import Link
from tui.times import Clock


@dataclass
class Desk:
    """One console's things. What was typed outlives its screen."""

    board: Board
    link: Link
    clock: Clock = field(default_factory=Clock)
    read_only: bool = False
    socket: str = ""
    filters: dict[str, str] = field(default_factory=dict)
    draft: Draft = field(default_factory=Draft)
    sent: list[Draft] = field(default_factory=list)

    def node_state(self, name: str) -> str:
        """A node's state as far as it is known here; empty: not known."""
        row = self.board.nodes.get(name)
        return row.state if row else ""
