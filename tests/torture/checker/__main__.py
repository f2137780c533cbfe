"""``python -m tests.torture.checker FOLDER``: one table; exit status 0 if every promise held."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.torture.checker import judge


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    verdict = judge(Path(sys.argv[1]))
    print(verdict.table())
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
