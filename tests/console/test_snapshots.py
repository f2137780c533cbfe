"""Every screen, small and wide, looks as it did: ``pytest --snapshot-update`` after a look."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.console.fake import FakeDaemon
from tests.console.jobs_world import jobs_fleet
from tests.console.still import screen
from tests.console.well import well
from tests.console.world import fleet, joining
from tui.app import Console


class Svg(SingleFileSnapshotExtension):
    """One file a picture."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


SCENES: dict[str, Sequence[str]] = {
    "nodes": (),
    "nodes-filtered": ("slash", "'state=offline", "enter", "a"),
    "messages": ("2",),
    "message": ("2", "enter"),
    "compose": ("c", "'df -h /"),
    "compose-many": ("3", "'ship*", "enter", "'uname -sr", "f2"),
    "confirm": ("H",),
    "errors": ("4",),
    "jobs": ("5",),
    "job": ("5", "enter"),
    "job-diff": ("5", "down", "enter", "down", "d"),
    "health": ("6",),
    "pending-hint": (),
    "pending": ("7",),
    "pending-accept": ("7", "down", "a"),
    "pending-conflict": ("7", "a"),
    "help": ("question_mark",),
    "palette": ("ctrl+p", "'ho"),
    "command": ("colon", "'filter"),
}


def world(scene: str) -> FakeDaemon:
    """What the screen is a screen of."""
    if scene.startswith("job"):
        return jobs_fleet()
    daemon = joining() if scene.startswith("pending") else fleet()
    daemon.health = well()
    return daemon


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("scene", SCENES)
async def test_a_screen_looks_as_it_did(
    scene: str, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    daemon = world(scene)
    app = Console(daemon.connect, clock=daemon.clock, socket="/run/s.sock")
    assert await screen(app, size, SCENES[scene]) == snapshot(extension_class=Svg)


@pytest.mark.parametrize("place", ["1", "2", "4", "5", "6", "7"])
async def test_an_empty_screen_teaches(place: str, snapshot: SnapshotAssertion) -> None:
    daemon = FakeDaemon()
    app = Console(daemon.connect, clock=daemon.clock, socket="/run/s.sock")
    assert await screen(app, (80, 24), (place,)) == snapshot(extension_class=Svg)
