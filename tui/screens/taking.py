"""What is taken along from a screen: copied to the clipboard, or exported to a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from steward.config.keys import file_path
from steward.errors import StewardError
from tui import clipboard, kept
from tui.ink import Tone, cut, say
from tui.question import Question
from tui.stakes import Stake

if TYPE_CHECKING:
    from tui.screens.page import Page

SHOWN = 60
"""Characters of what was copied that its notice shows."""
Parts = AsyncIterator[tuple[bytes, str]]
"""An export in parts, each with a word on how far it is."""


def copy(page: Page, text: str, whole: int = 0) -> None:
    """To the terminal's clipboard and to a file: nobody can know whether the terminal took it.
    ``whole``: how many lines there are, if ``text`` may be only the first of them."""
    if text:
        page.attempt(partial(_copy, page, clipboard.tame(text), whole), "copy", exclusive=True)
    else:
        page.tell("There is nothing here to copy")


async def _copy(page: Page, text: str, whole: int) -> None:
    sent = clipboard.copy(page.app, text)
    lines = text.count("\n") + 1
    size = f"{lines:,} lines" if lines > 1 else cut(text, SHOWN)
    told = f"Copied {size}" if sent else f"{len(text):,} characters are too much for a terminal"
    if whole > lines:
        key = page.key("export")
        told = f"Only the first {lines:,} of {whole:,} lines ({key} writes all). {told}"
    if page.desk.folder is not None:
        content = text.encode("utf-8", "replace")
        path = await asyncio.to_thread(kept.write, page.desk.folder, kept.COPIED, content)
        told += f", and to {kept.short(path)}" if sent else f": they are in {kept.short(path)}"
    page.tell(told)


def export(page: Page, name: str) -> None:
    """Write what is shown to a file; without a name, ask for one."""
    suggested, _ = page.exported()
    if not suggested:
        page.tell("There is nothing here to export")
    elif not name:
        page.post_message(page.LineWanted(f"export {unused(suggested)}"))
    elif page.desk.progress:
        page.tell(f"Another export goes on: {page.desk.progress}", bad=True)
    else:
        page.attempt(partial(_export, page, name), "export", stays=True)


def unused(name: str) -> str:
    """``messages.jsonl``, or the first of ``messages-2.jsonl`` … that is not there yet."""
    stem, dot, suffix = name.partition(".")
    found, number = name, 1
    while os.path.lexists(found):
        number += 1
        found = f"{stem}-{number}{dot}{suffix}"
    return found


async def _export(page: Page, name: str) -> None:
    path = file_path(name)
    if path.is_dir():
        raise StewardError(f"{path} is a folder", "name a file in it")
    if path.exists() and not path.is_file():  # the new file would take a device's place
        raise StewardError(f"{path} is not a file", "name one, or one that isn't there yet")
    if os.path.lexists(path):
        there = (say("  It is there already, and would be replaced.", Tone.WARN),)
        if not await page.sure(Question(f"Overwrite {path}?", Stake.YES, 1, what=[there])):
            return
    desk = page.desk
    desk.progress = f"writing {path.name} …"
    try:
        written = await _write(page, path)
    finally:
        desk.progress = ""
    page.tell(f"Written: {path}, {written:,} bytes")


async def _write(page: Page, path: Path) -> int:
    """All of it or nothing: a file of another name until it is whole."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    written = 0
    try:
        file: BinaryIO = await asyncio.to_thread(fresh.open, "xb")
        try:
            with file:
                async for part, told in page.parts():
                    page.desk.progress = f"writing {path.name}: {told}" if told else ""
                    written += await asyncio.to_thread(file.write, part)
            os.replace(fresh, path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StewardError(f"{path} cannot be written: {error.strerror}") from None
    return written
