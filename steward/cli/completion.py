"""``steward completion``: the script that a shell reads to complete verbs, options and nodes."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from steward.errors import UsageError

_HOW = {
    "bash": 'eval "$(steward completion bash)"',
    "zsh": 'eval "$(steward completion zsh)"',
    "fish": "steward completion fish | source",
}


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(list(_HOW)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the completion script of SHELL, to be read by it when it starts:

    \b
      bash  eval "$(steward completion bash)"
      zsh   eval "$(steward completion zsh)"
      fish  steward completion fish | source
    """
    made = get_completion_class(shell)
    if made is None:
        raise UsageError(f"no completion for {shell}", ", ".join(_HOW))
    click.echo(made(ctx.find_root().command, {}, "steward", "_STEWARD_COMPLETE").source())
    return 0
