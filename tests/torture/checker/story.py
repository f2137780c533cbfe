"""The whole story of one message, for somebody who has to understand what went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.torture.checker.lab import Lab
from tests.torture.checker.stores import Store

AROUND = 3.0
"""Seconds before and after it in which a fault belongs to its story."""
LINES = 40
OUTPUT = ("stdout", "stdoutTail", "stderr", "stderrTail")


def story(lab: Lab, id: str) -> str:
    """Offers, asks, rows, ledger and logs, and the faults around them, one a line."""
    offers = lab.offers_of.get(id, ())
    nodes = {o.frm for o in offers} | {o.to for o in offers}
    lines = [*_said(lab, id), *_stored(lab, id), *_done(lab, id)]
    times = [o.t for o in offers] + [e.t for e in lab.entries if e.id == id]
    for node in {o.frm for o in offers}:
        for store in lab.stores.get(node, ()):
            row = store.rows.get(id)
            ended = lab.clocks.true_time(node, row.ended_at) if row else None
            times += [ended] if ended is not None else []
    if times:
        faults = lab.clocks.touching(nodes, min(times) - AROUND, max(times) + AROUND)
        lines += [f"fault    {fault}" for fault in faults[:LINES]]
        lines += [f"         … and {len(faults) - LINES} more"] if faults[LINES:] else []
    return "\n".join(lines)


def _said(lab: Lab, id: str) -> Iterator[str]:
    for o in lab.offers_of.get(id, ()):
        more = ", ".join(
            [o.script]
            + (["parallel"] if o.parallel else [])
            + ([f"ttl {o.ttl}"] if o.ttl else [])
            + ([f"limit {o.method_timeout}"] if o.method_timeout else [])
        )
        yield (
            f"offer    {o.t:.3f} ({o.wall:.3f}) {o.frm} → {o.to}.{o.kind}.{o.method} "
            f"by {o.way}: accepted {o.accepted} [{more}]"
        )
    for ask in lab.asks:
        if ask.id == id:
            yield f"{ask.act:<8} {ask.t:.3f} answer {ask.answer}"


def _stored(lab: Lab, id: str) -> Iterator[str]:
    for stores in lab.stores.values():
        for store in stores:
            yield from _in_store(store, id)


def _in_store(store: Store, id: str) -> Iterator[str]:
    row = store.rows.get(id)
    if row is not None:
        proof = "confirmed" if row.confirmed else "NOT confirmed"
        yield (
            f"sender   {store.name} ({store.store_id[:8]}) n {row.n}: {row.state}, {proof}, "
            f"attempts {row.attempts}, reason {row.reason!r}, tombstone {row.tombstone!r}, "
            f"stream to {row.instance[:8] or '–'} seq {row.seq}{', maybe' if row.maybe else ''}"
        )
        times = {
            "accepted": row.accepted_at, "expires": row.expires, "sent": row.sent_at,
            "delivered": row.delivered_at, "ended": row.ended_at,
        }  # fmt: skip
        yield "         " + ", ".join(f"{k} {v:.3f}" for k, v in times.items() if v is not None)
        if row.to in store.peers:
            yield f"         {row.to}: {store.peers[row.to]}"
        if row.outcome is not None:
            yield f"outcome  {json.dumps(_brief(row.outcome))}"
    for words in store.received.get(id, ()):
        yield f"receiver {store.name} ({store.store_id[:8]}): {words}"
    if id in store.runs:
        yield f"run      {store.runs[id]}"
    for line in store.journal:
        if line.get("id") == id:
            state = f" {line['state']}" if "state" in line else ""
            yield f"journal  {store.name}: {line.get('event')}{state} {line.get('time')}"


def _brief(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without the output itself, of which the sums say enough."""
    return {
        key: _brief(value) if isinstance(value, dict) else value
        for key, value in facts.items()
        if key.removesuffix("B64") not in OUTPUT
    }


def _done(lab: Lab, id: str) -> Iterator[str]:
    for e in lab.entries:
        if e.id == id:
            times = f"{e.what} {e.t:.3f} ({e.wall:.3f}) pid {e.pid}"
            yield f"ledger   {e.node}, line {e.place}: {times}"
    for (sender, known), lines in lab.lines_of.items():
        if known == id:
            places = ", ".join(f"{line.store.name}, line {line.place}" for line in lines)
            yield f"text     of {sender}: {places}"
