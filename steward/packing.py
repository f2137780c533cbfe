"""Letters packed for narrow links: zlib, with a dictionary of the words that all of them hold."""

from __future__ import annotations

import zlib
from typing import Final

from steward.errors import FrameError

MARK: Final = b"x"
"""What packed bytes begin with; an envelope begins with ``{``."""
MOST: Final = 4 * 1024 * 1024
"""Bytes that a letter may unpack to; a larger one is never packed."""

_DICTIONARY: Final = rb"""
"verdicts":{"1":{"state":"refused","reason":""}},"conflict":true,"retired":"","tombstone":"settled"
"tombstone":"cancelled","tombstone":"expired","expires":17954,"deadline":17954,"parallel":true
["{\"level\":\"error\",\"text\":\"\",\"hint\":\"\",\"code\":\"\",\"messageIds\":[]
cancel stderr stdout ReadRun ErrorLog Running WatchOutput .EventNACK. .CommandNACK.
{"v":1,"type":"notice","sig":"","body":{"from":"ship1","store":"
","to":"central","subject":"central.EventNACK.SayHello","clock":1795443150.,"id":"01a208c0-
","body":{"data":["{\"start\":\"\",\"bootId\":\"\",\"machineId\":\"
\",\"version\":\"0.1.0\",\"interval\":60.0,\"uptime\":1.0,\"clock\":17954,\"labels\":{\"
\",\"queue\":{\"queued\":0,\"sent\":0,\"delivered\":0,\"running\":0},\"runningNow\":1
,\"oldestWaiting\":0.0}"]}}}
"body":{"data":["sh","-c","true"],"parallel":true}},{"seq":2,"id":"01a208c0-4e02-7e0a-
"body":{"data":["{\"about\":\"01a208c0-4e02-7e0a-
\",\"state\":\"failed\",\"state\":\"succeeded\",\"reason\":\",\"started\":17954
,\"ended\":17954,\"result\":{\"exitCode\":0,\"signal\":null,\"cpuSeconds\":0.00
,\"maxRssBytes\":110305,\"stdoutB64\":\"\",\"stdout\":\"\",\"stdoutSize\":0,\"stdoutSha256\":\"
\",\"stdoutCut\":0,\"stdoutTail\":\",\"stderr\":\"\",\"stderrSize\":0,\"stderrSha256\":\"
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"stderrCut\":0}}"]}}]}},"packs":1}
{"v":1,"type":"receipt","sig":"","body":{"from":"ship1","store":"
","to":"central","to_store":"
","subject":"ship1.CommandACK.ShellCommand","clock":1795443150.
,"last":1,"last_id":"01a208c0-4e02-7e0a-8
","base":1}},"packs":3}
{"v":1,"type":"frame","sig":"","body":{"from":"central","store":"
","start":"
","tx":"
","to":"ship1","subject":"ship1.EventACK.TextLogging
","to":"central","subject":"central.EventACK.Result","clock":1795443150.
,"instance":"
","base":1,"messages":[{"seq":1,"id":"01a208c0-4e02-7e0a-8
","body":{"data":["
"""
"""Part of the wire format: zlib's header names it by its checksum, and another is refused."""


def pack(payload: bytes) -> bytes:
    """Packed, where that makes it smaller."""
    if len(payload) > MOST:
        return payload
    packer = zlib.compressobj(zdict=_DICTIONARY)
    packed = packer.compress(payload) + packer.flush()
    return packed if len(packed) < len(payload) else payload


def unpack(packed: bytes) -> bytes:
    """The payload. Raises FrameError: damaged, of another dictionary, or of more than ``MOST``."""
    unpacker = zlib.decompressobj(zdict=_DICTIONARY)
    try:
        payload = unpacker.decompress(packed, MOST)
    except zlib.error as error:
        raise FrameError(f"packed, and it cannot be unpacked: {error}") from None
    if not unpacker.eof:
        raise FrameError(f"packed, and cut, or larger than {MOST:,} bytes")
    if unpacker.unused_data:
        raise FrameError("packed, with something behind it")
    return payload
