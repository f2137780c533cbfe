"""PURE: what has come so far of a running command's output, and what is missing of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui.rows import Output

KEPT = 256 * 1024
"""Bytes of each stream that are kept to look at; the result brings the rest."""


@dataclass(frozen=True)
class Stream:
    """One output from byte ``start`` on. ``missed``: bytes that did not come, before or between."""

    start: int = 0
    content: bytes = b""
    missed: int = 0

    @property
    def end(self) -> int:
        return self.start + len(self.content)

    def after(self, offset: int, data: bytes) -> Stream:
        """With ``data`` added, whose first byte is the stream's byte ``offset``."""
        if offset > self.end:  # parts are best effort: what is between was lost, or never sent
            return Stream(offset, data, self.missed + offset - self.end)
        content = (self.content + data[self.end - offset :])[-KEPT:]
        end = max(self.end, offset + len(data))
        return Stream(end - len(content), content, self.missed)


@dataclass(frozen=True)
class Live:
    """Both outputs of the message ``id``."""

    id: str
    stdout: Stream = Stream()
    stderr: Stream = Stream()

    def after(self, output: Output) -> Live:
        """With a part added."""
        if output.stream == "stderr":
            return replace(self, stderr=self.stderr.after(output.offset, output.content))
        return replace(self, stdout=self.stdout.after(output.offset, output.content))
