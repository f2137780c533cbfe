"""ReadRun: a chunk of a command's output that is still on the node where it ran.

``data`` is ``[ID, "stdout" | "stderr", OFFSET, LIMIT]``, in bytes; a sender reads its own only.
"""

from __future__ import annotations

from node.methods import COMMANDS, Method, Site
from steward.errors import Refused
from steward.message import Body
from steward.subjects import NodeName

MOST_BYTES = 256 * 1024


def check(body: Body) -> None:
    if len(body.data) != 4 or body.data[1] not in ("stdout", "stderr"):
        raise Refused("data is not [ID, stream, offset, limit]", "stream is stdout or stderr")
    if not all(n.isascii() and n.isdigit() and len(n) < 16 for n in body.data[2:]):
        raise Refused("offset and limit are not numbers of bytes", 'like "0" and "65536"')


async def answer(site: Site, frm: NodeName, body: Body) -> bytes:
    id, stream, offset, limit = body.data
    return await site.read_output(id, frm, stream, int(offset), min(int(limit), MOST_BYTES))


METHOD = Method(name="ReadRun", kinds=COMMANDS, check=check, answer=answer, permitted_to_all=True)
