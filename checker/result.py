"""What a check found, as values: instructions, theorems, lint, and the events from which every output is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from pgcheck.checker.values import Configuration, Mismatch, Payload, Sensitivity
from pgcheck.isa.files.errors import Position

Status = Literal["holds", "fails", "conditional", "unknown", "void"]
FindingStatus = Literal["ok", "assumed", "warning", "fails", "error", "unknown"]
VERDICTS = (
    "innocuous", "intentional", "privileged", "trap-mediated", "conditional", "timing", "hole", "unknown",
)  # fmt: skip
THEOREMS = ("theorem1", "theorem2", "theorem3", "monitor")
Cells = Mapping[int, int]
StateValue = int | Cells


@dataclass(frozen=True, slots=True)
class Witness:
    """A concrete refutation: the same instruction on the virtual machine and on the real one.

    States are given by leaf, only where they are not 0; arrays by index, -1 standing for all others. `choices` are the values of fresh variables, the other tables are the oracles' answers:
    `translations` (arguments, fault, address), `misses` (arguments without mode), `probes` and `tables` (function, arguments, value).
    `differs` names what the guest or the monitor notices (`general:GPR`, `virtual:EFLAGS.IF`, `trap:next`, ...).
    `continued` are the traps that do not enter the monitor; `hard` says that it replays through the specification's own translation.
    """

    specification: str
    digest: str
    deployment: str
    instruction: str
    row: str
    virtual_mode: int
    configuration: Configuration
    units: tuple[int, ...]
    assembly: str
    operands: Mapping[str, int]
    virtual: Mapping[str, StateValue]
    real: Mapping[str, StateValue]
    virtual_after: Mapping[str, StateValue]
    real_after: Mapping[str, StateValue]
    virtual_exit: str
    real_exit: str
    choices: Mapping[str, int]
    translations: tuple[tuple[tuple[int, ...], int, int], ...]
    misses: tuple[tuple[tuple[int, ...], int], ...]
    probes: tuple[tuple[str, tuple[int, ...], int], ...]
    tables: tuple[tuple[str, tuple[int, ...], int], ...]
    differs: tuple[Mismatch, ...]
    continued: tuple[Payload, ...] = ()
    hard: bool = False


@dataclass(frozen=True, slots=True)
class InstructionResult:
    """One row of the report. `evidence` is `taint`, `solver` or `two-solvers`; `reason` says in a line why the verdict is what it is.

    `holed_user` says that a virtual user state is a hole, under the configuration if there is one. `knobs` are the control leaves on
    which it depends whether the row traps.
    """

    id: str
    name: str
    variant: str
    row: str
    position: Position
    sensitive: bool
    sensitivities: tuple[Sensitivity, ...]
    user_sensitive: bool
    timing: bool
    privileged: bool
    privileged_under_configuration: bool
    sensitive_under_configuration: bool
    user_sensitive_under_configuration: bool
    holed_user: bool
    verdict: str
    configuration: Configuration | None
    evidence: str
    reason: str
    witness: Witness | None
    knobs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TheoremResult:
    """A theorem's premise: its status, the instructions it fails on, and the configuration under which it is conditional.

    `waived` are those of the failing instructions and premises whose difference somebody has accepted; the status stays `fails`. `premises` are what
    the machine itself lacks, or what is open of that. `timing` are the instructions by which guests of a monitor that exists see real time. `void`: the
    specification breaks a law, so nothing is said.
    """

    name: str
    status: Status
    failing: tuple[str, ...] = ()
    configuration: Configuration | None = None
    waived: tuple[str, ...] = ()
    premises: tuple[str, ...] = ()
    timing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentResult:
    """A machine under one deployment. `direct` is the predicate of a hybrid monitor's directly run virtual states, "" if none was found."""

    name: str
    theorems: Mapping[str, TheoremResult]
    instructions: tuple[InstructionResult, ...]
    configuration: Configuration
    direct: str = ""

    @property
    def void(self) -> bool:
        """Whether nothing is said, for the specification breaks a law: then its rows are no claims either."""
        return any(t.status == "void" for t in self.theorems.values())


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of a law about the specification itself, or of a premise of the theorems: `law` names it.

    What is `assumed` is printed with every answer. An `error` voids all answers, what `fails` refutes the theorems of the deployment that it is about, `unknown` never passes.
    """

    law: str
    status: FindingStatus
    subject: str
    message: str
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """What it took: obligations, how many folding settled, second-solver confirmations of the other unsats, seconds.

    `witnesses` are the holes, which need one each; `replayed` those that have one, which the reference binding reproduced.
    `doubts` says of the others why they are not confirmed, and how many for each reason. `cached`: all but the seconds is that of the run whose result was kept.
    """

    queries: int = 0
    folded: int = 0
    unsat: int = 0
    confirmed: int = 0
    witnesses: int = 0
    replayed: int = 0
    seconds: float = 0.0
    slowest: tuple[str, float] = ("", 0.0)
    doubts: Mapping[str, int] = field(default_factory=dict)
    cached: bool = False

    def __add__(self, other: Effort) -> Effort:
        return Effort(
            queries=self.queries + other.queries,
            folded=self.folded + other.folded,
            unsat=self.unsat + other.unsat,
            confirmed=self.confirmed + other.confirmed,
            witnesses=self.witnesses + other.witnesses,
            replayed=self.replayed + other.replayed,
            seconds=self.seconds + other.seconds,
            slowest=max(self.slowest, other.slowest, key=lambda s: s[1]),
            doubts={n: self.doubts.get(n, 0) + other.doubts.get(n, 0) for n in sorted({*self.doubts, *other.doubts})},
            cached=self.cached and other.cached,
        )


@dataclass(frozen=True, slots=True)
class MachineResult:
    """The whole answer for one specification; `deployments[0]` is the one that theorems and exit codes speak of."""

    name: str
    title: str
    path: str
    digest: str
    unmodelled: tuple[str, ...]
    deployments: tuple[DeploymentResult, ...]
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]
    effort: Effort = field(default_factory=Effort)

    @property
    def main(self) -> DeploymentResult:
        return self.deployments[0]


@dataclass(frozen=True, slots=True)
class Started:
    """A specification is about to be checked: how many rows in all."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A row has been judged, `phase` is `rows` or `configuration`."""

    phase: str
    id: str
    verdict: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A specification is done."""

    result: MachineResult


Event = Started | Judged | Finished


class ExitCode(IntEnum):
    """Exit codes of the command line; over several specifications the worst in the order 4, 2, 1, 3, 0."""

    PROVED = 0  # the required property holds, or holds under a configuration
    REFUTED = 1
    USAGE = 2  # usage or specification error
    UNKNOWN = 3
    INTERNAL = 4

    @staticmethod
    def worst(codes: list[ExitCode]) -> ExitCode:
        """The code of a run over several specifications."""
        order = (ExitCode.INTERNAL, ExitCode.USAGE, ExitCode.REFUTED, ExitCode.UNKNOWN)
        return next((c for c in order if c in codes), ExitCode.PROVED)
