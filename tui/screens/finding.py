"""What is found by name from anywhere: actions, by palette or command line; nodes; messages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from steward.errors import UnknownId, nearest
from tui import commands
from tui.commands import Understood
from tui.registry import Action
from tui.screens.command import CommandLine
from tui.screens.page import Page
from tui.screens.palette import Palette

MOST = 50
"""Messages among which the daemon is asked to look for part of an id."""


def palette(page: Page) -> None:
    """Choose what to do from all that can be done."""

    def chosen(action: Action | None) -> None:
        if action is not None and action.lacks:
            command(page, f"{action.word} ")
        elif action is not None:
            page.perform(action)

    offered = commands.possible(page.place, read_only=page.desk.read_only)
    page.app.push_screen(Palette(offered, page.desk.keymap), chosen)


def command(page: Page, text: str = "") -> None:
    """Type what to do."""

    def done(found: Understood | None) -> None:
        if found is not None and found.action is not None:
            page.perform(found.action, found.argument)

    desk = page.desk
    asking = CommandLine(
        page.place, desk.keymap, page.values, desk.commands, read_only=desk.read_only
    )
    page.app.push_screen(asking.start(text), done)


def node(page: Page, name: str) -> None:
    """Go to a node; to all that have this in their names, if none is called so."""
    names = page.desk.board.nodes
    if name in names:
        page.post_message(page.Turned("nodes", "", name))
    elif any(name.casefold() in known.casefold() for known in names):
        page.post_message(page.Turned("nodes", f"name={name}"))
    else:
        hint = nearest(name, names) if names else ""
        page.tell(f"No node {name}" + (f": {hint}" if hint.startswith("did") else ""), bad=True)


def message(page: Page, part: str) -> None:
    """Open the message whose id is this, or begins or ends so."""
    page.attempt(partial(_message, page, part.strip("… ")))


async def _message(page: Page, part: str) -> None:
    ids = [row.id for row in page.desk.board.messages.rows]
    found = _alike(part, ids)
    if len(found) != 1:
        found = await _searched(page, part)
    if not found:
        raise UnknownId(f"no message's id is {part}, or begins or ends so", page.see("messages"))
    if len(found) > 1:
        raise UnknownId(f"{len(found)} messages' ids begin or end with {part}", "type more of it")
    page.post_message(page.MessageChosen(found[0]))


async def _searched(page: Page, part: str) -> list[str]:
    """The first that there are, however long the daemon has to look for them."""
    found: list[str] = []
    more: dict[str, str] = {}
    while len(found) < 2:
        answer = await page.desk.link.call("messages", text=part, limit=MOST, brief=True, **more)
        found += _alike(part, [str(one.get("id")) for one in answer["messages"]])
        if not (cursor := answer.get("cursor")):
            break
        more = {"cursor": cursor}
    return found


def _alike(part: str, ids: Sequence[str]) -> list[str]:
    if not part or part in ids:
        return [part] if part else []
    low = part.casefold()
    return [id for id in ids if id.casefold().startswith(low) or id.casefold().endswith(low)]
