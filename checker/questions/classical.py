"""The predicates of Popek and Goldberg by role and start mode, on one and two copies of a step.

Definitions: Popek and Goldberg 1974, extended to roles of control state; `trap-sensitive` and `trap-kind-sensitive` besides, for a check
that fails differently in two modes is seen by the guest as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pgcheck.checker.questions.copies import (
    Copy,
    as_it_is,
    differ,
    fresh,
    instantiate,
    over,
    payloads_differ,
    second_oracle,
)
from pgcheck.checker.questions.model_replay import replay_model
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.questions.taint import Footprint
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Sensitivity
from pgcheck.isa.terms import FALSE, Name, Term, conjunction, disjunction, land, lnot, lor
from pgcheck.isa.terms.ir import UNPREDICTABLE
from pgcheck.isa.terms.names import FIRST, READ, SECOND, Tag

TIMING = "timing"
MODE = "mode"
# Roles that say where or on what the machine runs: what two user states may differ in for Theorem 3.
LOCATION_ROLES = frozenset({"relocation", "vector", "device", "identity", "configuration", "translation_cache"})


@dataclass(frozen=True, slots=True)
class Classical:
    """The classical booleans of a subject. `timing` alone never counts as sensitive.

    `kind_varies`: it always traps, but control state decides with which kind.
    """

    privileged: bool
    sensitivities: tuple[Sensitivity, ...]
    completes_supervisor: bool
    completes_user: bool
    kind_varies: bool = False

    @property
    def sensitive(self) -> bool:
        return any(s.role != TIMING for s in self.sensitivities)

    @property
    def timing(self) -> bool:
        return any(s.role == TIMING for s in self.sensitivities)

    @property
    def user_sensitive(self) -> bool:
        """Theorem 3: control-sensitive from a user state, or location-sensitive between two user states."""
        return any(
            s.start == "U" and (s.role != TIMING if s.kind == "ctl" else s.role in LOCATION_ROLES and s.kind != "tks")
            for s in self.sensitivities
        )


@dataclass(slots=True)
class _Runs:
    """Copies of one subject by tag and start mode, made once."""

    setting: Setting
    subject: Subject
    fixed: Mapping[str, int]
    made: dict[tuple[Tag, int], tuple[Copy, Term]] = field(default_factory=dict)

    def leaves(self, tag: Tag, mode: int) -> dict[str, Term]:
        machine = self.setting.machine
        pre = fresh(machine, tag)
        for name, value in self.fixed.items():
            pre[name] = machine.state.leaves[name].holding(value)
        pre[machine.modes.leaf] = self.setting.mode(mode)
        return pre

    def run(self, tag: Tag, mode: int) -> tuple[Copy, Term]:
        """A copy started in `mode`, and what is assumed of it."""
        if (tag, mode) not in self.made:
            machine = self.setting.machine
            pre = self.leaves(tag, mode)
            copy = instantiate(machine, self.subject.transition, pre, as_it_is, tag, self.subject.private)
            self.made[tag, mode] = copy, assumed(self.setting, self.subject, copy)
        return self.made[tag, mode]


def assumed(setting: Setting, subject: Subject, copy: Copy) -> Term:
    """Legality, canonical operands, and nothing that the specification left out."""
    return conjunction([over(setting.legal, copy.pre, setting.machine), subject.canonical, lnot(copy.unmodelled)])


def classify(
    setting: Setting, subject: Subject, footprint: Footprint, evidence: Evidence, fixed: Mapping[str, int] | None = None
) -> Classical:
    """The classical predicates of a subject over all legal states, or over those in which the leaves `fixed` have their values."""
    modes = setting.deployment.modes
    runs = _Runs(setting, subject, dict(fixed or {}))
    supervisor, user = modes.supervisor.values, modes.user.values
    completes = {
        "S": _completes(_Runs(setting, subject, {}), "S", supervisor, evidence),
        "U": _completes(runs, "U", user, evidence),
    }
    found: dict[Sensitivity, None] = {}
    for start, values in (("S", supervisor), ("U", user)):
        for sensitivity in _control(runs, values, start, footprint, evidence):
            found[sensitivity] = None
    roles = {setting.machine.state.leaves[n].role for n in footprint.reads if n in setting.machine.state.leaves}
    roles |= {setting.machine.code.tables[t].role for t in footprint.tables}
    roles |= {"relocation"} if footprint.probes else set()
    for role in sorted(roles - {"general"}):
        pairs = [(s, u, "SU") for s in supervisor for u in user] if role == MODE else []
        pairs += [(m, m, "S") for m in supervisor] + [(m, m, "U") for m in user]
        for sensitivity in _behaviour(runs, pairs, role, evidence):
            found[sensitivity] = None
    always_traps = not (completes["S"] or completes["U"])
    varies = always_traps and _kind_varies(runs, (*supervisor, *user), evidence)
    return Classical(completes["S"] and not completes["U"], tuple(found), completes["S"], completes["U"], varies)


def _kind_varies(runs: _Runs, modes: Sequence[int], evidence: Evidence) -> bool:
    """Two runs that agree on general state may trap with different kinds, memory traps aside."""
    machine = runs.setting.machine
    for first in modes:
        for second in modes:
            a, assume_a = runs.run(FIRST, first)
            other = runs.leaves(SECOND, second)
            pre = {n: other[n] if machine.state.leaves[n].control else a.pre[n] for n in machine.state.leaves}
            b = instantiate(machine, runs.subject.transition, pre, as_it_is, SECOND, frozenset())
            kinds = ("privileged", "intent", "other")
            kinds_differ = disjunction(land(a.ends(k), b.ends(*(x for x in kinds if x != k))) for k in kinds)
            if evidence.possible(
                [assume_a, assumed(runs.setting, runs.subject, b), kinds_differ], f"{runs.subject.id}:kind"
            ):
                return True
    return False


def completes_in_user_mode(setting: Setting, subject: Subject, evidence: Evidence, fixed: Mapping[str, int]) -> bool:
    """Whether the subject can get by without a trap in user mode in the states where the leaves `fixed` have their values."""
    return _completes(_Runs(setting, subject, fixed), "U", setting.deployment.modes.user.values, evidence)


def _completes(runs: _Runs, start: str, values: Sequence[int], evidence: Evidence) -> bool:
    for mode in values:
        copy, _ = runs.run(FIRST, mode)
        model = evidence.model([*_known(runs, mode), _gets_by(copy, start)], f"{runs.subject.id}:completes@{start}")
        if model is not None:
            replay_model(runs.setting, runs.subject, copy, model, FIRST)
            return True
    return False


def _known(runs: _Runs, mode: int) -> list[Term]:
    """Legality and canonical operands of the first run."""
    copy, _ = runs.run(FIRST, mode)
    return [over(runs.setting.legal, copy.pre, runs.setting.machine), runs.subject.canonical]


def _gets_by(copy: Copy, start: str) -> Term:
    """The step need not trap: it goes on, or halts; in user mode also where it may do anything."""
    certain = lor(copy.goes_on, copy.halts)
    return (
        lor(certain, lor(copy.unpredictable, copy.unmodelled)) if start == "U" else land(certain, lnot(copy.unmodelled))
    )


def _control(
    runs: _Runs, values: Sequence[int], start: str, footprint: Footprint, evidence: Evidence
) -> list[Sensitivity]:
    """Roles of control leaves that a completed step may change."""
    machine, found = runs.setting.machine, dict[Sensitivity, None]()
    if footprint.halts:
        halting = (runs.run(FIRST, mode) for mode in values)
        if any(evidence.possible([assume, copy.halts], f"{runs.subject.id}:halts@{start}") for copy, assume in halting):
            found[Sensitivity("ctl", "run", start)] = None
    leaves = [machine.state.leaves[name] for name in sorted(footprint.writes)]
    for role in sorted({leaf.role for leaf in leaves}):
        for mode in values:
            copy, assume = runs.run(FIRST, mode)
            changed = disjunction(
                land(o.guard, differ(leaf, o.post[leaf.name], copy.pre[leaf.name]))
                for o in copy.outcomes
                for leaf in leaves
                if leaf.role == role
            )
            sensitivity = Sensitivity("ctl", role, start)
            if sensitivity not in found and evidence.possible([assume, changed], f"{runs.subject.id}:{sensitivity}"):
                found[sensitivity] = None
    return list(found)


def _behaviour(runs: _Runs, pairs: Sequence[tuple[int, int, str]], role: str, evidence: Evidence) -> list[Sensitivity]:
    """How two runs that agree on all but the leaves of `role` may differ."""
    setting, subject, machine = runs.setting, runs.subject, runs.setting.machine
    found: dict[Sensitivity, None] = {}
    for first, second, start in pairs:
        a, assume_a = runs.run(FIRST, first)
        other = runs.leaves(SECOND, second)
        pre = {n: other[n] if machine.state.leaves[n].role == role else a.pre[n] for n in machine.state.leaves}
        pre[machine.modes.leaf] = other[machine.modes.leaf]
        private = frozenset(n for n in subject.private if n.space == READ and machine.state.leaves[n.text].role == role)
        b = instantiate(
            machine, subject.transition, pre, second_oracle(machine, setting.mode(first), pre, role), SECOND, private
        )
        a = _unshared(runs, first, private)
        assume = land(land(assume_a, assumed(setting, subject, a)), assumed(setting, subject, b))
        asked = {Sensitivity(kind, role, start): d for kind, d in differences(a, b).items() if d is not FALSE}
        asked = {s: d for s, d in asked.items() if s not in found}
        if len(asked) > 1 and not evidence.possible(
            [assume, disjunction(asked.values())], f"{subject.id}:any[{role}@{start}]"
        ):
            continue
        for sensitivity, difference in asked.items():
            if evidence.possible([assume, difference], f"{subject.id}:{sensitivity}"):
                found[sensitivity] = None
    return list(found)


def _unshared(runs: _Runs, mode: int, private: frozenset[Name]) -> Copy:
    """The first run with only its own fresh variables of the compared role; all others are shared."""
    machine = runs.setting.machine
    return instantiate(machine, runs.subject.transition, runs.leaves(FIRST, mode), as_it_is, FIRST, private)


def differences(a: Copy, b: Copy) -> dict[str, Term]:
    """Behaviour (general state after two completed steps), trap and trap-kind differences of two runs, whichever of them traps."""
    machine = a.machine
    behaviour = FALSE
    for x, y in zip(a.outcomes, b.outcomes, strict=True):
        seen = disjunction(differ(leaf, x.post[leaf.name], y.post[leaf.name]) for leaf in machine.state.general)
        behaviour = disjunction(
            [behaviour, conjunction([x.guard, y.guard, disjunction([seen, payloads_differ(x.payload, y.payload)])])]
        )
    other_a, other_b = a.ends("other", UNPREDICTABLE), b.ends("other", UNPREDICTABLE)
    return {
        "beh": behaviour,
        "trs": lor(land(a.goes_on, other_b), land(other_a, b.goes_on)),
        "tks": lor(land(a.ends("intent"), other_b), land(other_a, b.ends("intent"))),
    }
