"""What is made to go wrong, and what has to be found of it. One function a capture, one file a kind."""

from cases import applications, capture, network, quiet, security, servers
from cases.labels import CASES

__all__ = ["CASES", "applications", "capture", "network", "quiet", "security", "servers"]
