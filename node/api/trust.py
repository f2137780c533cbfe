"""Keys over the control socket: who waits, whose key holds, and the operator's word on both."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from node.enrolment import Enrolment
from node.introduction import LEAST_OVERLAP, MOST_OVERLAP, NewKeys
from node.issuer import Decision
from node.own_keys import OwnKeys
from node.registrar import Registrar
from steward.control.address import Caller
from steward.control.server import Handler
from steward.errors import NotPossible, UsageError
from steward.keyring import Keyring
from steward.outbox_queries import rfc3339
from steward.signing import fingerprint
from steward.store import Store, Tables
from steward.subjects import NodeName, node_name

log = logging.getLogger(__name__)

LONGEST: Final = 30 * 86400.0
"""Seconds that a join token may be valid."""
_NO_KEYS: Final = ("there are no keys here", "steward keys init, or steward keys join; restart")


class One(msgspec.Struct, forbid_unknown_fields=True):
    """``fingerprint``: which, of those that use the name. ``key`` and ``broker``: of a node that
    has not introduced itself."""

    name: str
    fingerprint: str = ""
    replace: bool = False
    key: bytes = b""
    broker: str = ""
    reason: str = ""


class Route(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    to: list[str]
    end: bool = False


class TrustApi:
    """What they change is committed, and the broker's list written, when they answer. ``parts``:
    of a node with keys; ``registrar``: of central with keys."""

    def __init__(
        self,
        store: Store,
        keys: OwnKeys | None,
        enrolment: Enrolment | None,
        registrar: Registrar | None,
    ) -> None:
        self._store = store
        self._own = keys
        self._enrolled = enrolment
        self._registrar = registrar

    def handlers(self) -> Mapping[str, Handler]:
        """By the name that callers use."""
        return {
            "pending": self._pending,
            "accept": self._accept,
            "refuse": self._refuse,
            "keys": self._keys,
            "revoke": self._revoke,
            "route": self._route,
            "token": self._token,
            "rotate": self._rotate,
        }

    @property
    def _office(self) -> Registrar:
        if self._own is None:
            raise NotPossible(*_NO_KEYS)
        if self._registrar is None:
            where = self._own.trust.keyring.central
            raise NotPossible("only central decides whose key holds", f"ask on {where}")
        return self._registrar

    # ---------------------------------------------------------------- nodes that wait

    async def _pending(self, _params: dict[str, Any], _caller: Caller) -> object:
        found = await self._store.read(self._office.authority.pending)
        times = ("first", "last")
        return {"pending": [one | {t: rfc3339(one[t]) for t in times} for one in found]}

    async def _accept(self, params: dict[str, Any], caller: Caller) -> object:
        p = msgspec.convert(params, One)
        name, office = node_name(p.name), self._office
        if p.key:
            new = msgspec.convert({"key": p.key, "broker": p.broker}, NewKeys)
        else:
            new = await self._store.read(lambda t: office.authority.waiting(t, name, p.fingerprint))
        if p.fingerprint and p.fingerprint != fingerprint(new.key):
            raise NotPossible(f"the key of {name} has the fingerprint {fingerprint(new.key)}")
        facts = await office.decide(
            lambda t: office.authority.certify(t, name, new, replace=p.replace)
        )
        office.answer_later(name, "accepted", new.key)
        log.warning("user %d accepted %s with the key %s", caller.uid, name, facts["fingerprint"])
        return facts

    async def _refuse(self, params: dict[str, Any], caller: Caller) -> object:
        p = msgspec.convert(params, One)
        name, office = node_name(p.name), self._office
        new = await self._store.read(lambda t: office.authority.waiting(t, name, p.fingerprint))
        facts = await office.decide(lambda t: office.authority.refuse(t, name, new))
        office.answer(name, "refused", new.key)
        log.warning("user %d refused %s with the key %s", caller.uid, name, facts["fingerprint"])
        return facts

    # ---------------------------------------------------------------- keys that hold

    async def _keys(self, params: dict[str, Any], _caller: Caller) -> object:
        if self._own is None or self._enrolled is None:
            raise NotPossible(*_NO_KEYS)
        names = [node_name(name) for name in params.get("names") or ()]
        ring, trust = self._own.trust.keyring, self._own.trust
        found = await self._store.read(lambda t: _holders(t, ring, names))
        newest = ring.newest(ring.central)
        return {
            "node": trust.me,
            "central": ring.central,
            "centralFingerprint": fingerprint(newest.public) if newest else "",
            "fingerprint": self._own.fingerprint,
            "key": trust.key.public,
            "broker": self._own.trusting.keys.broker,
            "brokers": list(self._own.trusting.file.brokers),
            "waiting": self._enrolled.standing,
            "keys": found,
        }

    async def _revoke(self, params: dict[str, Any], caller: Caller) -> object:
        p = msgspec.convert(params, One)
        name, office = node_name(p.name), self._office
        facts = await office.decide(lambda t: office.authority.revoke(t, name))
        reason = f": {p.reason}" if p.reason else ""
        log.warning("user %d revoked the keys of %s%s", caller.uid, name, reason)
        return facts

    async def _route(self, params: dict[str, Any], caller: Caller) -> object:
        p = msgspec.convert(params, Route)
        name, to, office = node_name(p.name), [node_name(n) for n in p.to], self._office
        facts = await office.decide(lambda t: office.authority.route(t, name, to, p.end))
        log.warning("user %d lets %s send to %s", caller.uid, name, ", ".join(facts["to"]) or "-")
        return facts

    async def _token(self, params: dict[str, Any], caller: Caller) -> object:
        valid = params.get("valid", 3600.0)
        if not isinstance(valid, int | float) or not 0 < valid <= LONGEST:
            raise UsageError(f"valid is {valid!r}", "seconds, 30 days at most")
        office = self._office
        until = office.authority.now().wall + valid
        await office.decide(lambda t: _opened(t, until))
        made = office.token(until)
        log.warning("user %d made a join token", caller.uid)
        return {
            "token": made.text(),
            "expires": rfc3339(until),
            "fingerprint": fingerprint(made.key),
        }

    async def _rotate(self, params: dict[str, Any], caller: Caller) -> object:
        if self._enrolled is None:
            raise NotPossible(*_NO_KEYS)
        overlap = params.get("overlap", 86400.0)
        if not isinstance(overlap, int | float) or not 0 <= overlap <= MOST_OVERLAP:
            raise UsageError(f"overlap is {overlap!r}", "seconds, 90 days at most")
        if self._registrar is None and overlap < LEAST_OVERLAP:
            raise UsageError(
                f"overlap is {overlap:g} seconds",
                "an hour at least, but at central; a key that has to end now:"
                " steward keys revoke, there",
            )
        log.warning("user %d changes this node's keys", caller.uid)
        part = self._registrar or self._enrolled
        return await part.rotate(float(overlap))


def _opened(tables: Tables, until: float) -> Decision:
    tables.trust.open_for(until)
    return Decision()


def _holders(tables: Tables, ring: Keyring, names: list[NodeName]) -> list[dict[str, Any]]:
    """Every key that holds, with when it ends if that is known; and who has none any more."""
    routes = tables.trust.routes()
    ends = {(old.name, old.serial): old.due for old in tables.trust.retirements()}
    found = []
    named = dict(tables.trust.named())
    for name in sorted({*named, *ring.names()}):
        if names and name not in names:
            continue
        since = rfc3339(named[name]) if name in named else None
        for held in ring.keys_of(name):
            due = ends.get((name, held.serial))
            found.append(
                {
                    "name": name,
                    "state": "accepted" if held == ring.newest(name) else "ends",
                    "serial": held.serial,
                    "since": since,
                    "until": rfc3339(due) if due is not None else None,
                    "fingerprint": fingerprint(held.public),
                    "to": routes.get(name, []),
                }
            )
        if not ring.keys_of(name):
            found.append(
                {
                    "name": name, "state": "revoked", "serial": ring.upto(name),
                    "since": since, "until": None, "fingerprint": "", "to": [],
                }
            )  # fmt: skip
    return found
