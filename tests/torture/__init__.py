"""``python -m tests.torture``: a fleet, a nemesis, and a checker that judges what is left."""
