"""The board: what was heard is folded into what is known."""

from __future__ import annotations

from tests.console.world import message, node
from tui import events, rows
from tui.board import Board
from tui.held import Part
from tui.wants import Query


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


def test_an_opened_message_is_brought_up_to_date_in_the_list_too() -> None:
    board = Board()
    one, other = (rows.read(rows.MessageRow, message(n, "ship1", "queued", ["x"])) for n in (1, 2))
    board.fold(events.MessagesRead(Query(), Part((one, other))))
    fresh = rows.read(rows.MessageRow, message(2, "ship1", "succeeded", ["x"]))
    board.fold(events.MessageRead(fresh))
    assert [row.state for row in board.messages.rows] == ["queued", "succeeded"]
    assert fresh.result
    assert "stdout" in fresh.result
    assert "stdout" not in (board.messages.rows[1].result or {})


def test_the_roster_comes_in_pages_each_in_the_place_of_those_it_names() -> None:
    board = Board()
    a, b, c, d = (rows.read(rows.NodeRow, node(name)) for name in "abcd")
    board.fold(events.NodesRead((a, b), None, "", "b"))
    assert (list(board.nodes), board.nodes_read) == (["a", "b"], False)
    board.fold(events.NodesRead((c, d), None, "b", None))
    assert (list(board.nodes), board.nodes_read) == (["a", "b", "c", "d"], True)
    board.fold(events.NodesRead((b,), None, "", "b"))
    board.fold(events.NodesRead((), None, "c", None))
    assert sorted(board.nodes) == ["b", "c"]


def test_the_daemon_counts_as_lost_since_the_first_failure() -> None:
    board = Board()
    board.fold(events.Lost(10.0, "gone", "start it"))
    board.fold(events.Lost(14.0, "still gone", "start it"))
    assert (board.connected, board.lost, board.lost_reason) == (False, 10.0, "still gone")
    board.fold(events.Connected())
    assert (board.connected, board.lost) == (True, None)
