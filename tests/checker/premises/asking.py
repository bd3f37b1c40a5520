"""What a premise says of a small machine whose monitor exists, changed in places."""

from __future__ import annotations

from pathlib import Path

from pgcheck.checker.example import PAGED, Example
from pgcheck.checker.law import Premise
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import NOTHING
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from tests.checker.variants import edited

Changes = tuple[tuple[str, str], ...]
CONTROL = "soundness/z00_control"
ENTRY = "SM = M; SP = $pc; M = 0; L = 0; B = 15; $pc = 4'd1;"


def said(premise: Premise, machine: Machine, evidence: Evidence) -> list[tuple[str, str]]:
    """(status, message) of each finding, of the first deployment."""
    setting = settled(machine, machine.deployments[0], evidence)
    return [(f.status, f.message) for f in premise.ask(setting, NOTHING, evidence)]


def paged(folder: Path, *edits: tuple[str, str]) -> Machine:
    """The machine of the rules' examples with page tables."""
    file = folder / "paged.yaml"
    file.write_text(Example(edits, (), PAGED).broken, "utf-8")
    return load(file)


def entry(folder: Path, body: str, *more: tuple[str, str]) -> Machine:
    """The machine with another body of its trap entry."""
    return edited(folder, (ENTRY, body), *more, base=CONTROL)
