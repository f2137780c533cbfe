"""What the permits of a node let others do: nothing at all, too much, or nobody who is known."""

from __future__ import annotations

import pwd
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from node.checks import Finding, warning, wrong
from steward.permit_rules import Permit, fits, matches

_GLOB: Final = frozenset("*?[")
_SHELLS: Final = ("sh", "bash", "dash", "zsh", "ksh", "busybox")
_CODE: Final = (
    *((folder + shell, flag) for folder in ("", "/bin/", "/usr/bin/") for shell in _SHELLS
      for flag in ("-c", "-ec", "-lc")),
    *((folder + name, flag) for folder in ("", "/usr/bin/")
      for name, flag in (("python3", "-c"), ("python", "-c"), ("perl", "-e"), ("ruby", "-e"))),
)  # fmt: skip
"""How programs are told to run what the next argument says."""
_ALONE: Final = tuple((words[0],) for words in _CODE)
"""What runs what it reads: a message brings its standard input, too."""
_ANYTHING: Final = "\x01anything\x01"
"""No pattern names it, so that what takes it takes anything."""


def permits(
    entries: Sequence[Permit], trusted: bool, problem: str, known: Collection[str]
) -> Iterator[Finding]:
    """``problem``: why the file is not in force as it lies there; ``known``: names of nodes, none:
    nobody could be asked."""
    if problem:
        what = f"the permits of before hold, as the configuration file is wrong: {problem}"
        yield wrong(what, "mend it, and send the daemon SIGHUP: systemctl reload, or kill -HUP")
    if trusted and not entries:
        what = "there are keys but no permits: this node does nothing for anybody"
        yield warning(what, 'add [[permit]] with from = ["central"] and methods to its --config')
    numbered = [(f"permit[{n}]", entry) for n, entry in enumerate(entries, 1)]
    if known:
        for name, entry in numbered:
            never = [s for s in entry.frm if _GLOB.isdisjoint(s) and s not in known]
            if never:
                what = f"{name} is for {', '.join(never)}, which is not among the nodes known here"
                yield warning(what, "if that is a slip, mend it: steward nodes ls")
    commands = [(n, e) for n, e in numbered if any(matches(m, "ShellCommand") for m in e.methods)]
    if any_program := [name for name, entry in commands if _any_program(entry)]:
        what = f"{', '.join(any_program)} let the sender run ANY PROGRAM, with any arguments"
        yield warning(what, "narrow them with arguments, and give them a user")
    shells = [n for n, e in commands if not _any_program(e) and _any_code(e)]
    if shells:
        what = f"{', '.join(shells)} let a shell or an interpreter run what the sender writes"
        yield warning(what, "if that is not meant, name the script in arguments, not its text")


def users(entries: Sequence[Permit], own: str, unit: bool) -> Iterator[Finding]:
    """As whom they let commands run. ``own``: as whom they run anyhow; ``unit``: there is a runner
    that root has started."""
    named = {entry.user: f"permit[{n}]" for n, entry in enumerate(entries, 1) if entry.user}
    for user, name in named.items():
        try:
            pwd.getpwnam(user)
        except KeyError:
            what = f"{name} names the user {user}, which this machine does not have"
            yield wrong(what, "make it, or name another one: its commands are refused")
            continue
        if user != own and not unit:
            what = f"{name} names the user {user}, but the runner here cannot be another than {own}"
            yield wrong(what, "steward service install makes one that can; till then it is refused")


def _any_program(entry: Permit) -> bool:
    return not entry.arguments or any(
        pattern and matches(pattern[0], _ANYTHING) for pattern in entry.arguments
    )


def _any_code(entry: Permit) -> bool:
    probes = (*((*words, _ANYTHING) for words in _CODE), *_ALONE)
    return any(fits(pattern, probe) for pattern in entry.arguments for probe in probes)
