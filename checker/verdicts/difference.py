"""What changed between two versions of a specification, by meaning: instructions, theorems, configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from pgcheck.checker.result import THEOREMS, DeploymentResult, Finding, FindingStatus, InstructionResult, MachineResult
from pgcheck.checker.traps.changes import LOST_KNOB, ChangeRule
from pgcheck.checker.traps.difference import TrapChange
from pgcheck.checker.values import Configuration
from pgcheck.isa.files.errors import Position
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.meaning import Meanings, meanings

Kind = Literal[
    "newly-hole", "vanished-configuration", "newly-unknown", "newly-fixed", "added", "added-hole", "removed", "class", "semantics",
    "encoding", "renamed",
]  # fmt: skip
REGRESSIONS: Final = frozenset({"newly-hole", "vanished-configuration", "newly-unknown", "added-hole"})
_STATUS: Final = ("holds", "conditional", "unknown", "fails", "void")
_SAID: Final[tuple[FindingStatus, ...]] = ("assumed", "warning", "unknown", "fails", "error")
_WORSE: Final = frozenset({"unknown", "fails", "error"})


@dataclass(frozen=True, slots=True)
class InstructionChange:
    """A row of the report that changed: its verdicts before and after ("" where it did not exist)."""

    kind: Kind
    deployment: str
    id: str
    name: str
    before: str
    after: str
    position: Position
    note: str = ""


@dataclass(frozen=True, slots=True)
class TheoremChange:
    """A theorem whose status changed, and the instructions that it newly fails on.

    `timing` are those that newly show guests real time, of which a status that got better says nothing.
    """

    deployment: str
    name: str
    before: str
    after: str
    failing: tuple[str, ...]
    timing: tuple[str, ...] = ()

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
class FindingChange:
    """What a rule says now and did not say (`new`), or said and says no more."""

    new: bool
    finding: Finding

    @property
    def worse(self) -> bool:
        """Whether the specification, or what is known of it, is worse than before."""
        return self.new and self.finding.status in _WORSE


@dataclass(frozen=True, slots=True)
class LostKnob:
    """Control state on which it depended whether some row traps, and on which no row's trap depends any more; the rows that did."""

    deployment: str
    leaf: str
    rows: tuple[str, ...]

    @property
    def rule(self) -> ChangeRule:
        """The rule that it breaks."""
        return LOST_KNOB


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changed in a machine; `deployments` are (name, "added" or "removed"), `configurations` (deployment, before, after).

    `void`: the new specification breaks a law, so that nothing is known of it.
    """

    name: str
    instructions: tuple[InstructionChange, ...]
    theorems: tuple[TheoremChange, ...]
    configurations: tuple[tuple[str, Configuration, Configuration], ...]
    shared: tuple[SharedChange, ...]
    deployments: tuple[tuple[str, str], ...]
    findings: tuple[FindingChange, ...] = ()
    lost: tuple[LostKnob, ...] = ()
    void: bool = False
    traps: tuple[TrapChange, ...] = ()

    @property
    def regressions(self) -> bool:
        """Whether a hole, an open question or a broken law is new, a theorem says less, or a trap can no longer be asked for."""
        worse = (any(c.kind in REGRESSIONS for c in self.instructions), any(t.worse for t in self.theorems))
        return any(worse) or any(f.worse for f in self.findings) or bool(self.lost)

    @property
    def empty(self) -> bool:
        """Whether nothing changed that means anything."""
        changed = (self.instructions, self.theorems, self.configurations, self.shared, self.deployments)
        return not any((*changed, self.findings, self.lost, self.traps))


@dataclass(frozen=True, slots=True)
class Version:
    """One side of a comparison: what was found, what the specification means, and its state by leaf."""

    result: MachineResult
    meanings: Meanings
    leaves: frozenset[str]


def version(machine: Machine, result: MachineResult) -> Version:
    """A machine and what a check of it found, as a side of a comparison."""
    guests = (meanings(v.machine).instructions for v in machine.virtual if v.machine is not None)
    own = meanings(machine)
    every = dict(item for meant in (*guests, own.instructions) for item in meant.items())
    return Version(result, replace(own, instructions=every), frozenset(machine.state.leaves))


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
        tuple(_findings(old.result.findings, new.result.findings, renamed)),
        tuple(k for n in both for k in _lost(before[n], after[n], new.leaves)),
        _void(new.result),
    )


def appeared(new: Version) -> Difference:
    """A machine that was not there before: a hole in it is as new as the rest, and so is what is said of it."""
    rows = tuple(
        InstructionChange(_kind_of_new(row), d.name, row.id, row.name, "", row.verdict, row.position)
        for d in new.result.deployments
        for row in d.instructions
    )
    added = tuple((d.name, "added") for d in new.result.deployments)
    return Difference(
        new.result.name, rows, (), (), (), added, tuple(_findings((), new.result.findings, {})), void=_void(new.result)
    )


def disappeared(old: Version) -> Difference:
    """A machine that is no longer there."""
    rows = tuple(
        InstructionChange("removed", d.name, row.id, row.name, row.verdict, "", row.position)
        for d in old.result.deployments
        for row in d.instructions
    )
    return Difference(old.result.name, rows, (), (), (), tuple((d.name, "removed") for d in old.result.deployments))


def _void(result: MachineResult) -> bool:
    return any(f.status == "error" for f in result.findings)


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
            yield InstructionChange(_kind_of_new(row), new.name, row.id, row.name, "", row.verdict, row.position)
            continue
        seen.add(former.id)
        yield from _changed(sides, former, row, origin)
    for row in old.instructions:
        if row.id not in seen:
            yield InstructionChange("removed", old.name, row.id, row.name, row.verdict, "", row.position)


def _changed(
    sides: _Sides, former: InstructionResult, row: InstructionResult, origin: str
) -> Iterator[InstructionChange]:
    """What became of a row whose instruction was called `origin`."""
    old, new, instruction = sides.old, sides.new, row.id.removesuffix(row.row)
    was, now = sides.meant.instructions[origin], sides.means.instructions[instruction]

    def change(kind: Kind, note: str = "") -> InstructionChange:
        return InstructionChange(kind, new.name, row.id, row.name, former.verdict, row.verdict, row.position, note)

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
    shown = _clocks(new) - _clocks(old)
    for name in THEOREMS:
        was, now = old.theorems[name], new.theorems[name]
        if was.status != now.status:
            newly = tuple(i for i in now.failing if i not in was.failing)
            change = TheoremChange(new.name, name, was.status, now.status, newly)
            yield change if change.worse else replace(change, timing=tuple(sorted(shown)))


def _clocks(result: DeploymentResult) -> frozenset[str]:
    """The rows by which guests see real time."""
    return frozenset(row.id for row in result.instructions if row.verdict == "timing")


def _findings(old: Sequence[Finding], new: Sequence[Finding], renamed: Mapping[str, str]) -> Iterator[FindingChange]:
    """What is said on one side only; of an instruction by the name that it had."""
    said = {_saying(f, {}): f for f in old if f.status in _SAID}
    says = {_saying(f, renamed): f for f in new if f.status in _SAID}
    yield from (FindingChange(True, f) for key, f in says.items() if key not in said)
    yield from (FindingChange(False, f) for key, f in said.items() if key not in says)


def _saying(finding: Finding, renamed: Mapping[str, str]) -> tuple[str, ...]:
    return finding.law, finding.status, renamed.get(finding.subject, finding.subject), finding.message


def _lost(old: DeploymentResult, new: DeploymentResult, leaves: frozenset[str]) -> Iterator[LostKnob]:
    """Control state that is still there, and no longer decides whether anything traps."""
    still = {leaf for row in new.instructions for leaf in row.knobs}
    for leaf in sorted({leaf for row in old.instructions for leaf in row.knobs} & leaves - still):
        yield LostKnob(new.name, leaf, tuple(row.id for row in old.instructions if leaf in row.knobs))


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
