"""The node daemon: does what messages ask."""
