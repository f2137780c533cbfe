"""The board: what was heard is folded into what is known."""

from __future__ import annotations

from typing import Any

from tests.console.world import message, node
from tui import events, rows
from tui.board import MOST_ROWS, Board
from tui.wants import Query


def messages(*numbers: int) -> tuple[rows.MessageRow, ...]:
    return tuple(
        rows.read(rows.MessageRow, message(n, "ship1", "succeeded", ["uptime"])) for n in numbers
    )


def page(board: Board, *numbers: int, cursor: str | None, first: bool = True, **more: Any) -> None:
    query = more.get("query", Query())
    board.fold(events.MessagesRead(query, messages(*numbers), cursor=cursor, total=99, first=first))


def held(board: Board) -> list[int]:
    return [int(row.id.split("-")[-1], 16) for row in board.messages.rows]


def test_changed_nodes_replace_their_rows_and_a_complete_roster_drops_the_rest() -> None:
    board = Board()
    ship1, ship2 = (rows.read(rows.NodeRow, node(name)) for name in ("ship1", "ship2"))
    board.fold(events.NodesRead((ship1, ship2), None))
    gone = rows.read(rows.NodeRow, node("ship2", "offline"))
    board.fold(events.NodesRead((gone,), frozenset({gone.name})))
    assert {name: row.state for name, row in board.nodes.items()} == {
        "ship1": "online",
        "ship2": "offline",
    }
    board.fold(events.NodesRead((ship1,), None))
    assert list(board.nodes) == ["ship1"]


def test_a_next_page_goes_behind_and_brings_nothing_twice() -> None:
    board = Board()
    page(board, 1, 2, 3, cursor="3")
    page(board, 3, 4, 5, cursor="5", first=False)
    assert held(board) == [1, 2, 3, 4, 5]
    assert board.messages.cursor == "5"


def test_a_first_page_read_again_keeps_the_older_rows_and_their_cursor() -> None:
    board = Board()
    page(board, 2, 3, 4, cursor="4")
    page(board, 5, 6, cursor="6", first=False)
    page(board, 0, 1, 2, cursor="2")
    assert held(board) == [0, 1, 2, 3, 4, 5, 6]
    assert board.messages.cursor == "6"


def test_a_first_page_that_does_not_join_up_stands_alone() -> None:
    board = Board()
    page(board, 100, 101, cursor="101")
    page(board, 0, 1, cursor="1")
    assert held(board) == [0, 1]
    assert board.messages.cursor == "1"


def test_another_query_starts_anew_and_a_late_page_of_the_old_one_is_dropped() -> None:
    board = Board()
    page(board, 1, 2, cursor="2")
    page(board, 7, cursor=None, query=Query.of(text="x"))
    page(board, 3, 4, cursor="4", first=False)
    assert held(board) == [7]


def test_it_lets_old_pages_go_instead_of_growing_for_ever() -> None:
    board = Board()
    page(board, *range(MOST_ROWS + 200), cursor="z")
    page(board, *range(200), cursor="200")
    assert len(board.messages.rows) == 200


def test_an_opened_message_is_brought_up_to_date_in_the_list_too() -> None:
    board = Board()
    page(board, 1, 2, cursor=None)
    fresh = rows.read(rows.MessageRow, message(2, "ship1", "running", ["uptime"]))
    board.fold(events.MessageRead(fresh))
    assert [row.state for row in board.messages.rows] == ["succeeded", "running"]


def test_the_daemon_counts_as_lost_since_the_first_failure() -> None:
    board = Board()
    board.fold(events.Lost(10.0, "gone", "start it"))
    board.fold(events.Lost(14.0, "still gone", "start it"))
    assert (board.connected, board.lost, board.lost_reason) == (False, 10.0, "still gone")
    board.fold(events.Connected())
    assert (board.connected, board.lost) == (True, None)
