"""Bytes become rows that are made when they are looked at: whole, safe, and soon."""

from __future__ import annotations

import os
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.console.test_hostile import FORBIDDEN
from tui import search, texts
from tui.ink import Tone, plain, say, width
from tui.search import Found
from tui.sheets import Document, Few, fold
from tui.texts import BLOCK, LONG, Dump, Text

MIB = 1024 * 1024


def shown(text: Text | Dump) -> list[str]:
    return [plain(text.line(row)) for row in range(text.rows)]


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\nb\r\n", ["a", "", "b"]),
        (b"10%\r50%\r100%\ndone", ["10%␍", "50%␍", "100%", "done"]),
        (b"a\tb\n", ["a       b"]),
        ("grüße ".encode() + "grüße".encode("latin-1"), ["grüße grüße"]),
        (b"\x1b[31mred\x07", ["␛[31mred␇"]),
    ],
)
def test_a_text_is_shown_line_by_line(raw: bytes, rows: list[str]) -> None:
    assert shown(Text(raw)) == rows


def test_a_long_line_is_folded_and_no_character_is_torn() -> None:
    raw = ("é" * 3000 + "\nshort\n").encode()
    found = Text(raw, 80)
    rows = shown(found)
    assert rows[-1] == "short"
    assert "".join(row.removesuffix("↩") for row in rows[:-1]) == "é" * 3000
    assert all(row.endswith("↩") for row in rows[:-2])
    assert found.cells <= 80


@given(st.binary(max_size=300), st.integers(1, 9))
def test_no_byte_is_lost_or_dangerous_and_no_row_wider_than_told(raw: bytes, times: int) -> None:
    raw *= times
    found = Text(raw, 60)
    rows = [found.line(row) for row in range(found.rows)]
    assert all(width(row) <= found.cells for row in rows)
    assert not any(FORBIDDEN.search(plain(row)) for row in rows)
    ends = raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
    if len(raw) < LONG:
        assert found.rows == ends + (raw[-1:] not in (b"", b"\n", b"\r"))
    starts = [found.offset_of(row) for row in range(found.rows)]
    assert starts == sorted(set(starts))
    assert [found.row_at(start) for start in starts] == list(range(found.rows))


def test_blocks_end_where_lines_do() -> None:
    line = b"x" * 99 + b"\n"
    raw = line * (3 * BLOCK // 100)
    assert shown(Text(raw)) == ["x" * 99] * (3 * BLOCK // 100)
    crlf = (b"y" * (BLOCK - 2) + b"\r\n") * 2
    assert Text(crlf, LONG + 1).rows == 2 * (-(-(BLOCK - 2) // LONG))


def test_what_is_no_text_is_a_hex_dump() -> None:
    found = texts.opened(b"\x00\x01\xff" * 20, 80)
    assert isinstance(found, Dump)
    assert shown(found)[1].startswith("00000000  00 01 ff 00")
    assert isinstance(texts.opened(b"\x1b[1mbold\x1b[0m\r\n", 80), Text)
    assert isinstance(texts.opened(random.Random(1).randbytes(9000), 80), Dump)


def found_in(raw: bytes, typed: str, row: int = 0) -> tuple[Document, Found]:
    document = Document([Few(((say("head Needle"),),)), Text(raw, 80), Dump(raw)])
    return document, search.first(document, typed, row)


def test_a_search_goes_round_and_counts() -> None:
    raw = b"hay needle hay\nNEEDLE\n" + b"hay\n" * 50 + b"needle\n"
    document, found = found_in(raw, "needle")
    places = []
    for _ in range(8):
        places.append((found.rank, found.total, found.row))
        found = search.step(document, found, 1)
    assert places[0] == (1, 7, 0)
    assert places[1] == (2, 7, 1)
    assert [rank for rank, _, _ in places] == [1, 2, 3, 4, 5, 6, 7, 1]
    back = search.step(document, search.first(document, "needle", 0), -1)
    assert back.rank == 7
    assert search.first(document, "nothing", 0).total == 0
    assert search.first(document, "needle", 2).rank == 3


def test_a_search_knows_capitals_beyond_ascii() -> None:
    _, found = found_in("größe ÄRGER Ärger\n".encode() * 3, "ärger")
    assert found.total == 6  # a dump has bytes, not letters
    assert fold("İx".encode()) == "İx".encode()


@pytest.mark.parametrize("typed", ["needle", "n", "ärger", "le\tx", "zz"])
def test_what_is_found_is_marked_wherever_it_is(typed: str) -> None:
    raw = ("a needle\tÄrger needle\tx " * 90 + "\n").encode()
    document = Document([Text(raw, 80)])
    found = search.first(document, typed, 0)
    hits = marked = 0
    for row in range(document.rows):
        spans = document.line(row, found.needle, (found.sheet, found.offset))
        assert plain(spans) == plain(document.line(row))
        hits += sum(span.tone is Tone.HIT for span in spans)
        marked += sum(len(span.text) for span in spans if span.tone in (Tone.HIT, Tone.FOUND))
    assert hits in ((1, 2) if found.total else (0,))
    if typed == "needle":
        assert marked == found.total * len(typed)


def test_a_hit_in_lines_and_in_a_dump_is_marked() -> None:
    document, found = found_in(b"\x00needle\x00", "needle")
    first = document.line(0, found.needle, (found.sheet, found.offset))
    assert [span.text for span in first if span.tone is Tone.HIT] == ["Needle"]
    found = search.step(document, search.step(document, found, 1), 1)
    row = document.line(found.row, found.needle, (found.sheet, found.offset))
    assert "".join(span.text for span in row if span.tone is Tone.HIT).endswith("needle")


LARGE = {
    "a log": b"2026-03-14 11:59:40 ship1 engine: all is well, 36 degrees\n" * 180_000,
    "1,000,000 lines": b"line 123\n" * 1_000_000,
    "one line": b'{"name": "value", "n": 17},' * 380_000,
    "progress": b"\r 17 % done" * 900_000,
    "wide": ("日本語\tテキスト │ ─────\n" * 220_000).encode(),
    "no text": os.urandom(10 * MIB),
}


@pytest.mark.parametrize("what", LARGE)
def test_ten_megabytes_open_and_are_searched_soon(what: str) -> None:
    raw = LARGE[what]
    spent = []
    for _ in range(3):  # the best of three: the caches of the processor are shared
        began = time.process_time()
        found = texts.opened(raw, 100)
        opened = time.process_time()
        for row in range(found.rows // 2, found.rows // 2 + 48):
            found.line(row)
        drawn = time.process_time()
        document = Document([found])
        search.step(document, search.first(document, "7", 0), 1)
        spent.append((opened - began, drawn - opened, time.process_time() - drawn))
    best = [min(times) for times in zip(*spent, strict=True)]
    assert best[0] < 0.4, "opened"
    assert best[1] < 0.05, "a screen of it drawn"
    assert best[2] < 0.4, "searched"
