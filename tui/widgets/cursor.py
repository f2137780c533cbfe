"""The keys of a list: where its cursor goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tui.acting import Acting


class Cursor(Acting):
    """Of a widget with ``rows``, one of which is under the ``cursor``."""

    rows: Sequence[Any]
    cursor: int

    @property
    def current(self) -> Any:
        """The row under the cursor, None where there are none."""
        return self.rows[self.cursor] if self.rows else None

    @property
    def page(self) -> int:
        """Rows that the page keys go."""
        raise NotImplementedError

    def go(self, index: int) -> None:
        """Put the cursor on a row, and the row in sight."""
        raise NotImplementedError

    def do_move_down(self) -> None:
        self.go(self.cursor + 1)

    def do_move_up(self) -> None:
        self.go(self.cursor - 1)

    def do_move_first(self) -> None:
        self.go(0)

    def do_move_last(self) -> None:
        self.go(len(self.rows) - 1)

    def do_move_page_down(self) -> None:
        self.go(self.cursor + self.page)

    def do_move_page_up(self) -> None:
        self.go(self.cursor - self.page)
