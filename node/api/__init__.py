"""What the control socket offers, in parts; the README's appendix is its reference."""

from node.api.daemon import DaemonApi
from node.api.jobs import JobApi
from node.api.messages import MessageApi
from node.api.nodes import NodeApi
from node.api.trust import TrustApi

__all__ = ["DaemonApi", "JobApi", "MessageApi", "NodeApi", "TrustApi"]
