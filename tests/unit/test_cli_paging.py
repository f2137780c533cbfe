"""Lists on the command line: below a part of one stands how to go on."""

from __future__ import annotations

import pytest

from steward.cli import paging
from steward.cli.paging import Listed


def test_below_a_part_of_a_list_stands_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    paging.tell_more(Listed([], "5", 1234), "table")
    paging.tell_more(Listed([], "6", None), "table")  # with --text nobody counts them
    paging.tell_more(Listed([], "7", 1), "json")
    paging.tell_more(Listed([], None, 1), "table")
    assert capsys.readouterr().err.splitlines() == [
        "steward: 1,234 in all; more: --cursor 5, or a higher --limit",
        "steward: more: --cursor 6, or a higher --limit",
    ]
