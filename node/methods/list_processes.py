"""ListProcesses: the node's supervised processes as JSON; with ``["start", NAME]`` start one."""

from __future__ import annotations

import msgspec

from node.methods import COMMANDS, Method, Site
from steward.errors import Refused
from steward.message import Body
from steward.subjects import NodeName


def check(body: Body) -> None:
    if body.data and (len(body.data) != 2 or body.data[0] != "start"):
        raise Refused("data is neither empty nor ['start', NAME]", "steward processes NODE --help")


async def answer(site: Site, _frm: NodeName, body: Body) -> bytes:
    if body.data:
        site.start_process(body.data[1])
    return msgspec.json.encode(site.processes())


METHOD = Method(name="ListProcesses", kinds=COMMANDS, check=check, answer=answer)
