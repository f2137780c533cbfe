"""Names, globs, labels and groups as they are typed, turned into nodes by the daemon."""

from __future__ import annotations

from collections.abc import Iterable

from steward.cli.output import note
from steward.control.client import ControlClient
from steward.errors import NothingMatched, UsageError


async def resolved(client: ControlClient, words: Iterable[str], *, meaning: str = "") -> list[str]:
    """The nodes that ``words`` mean, each a list with commas. A literal name that was never seen
    counts, with a warning; ``meaning``: what follows of it. Raises NothingMatched for a pattern
    that selects no node."""
    targets = [part.strip() for word in words for part in word.split(",") if part.strip()]
    if not targets:
        raise UsageError("no node given", "names, 'ship*', env=prod, @group; commas between")
    answer = await client.call("resolve", targets=targets)
    if answer["nothing"]:
        raise NothingMatched(
            f"nothing matches {', '.join(answer['nothing'])}", "steward nodes ls shows the nodes"
        )
    for name in answer["unseen"]:
        note(f"warning: {name} was never seen here{meaning and '; '}{meaning}")
    return list(dict.fromkeys([*answer["nodes"], *answer["unseen"]]))
