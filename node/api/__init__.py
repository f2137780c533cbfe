"""What the control socket offers, in three parts; the README's appendix is its reference."""

from node.api.daemon import DaemonApi
from node.api.messages import MessageApi
from node.api.nodes import NodeApi

__all__ = ["DaemonApi", "MessageApi", "NodeApi"]
