"""`pgcheck-waivers.yaml`: found from a specification's place, and read as strictly as a specification."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import ValidationError

from pgcheck.checker.verdicts.waiver import CLASSES, Property, Waiver
from pgcheck.isa.files.errors import Position, Problems, SpecificationError, Text
from pgcheck.isa.files.tree import Mapping, Node, compose, content_of, text_of
from pgcheck.isa.files.values import (
    Entry,
    Identifier,
    Natural,
    Read,
    Reading,
    SomeText,
    choice,
    named,
    problem_of,
    wrong,
)
from pgcheck.options import REQUIRED

_DATE: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class WaiverFileError(SpecificationError):
    """A waiver file is wrong."""

    subject = "the waiver file"


def day(text: str) -> date | None:
    """The day that `YYYY-MM-DD` names, or None."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _day(node: Node) -> date:
    found = day(node) if isinstance(node, Text) else None
    if found is None:
        raise wrong(node, "a date is needed here", "a day as YYYY-MM-DD")
    return found


Digest: TypeAlias = Annotated[Text, named("[0-9a-f]{64}", "the digest of a meaning, which `pgcheck waive` writes")]
Day: TypeAlias = Annotated[date, Read(_day, {"type": "string", "format": "date"})]


class _Entry(Entry):
    """One waiver as it stands in the file."""

    machine: SomeText
    deployment: SomeText
    instruction: SomeText
    property: Annotated[Text, choice(*REQUIRED)]
    meaning: Digest
    differences: list[SomeText]
    modes: list[Annotated[Text, choice(*CLASSES)]] | None = None
    operands: dict[Identifier, Natural] | None = None
    reason: SomeText
    expires: Day | None = None

    def check(self, along: Reading) -> None:
        for key, values in (("differences", self.differences), ("modes", self.modes)):
            if values == []:
                along.problems.report(self.position, f"{key} is empty: such a waiver accepts nothing")
        if self.property != "monitor":
            for key, value in (("modes", self.modes), ("operands", self.operands)):
                if value is not None:
                    hint = "a theorem is waived by its sensitivities alone"
                    along.problems.report(self.position, f"{key} is for the property monitor", hint=hint)

    def waiver(self) -> Waiver:
        """The value that the checker reviews."""
        machine, deployment, instruction = map(str, (self.machine, self.deployment, self.instruction))
        property_ = REQUIRED[REQUIRED.index(self.property)]
        modes = frozenset(map(str, CLASSES if self.modes is None else self.modes))
        operands = {str(name): value for name, value in (self.operands or {}).items()}
        return Waiver(
            machine=machine,
            deployment=deployment,
            instruction=instruction,
            property=property_,
            meaning=str(self.meaning),
            differences=frozenset(map(str, self.differences)),
            reason=str(self.reason),
            modes=modes,
            operands=operands,
            expires=self.expires,
            position=self.position,
        )


class _File(Entry):
    """The whole file."""

    waivers: list[_Entry]

    def check(self, along: Reading) -> None:
        first: dict[tuple[str, ...], Position] = {}
        for entry in self.waivers:
            before = first.setdefault(identity(entry.waiver()), entry.position)
            if before is not entry.position:
                along.problems.report(entry.position, "this is waived twice", found=f"first at line {before.line}")


def identity(waiver: Waiver) -> tuple[str, str, str, Property]:
    """What a file has one waiver of."""
    return waiver.machine, waiver.deployment, waiver.instruction, waiver.property


def load(path: Path) -> tuple[Waiver, ...]:
    """The waivers of a file, in its order. Raises WaiverFileError with all that is wrong."""
    problems = Problems()
    content = content_of(path, Position(str(path), 1, 1), problems)
    text = (
        None if content is None or empty(content.decode("utf-8", "replace")) else text_of(content, str(path), problems)
    )
    return _waivers(text, path, problems)


def parsed(text: str, path: Path) -> tuple[Waiver, ...]:
    """The waivers that a file of this text holds. Raises WaiverFileError."""
    problems = Problems()
    content = None if empty(text) else text_of(text.encode("utf-8", "backslashreplace"), str(path), problems)
    return _waivers(content, path, problems)


def empty(text: str) -> bool:
    """Whether a text says nothing: only blank lines and comments."""
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.lstrip("\ufeff").splitlines())


def _waivers(text: str | None, path: Path, problems: Problems) -> tuple[Waiver, ...]:
    tree = compose(text, str(path), problems) if text is not None else None
    entries = _entries(tree, problems) if tree is not None else ()
    try:
        problems.raise_if_any()
    except SpecificationError as error:
        raise WaiverFileError(error.problems) from None
    return tuple(entry.waiver() for entry in entries)


def _entries(tree: Mapping, problems: Problems) -> Sequence[_Entry]:
    try:
        return _File.model_validate(tree, context=Reading(problems)).waivers
    except ValidationError as error:
        for details in error.errors(include_url=False):
            problems.add(problem_of(details))
        return ()
