"""Steward: what a message is and how it travels."""

__version__ = "0.1.0"
