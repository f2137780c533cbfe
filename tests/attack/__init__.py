"""Everybody who must not makes the fleet do something, in every way that is known here."""
