"""What the proofs of a monitor found, as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pgcheck.checker.result import StateValue

Verdict = Literal["proved", "refuted", "unknown", "vacuous", "error"]
ORDER: tuple[Verdict, ...] = ("error", "refuted", "unknown", "vacuous", "proved")
EQ4 = "EQ4"
FAMILIES: Mapping[str, str] = {
    "EQ1": "one step of the guest is one step of the bare machine",
    "EQ3": "every trap has the bare machine's frame",
    "RC1": "the processor runs a guest in user mode and in the monitor's state",
    "ISO2": "what runs directly reaches only what translation gives",
    "ISO3": "after a world switch nothing shows the guest before",
    "SH1": "shadow entries are what the guest's tables say",
    EQ4: "generated code does what the specification says",
}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; `unknown` of none."""
    found = set(verdicts)
    for verdict in ORDER:
        if verdict in found:
            return verdict
    return "unknown"


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A virtual state and an instruction whose monitored step differs from the bare machine's.

    Leaves that are 0 are left out; `answers` are the oracles' (function, arguments, value); `differs` is what the replay showed.
    """

    instruction: str
    operands: Mapping[str, int]
    virtual_mode: int
    virtual: Mapping[str, StateValue]
    answers: tuple[tuple[str, tuple[int, ...], int], ...]
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Obligation:
    """One claim about one subject (a row in one virtual mode, or an operation) and what came of it.

    `evidence` is `folded`, `solver` or `two-solvers`; `reason` says why it is not proved.
    """

    family: str
    subject: str
    verdict: Verdict
    evidence: str = ""
    reason: str = ""
    seconds: float = 0.0
    counterexample: Counterexample | None = None


@dataclass(frozen=True, slots=True)
class Canary:
    """A claim whose truth is known, asked like any other; a family with a canary that failed proves nothing."""

    family: str
    name: str
    fired: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentProof:
    """The proofs for one deployment under one kind of monitor; `refused` says why there is no monitor to prove.

    `hidden` are the (first, last) addresses of a guest's at which the monitor has pages of its own, None if that is not known.
    """

    name: str
    kind: str
    obligations: tuple[Obligation, ...] = ()
    canaries: tuple[Canary, ...] = ()
    refused: str = ""
    left_out: int = 0
    hidden: tuple[tuple[int, int], ...] | None = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; a monitor that is refused is refuted."""
        if self.refused:
            return "refuted"
        return worst(o.verdict for o in self.obligations)


@dataclass(frozen=True, slots=True)
class CodeProof:
    """The proofs for the code that every deployment runs; `assumed` is what stands below them."""

    obligations: tuple[Obligation, ...] = ()
    canaries: tuple[Canary, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        return worst(o.verdict for o in self.obligations)


def counts(obligations: Iterable[Obligation], family: str) -> Mapping[str, int]:
    """How many obligations of a family ended in which verdict."""
    return Counter(o.verdict for o in obligations if o.family == family)


@dataclass(frozen=True, slots=True)
class MonitorProof:
    """The whole answer for one specification."""

    name: str
    path: str
    digest: str
    deployments: tuple[DeploymentProof, ...]
    versions: Mapping[str, str]
    seconds: float
    code: CodeProof = CodeProof()
    native: CodeProof = CodeProof()

    @property
    def verdict(self) -> Verdict:
        """The verdict of the worst deployment that has a monitor, or of generated or native code if that is worse; refuted if none has a monitor."""
        with_one: list[Verdict] = [d.verdict for d in self.deployments if not d.refused] or [
            d.verdict for d in self.deployments
        ]
        return worst([*with_one, *(o.verdict for c in (self.code, self.native) for o in c.obligations)])
