"""The one exception that a user is meant to read."""

from __future__ import annotations

from typing import Any


class Trouble(Exception):
    """Something that whoever runs the suite can mend.

    Whoever catches it prints ``str(trouble)`` and no traceback.

    Args:
        what: one sentence, present tense: what is wrong.
        where: ``file:line`` or the address of the thing, empty where it has none.
        next_command: what to type next, empty where there is nothing to type.
    """

    def __init__(self, what: str, *, where: str = "", next_command: str = "") -> None:
        super().__init__(what, where, next_command)
        self.what = what
        self.where = where
        self.next_command = next_command

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels from one process to another, whatever a subclass takes."""
        return _again, (type(self), self.args), vars(self)

    def __str__(self) -> str:
        """The message as it is shown: where, what, and the next command on a line of its own."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  next: {self.next_command}" if self.next_command else head


def _again(kind: type[Trouble], arguments: tuple[Any, ...]) -> Trouble:
    return kind.__new__(kind, *arguments)
