"""Small variants of the paper's machine, written by a test."""

from __future__ import annotations

from pathlib import Path

from pgcheck.checker.lint import examine
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.shipped import shipped
from tests.specifications import path_of


def variant(folder: Path, text: str, base: str = "pg74") -> Machine:
    """The machine `base` with the further keys of `text`."""
    file = folder / "variant.yaml"
    file.write_text(f"include: [{base}]\nname: variant\ntitle: A variant\n{text}", "utf-8")
    return load(file, shipped=shipped)


def edited(folder: Path, *changes: tuple[str, str], base: str = "pg74") -> Machine:
    """The machine `base` with each (old, new) replaced in its text, where old stands once."""
    text = path_of(base).read_text("utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = folder / "edited.yaml"
    file.write_text(text, "utf-8")
    return load(file, shipped=shipped)


def with_instruction(folder: Path, body: str, keys: str = "", more: str = "") -> Machine:
    """The paper's machine with an instruction `new` whose operand `r` names an accumulator; `more` are further keys of the file."""
    lines = "\n".join("      " + line for line in body.splitlines())
    return variant(
        folder,
        f"""{more}
instructions:
  - name: new
    encoding: {{match: "10000000----00000000000000000000", variables: ["r 23-20"]}}
    {keys}
    operation(): |
{lines}
""",
    )


FLAG = 'state:\n  F: {type: Bits<1>, role: configuration}\nlegal: ["F == 0"]\n'
GO = "exits:\n  go: {kind: execute}\nfunctions: |\n  function go { arguments Bits<32> word description { . } body { } }\n"


def laws_broken(machine: Machine, evidence: Evidence) -> set[tuple[str, str]]:
    """(law, status) of what the laws say of the instruction `new`, at its place in the file."""
    found = examine(machine, machine.instruction("new"), evidence)
    assert all(f.position == machine.instruction("new").position and f.subject == "new" for f in found)
    return {(f.law, f.status) for f in found}
