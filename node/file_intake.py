"""``inmsg.txt`` and this node's store: messages and progress are committed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from node.submitting import judge_one
from steward.config import Settings
from steward.errors import StewardError
from steward.handoff.state import Now
from steward.message import Message, Operator
from steward.store import Store, Tables
from steward.subjects import Subject


class _SomeRefused(Exception):
    """Rolls the unit of work back."""

    def __init__(self, refused: dict[int, StewardError]) -> None:
        super().__init__()
        self.refused = refused


class FileIntake:
    """``IntakeStore``, and the check of each element."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        now: Callable[[], Now],
        wake: Callable[[Iterable[Subject]], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._now = now
        self._wake = wake

    def check(self, element: object, job: str | None, operator: Operator) -> Message:
        """Raises InvalidMessage."""
        return judge_one(element, self._settings.defaults, job, operator)

    async def claims(self) -> Mapping[str, str]:
        return await self._store.read(lambda t: t.records.claims())

    async def take(
        self, claim: str, progress: str, messages: Sequence[Message]
    ) -> Mapping[int, StewardError]:
        """All of them with the progress, or none. A full queue counts as never: one node's must
        not keep the file from all others, and ``rejected/`` keeps the message."""

        def take(tables: Tables) -> None:
            limit = self._settings.limits.queue
            answers = tables.outbox.submit(messages, None, self._now(), limit)
            refused = {i: a for i, a in enumerate(answers) if isinstance(a, StewardError)}
            if refused:
                raise _SomeRefused(refused)
            tables.records.set_claim(claim, progress)

        taken = self._store.queue(take)
        self._wake(dict.fromkeys(m.subject for m in messages))
        try:
            await taken
        except _SomeRefused as some:
            return some.refused
        return {}

    async def forget(self, claim: str) -> None:
        await self._store.write(lambda t: t.records.drop_claim(claim))
