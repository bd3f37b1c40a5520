"""What stops the lowering of one text."""

from __future__ import annotations

from pgcheck.isa.files.errors import Problem, Text
from pgcheck.isa.parsing.syntax import Item, place


class Refusal(Exception):
    """The text at `item` breaks a rule of the language."""

    def __init__(self, item: Item | None, message: str, *, found: str = "", expected: str = "", hint: str = "") -> None:
        self.item, self.message, self.found, self.expected, self.hint = item, message, found, expected, hint
        super().__init__(message)

    def problem(self, text: Text) -> Problem:
        """The refusal at its place in `text`."""
        position = place(text, self.item) if self.item is not None else text.position
        return Problem(position, self.message, found=self.found, expected=self.expected, hint=self.hint)


class Elsewhere(Exception):
    """A problem in another text than the one being lowered."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)
