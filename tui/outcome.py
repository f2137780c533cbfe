"""PURE: what came out of a message, as sheets: its result, or so far what was seen of it live."""

from __future__ import annotations

import re
from collections.abc import Hashable

from tui import processes, rows, texts
from tui.ink import EMPTY, Line, Tone, fit, line, say, width, wrapped
from tui.keymap import Key
from tui.live import Live, Stream
from tui.rows import MessageRow
from tui.sheets import Document, Few, Sheet
from tui.story import heading
from tui.times import Clock, size
from tui.whole import Part, Whole

STREAMS = ("stdout", "stderr")
GAP = 2
LONGEST_NAME = 44


class Outcome:
    """One message's. What hasn't changed stays the same sheet."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._texts: dict[Hashable, tuple[bytes, int, Sheet]] = {}

    def sheets(
        self, row: MessageRow, live: Live | None, whole: Whole | None, clock: Clock, cells: int
    ) -> list[Sheet]:
        """Everything, from top to bottom, long lines folded to ``cells``."""
        if row.secret and row.command_or_event == "CommandACK":
            return [Few(tuple(wrapped(_secret(row), cells)))]
        if row.result is None:
            seen = [] if live is None else self._live(row, live, cells)
            return seen or [Few((_nothing(row),))]
        sheets: list[Sheet] = []
        table = _processes(row, clock, cells)
        if table:
            sheets.append(_headed(table))
        for stream in STREAMS[1:] if table else STREAMS:
            if sheets:
                sheets.append(Few((EMPTY,)))
            part = whole.parts.get(stream) if whole is not None else None
            sheets += self._stream(row, stream, part, cells)
        return sheets

    def _stream(self, row: MessageRow, stream: str, part: Part | None, cells: int) -> list[Sheet]:
        """One stream of the result: its heading, its text, marks where something is left out."""
        result = row.result or {}
        if part is not None and part.sheet is not None:
            head = self._fetched(stream, part, cells)
            return [_headed(head), part.sheet, *_marks(_lost(result, stream))]
        total, cut = _number(result, stream + "Size"), _number(result, stream + "Cut")
        raw = rows.output(result, stream)
        tail = rows.output(result, stream + "Tail") if cut else b""
        if not raw and not tail and not total:
            return [_headed([heading(stream, (say("empty", Tone.FAINT),), cells)])]
        words = [say(size(total or len(raw)), Tone.MUTED)]
        if cut and part is None:
            words.append(say(f" · {size(len(raw) + len(tail))} of it here · ", Tone.MUTED))
            words.append(say(f"{self._key('message.full')} fetches all", Tone.ACCENT))
        elif not cut and (digest := str(result.get(stream + "Sha256") or "")[:12]):
            words.append(say(f" · sha256 {digest}…", Tone.FAINT))
        head = [heading(stream, tuple(words), cells)]
        if part is not None:
            head = self._fetched(stream, part, cells)
        sheets: list[Sheet] = [_headed(head), self._text((stream, 0), raw, cells)]
        if cut:
            sheets += _marks(f"{size(cut)} left out here; they are kept on {row.to_node}")
            sheets.append(self._text((stream, 1), tail, cells))
        return [*sheets, *_marks(_lost(result, stream))]

    def _live(self, row: MessageRow, live: Live, cells: int) -> list[Sheet]:
        sheets: list[Sheet] = []
        for stream, seen in (("stdout", live.stdout), ("stderr", live.stderr)):
            if not seen.pieces:
                continue
            if sheets:
                sheets.append(Few((EMPTY,)))
            word = say("live", Tone.BUSY) if row.is_open else say("without a result", Tone.WARN)
            so_far = f" · {size(seen.end)} so far" if row.is_open else f" · {size(seen.end)} came"
            sheets.append(_headed([heading(stream, (word, say(so_far, Tone.MUTED)), cells)]))
            sheets += self._pieces(stream, seen, cells)
        return sheets

    def _pieces(self, stream: str, seen: Stream, cells: int) -> list[Sheet]:
        sheets: list[Sheet] = []
        end = 0
        for number, piece in enumerate(seen.pieces):
            if piece.start > end:
                sheets += _marks(f"… {size(piece.start - end)} not shown …")
            sheets.append(self._text((stream, "live", number), piece.content, cells))
            end = piece.end
        return sheets

    def _fetched(self, stream: str, part: Part, cells: int) -> list[Line]:
        """The heading of a stream that is fetched from its node, and what is in the way."""
        tone = Tone.MUTED
        if part.is_fetching:
            words: Line = (
                say("fetching ", Tone.BUSY),
                say(f"{_of(part.have, part.size)} · ", Tone.MUTED),
                say(f"{self._key('back')} stops", Tone.ACCENT),
            )
            tone = Tone.WARN
        elif part.sheet is None:
            words = (
                say(f"{_of(part.have, part.size)} fetched · ", Tone.MUTED),
                say(f"{self._key('message.full')} goes on", Tone.ACCENT),
            )
            tone = Tone.BAD
        else:
            verdict = say("whole", Tone.GOOD)
            if part.differs:
                verdict = say("not what was announced", Tone.BAD)
                tone = Tone.BAD
            elif part.digest:
                verdict = say(f"whole, sha256 {part.digest[:12]}… agrees", Tone.GOOD)
            words = (say(f"{size(part.size)} · ", Tone.MUTED), verdict)
        lines = [heading(stream, words, cells)]
        if part.fault:
            lines += wrapped((say(part.fault, tone),), cells)
        return lines

    def _text(self, key: Hashable, raw: bytes, cells: int) -> Sheet:
        kept = self._texts.get(key)
        if kept is None or kept[0] != raw or kept[1] != cells:
            kept = self._texts[key] = (raw, cells, texts.opened(raw, cells))
        return kept[2]


def lines(row: MessageRow, clock: Clock, cells: int) -> list[Line]:
    """What a result holds, made at once."""
    document = Document(Outcome(str).sheets(row, None, None, clock, cells))
    return [document.line(i) for i in range(document.rows)]


def exported(row: MessageRow, whole: Whole | None) -> tuple[str, bytes]:
    """The output for a file: a name, and the bytes as far as they are here. One stream as it was;
    both one after the other."""
    found: dict[str, bytes] = {}
    for stream in STREAMS:
        part = whole.parts.get(stream) if whole is not None else None
        raw = part.raw if part is not None else None
        if raw is None and row.result:
            raw = rows.output(row.result, stream)
            if cut := _number(row.result, stream + "Cut"):
                raw += f"\n… {cut:,} bytes that are not here …\n".encode()
                raw += rows.output(row.result, stream + "Tail")
        if raw:
            found[stream] = raw
    if len(found) == 1:
        ((stream, raw),) = found.items()
        return file_name(row, stream), raw
    if not found:
        return "", b""
    return file_name(row, "txt"), b"\n".join(
        f"── {stream} ──\n".encode() + raw for stream, raw in found.items()
    )


def file_name(row: MessageRow, suffix: str) -> str:
    """``message-0195943b….stdout``."""
    return f"message-{re.sub('[^A-Za-z0-9_-]', '_', row.id)}.{suffix}"


def _number(result: dict[str, object], key: str) -> int:
    value = result.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def _lost(result: dict[str, object], stream: str) -> str:
    lost = _number(result, stream + "Lost")
    return f"{size(lost)} were cut off by the runner: its limit is 128 MiB" if lost else ""


def _headed(found: list[Line]) -> Few:
    return Few(tuple(found), heads=True)


def _marks(text: str) -> list[Sheet]:
    if not text:
        return []
    words = text if text.startswith("…") else f"╌╌╌ {text} ╌╌╌"
    return [Few(((say(words, Tone.WARN),),))]


def _secret(row: MessageRow) -> Line:
    sizes = [(s, _number(row.result or {}, s + "Size")) for s in STREAMS]
    wrote = ", ".join(f"{size(count)} to {stream}" for stream, count in sizes if count)
    it = f"It wrote {wrote}. " if wrote else ""
    return (say(f"{it}What a secret message writes is not kept.", Tone.MUTED),)


def _nothing(row: MessageRow) -> Line:
    if row.command_or_event != "CommandACK":
        return (say("No output: this kind of message brings nothing back.", Tone.MUTED),)
    if not row.is_open:
        state = row.state.replace("_", " ")
        return (say(f"No output: the message is {state}.", Tone.MUTED),)
    if row.state == "running":
        return (say("No output yet: what it writes is shown here as it comes.", Tone.MUTED),)
    return (say("No output yet: it comes as soon as it runs.", Tone.MUTED),)


def _of(have: int, total: int) -> str:
    """``3.1 of 10.0 MiB``."""
    whole = size(total)
    unit = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}.get(whole.rsplit(" ", 1)[-1], 1)
    return f"{have / unit:.{0 if unit == 1 else 1}f} of {whole}"


def _processes(row: MessageRow, clock: Clock, cells: int) -> list[Line]:
    """The answer to ListProcesses as a table; empty if it is none."""
    if row.method != "ListProcesses" or row.state != "succeeded":
        return []
    found = processes.from_answer(row)
    if found is None:
        return []
    table = [processes.cells(one, clock) for one in found]
    longest = max((width(one["name"]) for one in table), default=4)
    room = max(min(longest, LONGEST_NAME, cells - 50), 12)
    columns = (
        ("state", "STATE", 12, False),
        ("name", "NAME", room, False),
        ("restarts", "RESTARTS", 8, True),
        ("queue", "QUEUE", 7, True),
    )
    head: list[Line] = [heading("processes", processes.summary(found), cells)]
    titles = {name: line(say(title, Tone.MUTED)) for name, title, _, _ in columns}
    titles["error"] = (say("LAST ERROR", Tone.MUTED),)
    for one in (titles, *table):
        spans: Line = tuple(
            span
            for name, _, wide, right in columns
            for span in (*fit(one[name], wide, right=right), say(" " * GAP))
        )
        if width(spans) + width(one["error"]) <= cells:
            head.append((*spans, *one["error"]))
            continue
        head.append(spans)
        inset = say(" " * (columns[0][2] + GAP))
        head += [(inset, *rest) for rest in wrapped(one["error"], cells - width((inset,)))]
    return head
