"""``python -m steward.cli``: the same as the command ``steward``."""

from steward.cli import main

main()
