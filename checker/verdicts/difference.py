"""What changed between two versions of a specification, by meaning: instructions, theorems, configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pgcheck.checker.result import THEOREMS, DeploymentResult, InstructionResult, MachineResult
from pgcheck.checker.values import Configuration
from pgcheck.isa.files.errors import Position
from pgcheck.isa.machine.meaning import Meanings

Kind = Literal[
    "newly-hole", "vanished-configuration", "newly-unknown", "newly-fixed", "added", "added-hole", "removed", "class", "semantics",
    "encoding", "renamed",
]  # fmt: skip
REGRESSIONS: Final = frozenset({"newly-hole", "vanished-configuration", "newly-unknown", "added-hole"})
_STATUS: Final = ("holds", "conditional", "unknown", "fails", "void")


@dataclass(frozen=True, slots=True)
class InstructionChange:
    """A row of the report that changed: its verdicts before and after ("" where it did not exist)."""

    kind: Kind
    deployment: str
    id: str
    before: str
    after: str
    position: Position
    note: str = ""


@dataclass(frozen=True, slots=True)
class TheoremChange:
    """A theorem whose status changed, and the instructions that it newly fails on."""

    deployment: str
    name: str
    before: str
    after: str
    failing: tuple[str, ...]

    @property
    def worse(self) -> bool:
        """Whether less is known to hold than before."""
        return _STATUS.index(self.after) > _STATUS.index(self.before)


@dataclass(frozen=True, slots=True)
class SharedChange:
    """A shared part that changed (a function, legality, translation, a deployment), and the instructions that go through it."""

    part: str
    affected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changed in a machine; `deployments` are (name, "added" or "removed"), `configurations` (deployment, before, after)."""

    name: str
    instructions: tuple[InstructionChange, ...]
    theorems: tuple[TheoremChange, ...]
    configurations: tuple[tuple[str, Configuration, Configuration], ...]
    shared: tuple[SharedChange, ...]
    deployments: tuple[tuple[str, str], ...]

    @property
    def regressions(self) -> bool:
        """Whether a hole or an open question is new, or a theorem says less."""
        return any(c.kind in REGRESSIONS for c in self.instructions) or any(t.worse for t in self.theorems)

    @property
    def empty(self) -> bool:
        """Whether nothing changed that means anything."""
        return not (self.instructions or self.theorems or self.configurations or self.shared or self.deployments)


@dataclass(frozen=True, slots=True)
class Version:
    """One side of a comparison: what was found, and what the specification means."""

    result: MachineResult
    meanings: Meanings


def difference(old: Version, new: Version) -> Difference:
    """What changed from `old` to `new`; instructions that only have another name are matched by what they mean."""
    renamed = _renamed(old.meanings, new.meanings)
    before = {d.name: d for d in old.result.deployments}
    after = {d.name: d for d in new.result.deployments}
    both = [n for n in before if n in after]
    return Difference(
        new.result.name,
        tuple(c for n in both for c in _instructions(_Sides(before[n], after[n], old.meanings, new.meanings, renamed))),
        tuple(t for n in both for t in _theorems(before[n], after[n])),
        tuple((n, b, a) for n in both if (b := before[n].configuration) != (a := after[n].configuration)),
        tuple(_shared(old.meanings, new.meanings)),
        tuple((n, "removed") for n in before if n not in after) + tuple((n, "added") for n in after if n not in before),
    )


def appeared(new: Version) -> Difference:
    """A machine that was not there before: a hole in it is as new as the rest."""
    rows = tuple(
        InstructionChange(_kind_of_new(row), d.name, row.id, "", row.verdict, row.position)
        for d in new.result.deployments
        for row in d.instructions
    )
    return Difference(new.result.name, rows, (), (), (), tuple((d.name, "added") for d in new.result.deployments))


def disappeared(old: Version) -> Difference:
    """A machine that is no longer there."""
    rows = tuple(
        InstructionChange("removed", d.name, row.id, row.verdict, "", row.position)
        for d in old.result.deployments
        for row in d.instructions
    )
    return Difference(old.result.name, rows, (), (), (), tuple((d.name, "removed") for d in old.result.deployments))


