"""A fleet of keys, and the orders that they sign: what tests hand to a privileged runner."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from steward.signing import SigningKey
from steward.statements import Certificate, Revocation, issue
from steward.subjects import NodeName

NODE = NodeName("ship2")
CENTRAL = NodeName("central")


class Keys:
    """Central's key, which is the anchor, and ``ship1``'s, which central has certified."""

    def __init__(self) -> None:
        self.central = SigningKey.generate()
        self.ship1 = SigningKey.generate()
        self.said = [self.certificate("ship1", self.ship1, 1)]

    def certificate(
        self, name: str, key: SigningKey, serial: int, by: SigningKey | None = None
    ) -> str:
        said = Certificate(NodeName(name), key.public, "U", serial, 1.0)
        return issue(said, by or self.central).decode()

    def revocation(self, name: str, upto: int) -> str:
        return issue(Revocation(NodeName(name), upto), self.central).decode()

    def order(self, *argv: str, key: SigningKey | None = None, **more: Any) -> dict[str, Any]:
        """Signed by central unless ``key`` says otherwise; ``more``: from, to, subject, id,
        statements, and what else the body holds."""
        to = more.pop("to", NODE)
        facts = {
            "from": more.pop("frm", CENTRAL),
            "to": to,
            "subject": more.pop("subject", f"{to}.CommandACK.ShellCommand"),
            "id": more.pop("id", "m-1"),
        }
        statements = more.pop("statements", self.said)
        body = json.dumps({"data": list(argv)} | more).encode()
        signed = b"steward order 1\n" + "\n".join(facts.values()).encode() + b"\n" + body
        return facts | {
            "body": base64.b64encode(body).decode(),
            "signature": base64.b64encode((key or self.central).sign(signed)).decode(),
            "statements": statements,
        }

    def write_anchor(self, folder: Path, permits: str) -> None:
        """The files that only root can write."""
        folder.mkdir(exist_ok=True)
        key = base64.b64encode(self.central.public).decode()
        (folder / "anchor").write_text(f'node = "{NODE}"\ncentral = "{CENTRAL}"\nkey = "{key}"\n')
        (folder / "node.toml").write_text(permits)
