"""The command line: finds the verb, runs it, and turns whatever comes of it into an exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from steward.cli.original import with_verb
from steward.cli.verbs import enough, steward
from steward.errors import StewardError
from steward.text import safe

INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run ``steward`` with ``argv`` (the process's own unless given) and exit as DESIGN.md
    section 6 says."""
    sys.exit(_run(sys.argv[1:] if argv is None else list(argv)))


def _run(argv: list[str]) -> int:
    try:
        status = steward.main(
            with_verb(argv, os.environ), prog_name="steward", standalone_mode=False
        )
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return 2
    except StewardError as error:
        click.echo(f"steward: {safe(error.text)}", err=True)
        if error.hint:
            click.echo(f"  {safe(error.hint)}", err=True)
        return error.exit_status
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return enough()
