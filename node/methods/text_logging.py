"""TextLogging: append the data, as it is written, to one file a sender under ``textlogging/``."""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import EVENTS, Event, Method, Site, needs_data
from steward.append_file import AppendFile
from steward.folders import make_folder
from steward.message import Body
from steward.store import Tables


def check(body: Body) -> None:
    needs_data(body, "the lines to log, each with its own line end")


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    """The file is written and synced before the commit that moves its offset; what a lost commit
    left behind is cut off by the next append."""
    sender = events[0].arrival.frm
    name = f"textlogging/{sender}.log"
    folder = site.state_dir / "textlogging"
    offset = tables.records.append_offset(name)
    if offset == 0 or not folder.exists():
        make_folder(folder, 0o700)
    log = AppendFile(
        folder / f"{sender}.log", max_bytes=site.text_log_bytes, keep=site.text_log_files
    )
    data = "".join(line for event in events for line in event.body.data).encode()
    tables.records.set_append_offset(name, log.append(offset, data))


METHOD = Method(name="TextLogging", kinds=EVENTS, check=check, handle=handle)
