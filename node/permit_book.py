"""The permits in force: as the configuration said when it was last read without an error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

from node.answers import body_of
from node.methods import permitted_to_all, registry
from node.permits import Decision, Grant, Permits
from node.rates import Rates
from steward import permit_table, subjects
from steward.config import Permit, Settings
from steward.config.load import permits_and_groups
from steward.errors import ConfigError, Refused
from steward.handoff.state import Arrival, Now
from steward.inbox import Command
from steward.message import Body, MessageId
from steward.permit_rules import Request
from steward.signing import fingerprint
from steward.subjects import NodeName
from steward.supervisor import Process, ProcessState
from steward.trust import Trust

log = logging.getLogger(__name__)


class Report(Protocol):
    """See ``ErrorReports``."""

    def __call__(
        self, code: str, text: str, hint: str = "", *, message_id: MessageId | None = None
    ) -> None: ...


class PermitBook:
    """Asked when a message arrives, and again right before a command starts: the file may have been
    read again between. Rates count at the arrival alone."""

    def __init__(
        self,
        settings: Settings,
        trust: Callable[[], Trust | None],
        now: Callable[[], Now],
        report: Report,
        reload: asyncio.Event,
    ) -> None:
        """``trust``: whose keys are known; None: names are believed. ``reload`` is set to have
        permits and groups read again; an error in the file keeps the old ones. Raises
        ConfigError."""
        self._file = settings.config
        self._node = settings.node
        self._trust = trust
        self._now = now
        self._report = report
        self._rates = Rates()
        self._permits = self._made(settings.permits)
        self._reload = reload
        self.problem = ""
        """Why the file is not in force as it lies there now; empty: it was not found wrong."""
        self.on_groups: Callable[[Mapping[str, tuple[str, ...]]], None] = lambda _groups: None
        """Told of the groups that came with the permits."""
        self.on_read: Callable[[], None] = lambda: None
        """Told whenever the file was read again, whatever came of it."""

    # ---------------------------------------------------------------- judging

    def admit(self, arrival: Arrival, body: Body) -> None:
        """From the store's thread. Raises Refused with the reason and what to do."""
        # A letter from no stream may repeat its id as often as it likes: each counts.
        about: Hashable = (arrival.store, arrival.subject, arrival.seq) if arrival.seq else object()
        asked = _request(arrival, body)
        decision = self._permits.admit(asked, about, self._now().steady, trusted=self._trusted())
        if not decision.allowed and self._trusted():
            text = f"{asked.frm} asked for {asked.method}: {decision.reason}"
            self._report("not_permitted", text, message_id=arrival.id)
        _insist(decision)

    def grant(self, command: Command) -> Grant:
        """As whom, how long and within which limits it may run. Raises Refused, see ``admit``; also
        if its sender's key has ended while it waited."""
        asked = _request(command, body_of(command))
        if (key := self._key(command.frm)) and key["state"] == "revoked":
            raise Refused(
                f"the key of {asked.frm} was revoked while this waited",
                "send it again, once that node is accepted anew",
            )
        decision = self._permits.judge(asked, trusted=self._trusted())
        _insist(decision)
        return decision.grant

    def explain(self, asked: Request) -> dict[str, Any]:
        """What would happen now, as JSON has it: see ``Decision.told``; ``key``, where there is
        trust: ``state`` is known, unknown or revoked. Nothing is counted."""
        now = self._now().steady
        told = self._permits.judge(asked, trusted=self._trusted(), now=now).told()
        if key := self._key(NodeName(asked.frm)):
            told["key"] = key
            if key["state"] == "revoked":
                told |= {"allowed": False, "reason": f"the key of {asked.frm} was revoked"}
        return told

    def _key(self, frm: NodeName) -> dict[str, str]:
        trust = self._trust()
        if trust is None or frm == self._node:
            return {}
        holder, upto = trust.keyring.newest(frm), trust.keyring.upto(frm)
        if holder is not None:
            text = f"{fingerprint(holder.public)}, serial {holder.serial}"
            return {"state": "known", "text": text}
        if upto >= 0:
            return {"state": "revoked", "text": f"revoked up to serial {upto}"}
        return {"state": "unknown", "text": "not known here: it comes with the first letter"}

    def _trusted(self) -> bool:
        return self._trust() is not None

    # ---------------------------------------------------------------- reading again

    async def run(self, process: Process) -> None:
        while True:
            process.enter(ProcessState.WAITING)
            await self._reload.wait()
            self._reload.clear()
            process.enter(ProcessState.RUNNING)
            if self._file is None:
                log.info("SIGHUP: there is no --config whose permits could be read again")
                continue
            try:
                permits, groups = await asyncio.to_thread(permits_and_groups, self._file)
                self._permits = self._made(permits)
            except ConfigError as error:
                self.problem = str(error)
                count = len(self._permits.entries)
                text = f"{error.text}; the permits of before hold ({count})"
                self._report("config", text, error.hint)
            else:
                self.problem = ""
                self.on_groups(groups)
                log.info("%s was read again: %d permits hold", self._file, len(permits))
            self.on_read()

    def _made(self, permits: tuple[Permit, ...]) -> Permits:
        try:
            return Permits(permits, registry(), permitted_to_all(), self._rates)
        except ConfigError as error:
            where = f"{self._file}: " if self._file else ""
            raise ConfigError(where + error.text, error.hint) from None

    # ---------------------------------------------------------------- showing

    def status(self) -> dict[str, Any]:
        """In a few words, for ``steward status``."""
        return {"entries": len(self._permits.entries), "problem": self.problem}

    def entries(self) -> list[dict[str, Any]]:
        """Each as its table in the file has it."""
        return [permit_table.told(entry) for entry in self._permits.entries]


def _request(asks: Arrival | Command, body: Body) -> Request:
    method = subjects.parse(asks.subject).method
    return Request(asks.frm, method, body.data, body.operator, body.operator_uid)


def _insist(decision: Decision) -> None:
    if decision.allowed:
        return
    hint = "a [[permit]] in that node's settings would allow it"
    raise Refused(decision.reason, hint if decision.room is None else "send it again then")
