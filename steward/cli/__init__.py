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
from steward.errors import StewardError, UsageError
from steward.text import safe

INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run ``steward`` with ``argv`` (the process's own unless given) and exit as DESIGN.md
    section 6 says."""
    sys.exit(_run(sys.argv[1:] if argv is None else list(argv)))


def _run(argv: list[str]) -> int:
    try:
        _check_text(argv)
        status = steward.main(
            with_verb(argv, os.environ), prog_name="steward", standalone_mode=False
        )
        if sys.stdout is not None:  # it is, where the shell has closed it
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"steward: {safe(error.format_message())}", err=True)
        context = getattr(error, "ctx", None)
        click.echo(f"  {context.command_path if context else 'steward'} --help", err=True)
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
    except OSError as error:
        where = f"{error.filename}: " if error.filename else "what was to be printed: "
        click.echo(f"steward: {safe(where)}{error.strerror}", err=True)
        enough()
        return 1


def _check_text(argv: Sequence[str]) -> None:
    """Raises UsageError for an argument that isn't UTF-8: nothing of it could be sent as it is."""
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = word.encode("utf-8", "replace").decode()
            raise UsageError(
                f"the argument {shown!r} is not UTF-8", "let a shell on the node make the bytes"
            ) from None
