"""``python -m tests.bench``: what Steward does on this machine, beside what the machine allows."""