def _kind_of_new(row: InstructionResult) -> Kind:
    return "added-hole" if row.verdict == "hole" else "newly-unknown" if row.verdict == "unknown" else "added"


def _renamed(old: Meanings, new: Meanings) -> dict[str, str]:
    """New name -> old name of instructions that exist on one side only and mean the same there and here."""
    gone = {(m.step, m.encoding): i for i, m in old.instructions.items() if i not in new.instructions}
    come = {i: (m.step, m.encoding) for i, m in new.instructions.items() if i not in old.instructions}
    return {i: gone[key] for i, key in come.items() if key in gone}


@dataclass(frozen=True, slots=True)
class _Sides:
    """A deployment on both sides, with what the specifications mean there; `renamed` are new names by which old ones go on."""

    old: DeploymentResult
    new: DeploymentResult
    meant: Meanings
    means: Meanings
    renamed: Mapping[str, str]


def _instructions(sides: _Sides) -> Iterator[InstructionChange]:
    old, new = sides.old, sides.new
    before = {row.id: row for row in old.instructions}
    seen: set[str] = set()
    for row in new.instructions:
        instruction = row.id.removesuffix(row.row)
        origin = sides.renamed.get(instruction, instruction)
        former = before.get(origin + row.row)
        if former is None:
            yield InstructionChange(_kind_of_new(row), new.name, row.id, "", row.verdict, row.position)
            continue
        seen.add(former.id)
        yield from _changed(sides, former, row, origin)
    for row in old.instructions:
        if row.id not in seen:
            yield InstructionChange("removed", old.name, row.id, row.verdict, "", row.position)


def _changed(
    sides: _Sides, former: InstructionResult, row: InstructionResult, origin: str
) -> Iterator[InstructionChange]:
    """What became of a row whose instruction was called `origin`."""
    old, new, instruction = sides.old, sides.new, row.id.removesuffix(row.row)
    was, now = sides.meant.instructions[origin], sides.means.instructions[instruction]

    def change(kind: Kind, note: str = "") -> InstructionChange:
        return InstructionChange(kind, new.name, row.id, former.verdict, row.verdict, row.position, note)

    if former.verdict != row.verdict:
        vanished = old.configuration.beyond(new.configuration)
        if row.verdict == "hole" and former.verdict == "conditional" and was.step == now.step and vanished:
            yield change(
                "vanished-configuration", f"the instruction is as it was; the common configuration lost {vanished}"
            )
        elif row.verdict == "hole":
            yield change("newly-hole", row.reason)
        elif row.verdict == "unknown":
            yield change("newly-unknown", row.reason)
        else:
            yield change("newly-fixed" if former.verdict == "hole" else "class", row.reason)
    elif was.step != now.step:
        yield change("semantics")
    elif was.encoding != now.encoding:
        yield change("encoding")
    elif origin != instruction:
        yield change("renamed", f"was {origin}")


def _theorems(old: DeploymentResult, new: DeploymentResult) -> Iterator[TheoremChange]:
    for name in THEOREMS:
        was, now = old.theorems[name], new.theorems[name]
        if was.status != now.status:
            newly = tuple(i for i in now.failing if i not in was.failing)
            yield TheoremChange(new.name, name, was.status, now.status, newly)


def _shared(old: Meanings, new: Meanings) -> Iterator[SharedChange]:
    """Functions whose body changed and that an instruction goes through, and parts that every verdict stands in."""
    for name, digest in new.functions.items():
        if old.functions.get(name, digest) != digest:
            affected = tuple(i for i, m in new.instructions.items() if name in m.functions)
            if affected:
                yield SharedChange(f"function {name}", affected)
    for part in sorted({*old.frame, *new.frame}):
        if old.frame.get(part) != new.frame.get(part):
            yield SharedChange(part, tuple(new.instructions))
