"""What ``steward messages follow`` prints: each byte once, and in the end all that is known."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.cli.live import Shown

WHOLE = bytes(range(200))


def result(whole: bytes, room: int) -> dict[str, object]:
    """As a node makes it: all, or head and tail."""
    if len(whole) <= room:
        return {"stdoutB64": _b64(whole), "stdoutCut": 0}
    head, tail = whole[: room - room // 2], whole[len(whole) - room // 2 :]
    cut = len(whole) - len(head) - len(tail)
    return {"stdoutB64": _b64(head), "stdoutTailB64": _b64(tail), "stdoutCut": cut}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def printed(pieces: list[tuple[int, int]], room: int) -> bytes:
    out: list[bytes] = []
    shown = Shown("stdout", lambda data, _last: out.append(data))
    for start, end in pieces:
        shown.piece(start, WHOLE[start:end])
    shown.end({"id": "x", "result": result(WHOLE, room)})
    return b"".join(out)


def test_without_gaps_it_is_the_output_byte_for_byte(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed([(0, 10), (10, 30)], 200) == WHOLE
    assert printed([], 200) == WHOLE
    assert capsys.readouterr().err == ""


def test_a_gap_is_said_and_filled_in_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed([(40, 60)], 200) == WHOLE[40:] + WHOLE[:40]
    assert capsys.readouterr().err.splitlines() == [
        "steward: 40 bytes of stdout left out here",
        "steward: stdout, bytes 0 to 39:",
    ]


def test_what_the_result_left_out_too_is_on_the_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed([(0, 60)], 40) == WHOLE[:60] + WHOLE[180:]
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "steward: 120 bytes of stdout left out; all: steward messages output x"


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60)), max_size=12),
    st.integers(0, 200),
)
def test_each_byte_is_printed_once_and_what_the_result_holds_in_any_case(
    places: list[tuple[int, int]], room: int
) -> None:
    pieces = [(start, min(200, start + size)) for start, size in places]
    out = printed(pieces, room)
    held = set(WHOLE[: room - room // 2] + WHOLE[200 - room // 2 :]) if room < 200 else set(WHOLE)
    assert len(set(out)) == len(out)
    assert held <= set(out)
