"""A specification that says everything, and changes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.isa.files.errors import Problem, SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine

CASES = Path(__file__).with_name("cases")
COMPLETE = (CASES / "complete.yaml").read_text("utf-8")


def machine(folder: Path, text: str = COMPLETE) -> Machine:
    file = folder / "machine.yaml"
    file.write_text(text, "utf-8")
    return load(file)


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    """Everything that is wrong with a text."""
    with pytest.raises(SpecificationError) as caught:
        machine(folder, text)
    assert str(caught.value)
    return caught.value.problems
