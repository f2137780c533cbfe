"""How whatever has keys of the registry carries out an action: by the method named after it."""

from __future__ import annotations

from tui import actions
from tui.desk import Desk
from tui.registry import BY_ID


class Acting:
    """The end of the bindings that :func:`tui.actions.bindings` makes."""

    def action_act(self, name: str) -> None:
        """Carry out one of the registry's actions."""
        getattr(self, BY_ID[name].handler)()


class Guarded(Acting):
    """The same, where some actions change something."""

    desk: Desk

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Textual's: a read-only console has no key that changes anything."""
        if action == "act" and parameters:
            return actions.allowed(str(parameters[0]), read_only=self.desk.read_only)
        return True
