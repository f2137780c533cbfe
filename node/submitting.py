"""What people and scripts hand in: judged one by one, committed together, answered one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from node.methods import registry
from node.reception import check_at_home
from steward.errors import InvalidMessage, StewardError
from steward.handoff.state import Now
from steward.message import FIELDS, NOBODY, Defaults, Message, MessageId, Operator, check, new_id
from steward.outbox import Accepted
from steward.store import Tables

Refusal = tuple[int, StewardError]


@cache
def kinds() -> Mapping[str, frozenset[Any]]:
    """Every method that a message may ask for, with the kinds that it takes."""
    return {name: method.kinds for name, method in registry().items()}


def judge(
    raw: Sequence[object],
    defaults: Defaults,
    job: str | None,
    operator: Operator = NOBODY,
    retries_of: Sequence[MessageId | None] = (),
) -> tuple[dict[int, Message], list[Refusal]]:
    """Messages by index, and why the others are none. Several make a job, unless one is named."""
    if job is None and len(raw) > 1:
        job = new_id()
    good: dict[int, Message] = {}
    bad: list[Refusal] = []
    for index, element in enumerate(raw):
        try:
            origin = retries_of[index] if retries_of else None
            good[index] = judge_one(element, defaults, job, operator, origin)
        except InvalidMessage as error:
            bad.append((index, error))
    return good, bad


def judge_one(
    raw: object,
    defaults: Defaults,
    job: str | None = None,
    operator: Operator = NOBODY,
    retry_of: MessageId | None = None,
) -> Message:
    """One message. Raises InvalidMessage, also for what its method would refuse."""
    message = check(raw, defaults, kinds(), job=job, retry_of=retry_of, operator=operator)
    check_at_home(message.method, message.content)
    return message


def accept(
    tables: Tables,
    good: Mapping[int, Message],
    bad: Sequence[Refusal],
    now: Now,
    limit: int,
) -> dict[str, Any]:
    """Commit what is good; the answer of ``submit``. Raises StoreFull, nothing accepted."""
    answers = tables.outbox.submit(list(good.values()), None, now, limit)
    accepted: list[dict[str, Any]] = []
    refused = list(bad)
    for (index, message), answer in zip(good.items(), answers, strict=True):
        if isinstance(answer, Accepted):
            accepted.append(told(index, message, answer))
        else:
            refused.append((index, answer))
    refused.sort(key=lambda r: r[0])
    return {
        "accepted": accepted,
        "refused": [
            {"index": i, "code": e.code, "text": e.text, "hint": e.hint} for i, e in refused
        ],
    }


def told(index: int, message: Message, answer: Accepted) -> dict[str, Any]:
    """One accepted message as the caller hears of it."""
    facts: dict[str, Any] = {"index": index, "id": answer.id}
    if answer.duplicate:
        facts["duplicate"] = True
    elif answer.new_node:
        facts["warning"] = (
            f"nothing was ever heard of {message.to}: the message waits until it appears"
        )
    return facts


def again(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new message like this one: it gets an id of its own."""
    return {key: shown[key] for key in FIELDS if key in shown and key != "id"}
