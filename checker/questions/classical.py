"""The predicates of Popek and Goldberg by role and start mode, on one and two copies of a step.

Definitions: Popek and Goldberg 1974, extended to roles of control state; `trap-sensitive` and `trap-kind-sensitive` besides, for a check
that fails differently in two modes is seen by the guest as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from pgcheck.checker.questions.copies import (
    Beside,
    Copy,
    Outcome,
    differ,
    fresh,
    oracles,
    over,
    own_mode_oracle,
    payloads_differ,
    second_oracle,
    second_own,
)
from pgcheck.checker.questions.hole import virtual_modes
from pgcheck.checker.questions.model_replay import replay_model
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.questions.taint import Footprint
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Sensitivity
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import FALSE, TRUE, Name, Term, conjunction, disjunction, land, lnot, lor
from pgcheck.isa.terms.names import FIRST, READ, SECOND, Tag

TIMING = "timing"
KINDS = ("privileged", "memory", "intent", "other")
MODE = "mode"


@dataclass(frozen=True, slots=True)
class Classical:
    """The classical booleans of a subject. What only shows time is not sensitive; what sets a clock is.

    `kind_varies`: it always traps, but control state decides with which kind.
    """

    privileged: bool
    sensitivities: tuple[Sensitivity, ...]
    completes_supervisor: bool
    completes_user: bool
    kind_varies: bool = False

    @property
    def sensitive(self) -> bool:
        return any(map(_counts, self.sensitivities))

    @property
    def tells(self) -> bool:
        """Where it completes it changes or shows control state: it does not only trap by it."""
        return any(s.kind in ("ctl", "beh") and _counts(s) for s in self.sensitivities)

    @property
    def timing(self) -> bool:
        return any(s.role == TIMING for s in self.sensitivities)

    @property
    def user_sensitive(self) -> bool:
        """Theorem 3: it changes a resource from a user state, or tells two user states apart by any."""
        return any(s.start == "U" and s.kind != "tks" and _counts(s) for s in self.sensitivities)


def _counts(sensitivity: Sensitivity) -> bool:
    return sensitivity.role != TIMING or sensitivity.kind == "ctl"


@dataclass(frozen=True, slots=True)
class Completion:
    """Whether a subject can get by without a trap, by mode."""

    supervisor: bool
    user: bool

    @property
    def privileged(self) -> bool:
        """It completes in supervisor mode and never does in user mode."""
        return self.supervisor and not self.user


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a step starts: `name` is S or U, `mode` the value of the mode leaf, `states` what is assumed there besides legality."""

    name: str
    mode: int
    states: Term = TRUE


@dataclass(frozen=True, slots=True)
class _Runs:
    """Copies of one subject by tag and start mode."""

    setting: Setting
    subject: Subject
    fixed: Mapping[str, int]

    def leaves(self, tag: Tag, mode: int) -> dict[str, Term]:
        machine = self.setting.machine
        pre = fresh(machine, tag)
        for name, value in self.fixed.items():
            pre[name] = machine.state.leaves[name].holding(value)
        pre[machine.modes.leaf] = self.setting.mode(mode)
        return pre

    def run(self, tag: Tag, mode: int) -> Copy:
        """A copy started in `mode`; all fresh variables that may be a copy's own are its own."""
        return self.beside(tag, mode, self.subject.private).copy

    def beside(self, tag: Tag, mode: int, private: frozenset[Name]) -> Beside:
        """The same, by which others are made; the fresh variables in `private` alone are the copies' own."""
        return self.subject.copies.of(self.setting.machine, self.leaves(tag, mode), tag, private)

    def known(self, copy: Copy, states: Term = TRUE) -> Term:
        """A legal state, which satisfies `states`, and canonical operands."""
        return land(over((*self.setting.legal, states), copy.pre, self.setting.machine), self.subject.canonical)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two runs to be compared: `guest` starts at `first`, `other` at `second` and has leaves of its own where it `varies`.

    What is found is said of `roles`.
    """

    guest: _Runs
    first: _Start
    other: _Runs
    second: int
    varies: frozenset[str]
    roles: tuple[str, ...]
    start: str


def assumed(setting: Setting, subject: Subject, copy: Copy) -> Term:
    """Legality, canonical operands, and nothing that the specification left out."""
    return conjunction([over(setting.legal, copy.pre, setting.machine), subject.canonical, lnot(copy.unmodelled)])


def completion(
    setting: Setting, subject: Subject, evidence: Evidence, fixed: Mapping[str, int] | None = None
) -> Completion:
    """Where a subject can complete: in supervisor mode whatever the state, in user mode where the leaves `fixed` have their values."""
    modes = setting.deployment.modes
    return Completion(
        _completes(_Runs(setting, subject, {}), "S", modes.supervisor.values, evidence),
        _completes(_Runs(setting, subject, dict(fixed or {})), "U", modes.user.values, evidence),
    )


def classify(
    setting: Setting,
    subject: Subject,
    footprint: Footprint,
    evidence: Evidence,
    fixed: Mapping[str, int] | None = None,
    completes: Completion | None = None,
) -> Classical:
    """The classical predicates over all legal states, or of a guest on a real machine whose leaves `fixed` have their values.

    The guest's own leaves are free then. `completes` is what `completion` said; a subject that the fixed leaves make
    privileged is asked nothing more.
    """
    done = completes or completion(setting, subject, evidence, fixed)
    if fixed and done.privileged:
        return Classical(True, (), done.supervisor, done.user)
    real = _Runs(setting, subject, dict(fixed or {}))
    starts = _starts(setting)
    found: dict[Sensitivity, None] = {}
    guest = _Runs(setting, subject, {}) if fixed else real
    for runs, start in [(real, s) for s in starts] + [(guest, s) for s in (_guests(setting) if fixed else ())]:
        _control(runs, start, footprint, evidence, found)
    for pair in _pairs(real, footprint):
        _behaviour(pair, evidence, found)
    for tied in _tied_pairs(real, footprint):
        if not any(tied.start in (s.start, "SU") and s.kind in ("beh", "trs") and s.role in tied.roles for s in found):
            _behaviour(tied, evidence, found)
    for pair in _guest_pairs(guest, real, footprint) if fixed else ():
        _behaviour(pair, evidence, found)
    if footprint.modes:
        _explicit(real, starts, evidence, found)
    always_traps = not (done.supervisor or done.user)
    varies = always_traps and _kind_varies(real, [s.mode for s in starts], evidence)
    return Classical(done.privileged, tuple(found), done.supervisor, done.user, varies)


def _starts(setting: Setting) -> list[_Start]:
    modes = setting.deployment.modes
    return [_Start(n, m) for n, values in (("S", modes.supervisor), ("U", modes.user)) for m in values.values]


def _guests(setting: Setting) -> list[_Start]:
    """Where a guest's steps start: in its states of either class."""
    modes = setting.deployment.modes
    return [
        _Start(name, mode, land(setting.guest, setting.virtual(mode_class)))
        for name, mode_class in (("S", modes.supervisor), ("U", modes.user))
        for mode in virtual_modes(setting, mode_class)
    ]


def _roles(machine: Machine, footprint: Footprint) -> list[str]:
    """The control roles that a step reads anything of."""
    roles = {machine.state.leaves[n].role for n in footprint.reads if n in machine.state.leaves}
    roles |= {machine.code.tables[t].role for t in footprint.tables}
    roles |= {"relocation"} if footprint.probes else set()
    return sorted(roles - {"general"})


def _pairs(runs: _Runs, footprint: Footprint) -> Iterator[_Pair]:
    """Two states that differ in the leaves of one role alone."""
    machine = runs.setting.machine
    for role in _roles(machine, footprint):
        leaves = frozenset(n for n, leaf in machine.state.leaves.items() if leaf.role == role)
        for first, second, start in _modes(runs.setting, changing=role == MODE):
            yield _Pair(runs, first, runs, second, leaves, (role,), start)


def _tied_pairs(runs: _Runs, footprint: Footprint) -> Iterator[_Pair]:
    """Two states that differ in leaves of several roles which `legal` ties together, if the step reads one of them."""
    machine = runs.setting.machine
    for leaves in runs.setting.tied:
        read = tuple(sorted({machine.state.leaves[n].role for n in leaves & footprint.reads}))
        if read and len({machine.state.leaves[n].role for n in leaves}) > 1:
            for first, second, start in _modes(runs.setting, changing=machine.modes.leaf in leaves):
                yield _Pair(runs, first, runs, second, leaves, read, start)


def _modes(setting: Setting, *, changing: bool) -> list[tuple[_Start, int, str]]:
    """The start modes of two runs: the same, or where the mode is `changing` the real machine's user mode besides."""
    starts, user, real = _starts(setting), setting.deployment.modes.user.values, setting.deployment.real_mode
    pairs = [(s, u, "SU") for s in starts if s.name == "S" for u in user] if changing else []
    pairs += [(s, s.mode, s.name) for s in starts]
    if changing and real is not None:
        pairs += [(s, real, "U") for s in starts if s.name == "U" and s.mode != real]
    return pairs


def _guest_pairs(guest: _Runs, real: _Runs, footprint: Footprint) -> Iterator[_Pair]:
    """A state of the guest, and one that differs from it in having the fixed values, with all that `legal` ties to them."""
    setting, machine = real.setting, real.setting.machine
    leaves = frozenset(real.fixed).union(*(t for t in setting.tied if t & real.fixed.keys()))
    roles = tuple(sorted({machine.state.leaves[n].role for n in leaves & footprint.reads}))
    for start in _guests(setting) if roles else ():
        others = [start.mode, *(setting.deployment.modes.user.values if machine.modes.leaf in leaves else ())]
        for mode in dict.fromkeys(others):
            yield _Pair(guest, start, real, mode, leaves, roles, start.name)


def _kind_varies(runs: _Runs, modes: Sequence[int], evidence: Evidence) -> bool:
    """Two runs that agree on general state may trap with different kinds, faults of translation aside."""
    machine = runs.setting.machine
    for first in modes:
        for second in modes:
            a = runs.run(FIRST, first)
            other = runs.leaves(SECOND, second)
            pre = {n: other[n] if machine.state.leaves[n].control else a.pre[n] for n in machine.state.leaves}
            b = runs.subject.copies.of(machine, pre, SECOND, frozenset()).copy
            kinds_differ = disjunction(land(a.ends(k), b.ends(*(x for x in KINDS if x != k))) for k in KINDS)
            if evidence.possible(
                [*(assumed(runs.setting, runs.subject, c) for c in (a, b)), kinds_differ], f"{runs.subject.id}:kind"
            ):
                return True
    return False


def completes_in_user_mode(setting: Setting, subject: Subject, evidence: Evidence, fixed: Mapping[str, int]) -> bool:
    """Whether the subject can get by without a trap in user mode in the states where the leaves `fixed` have their values."""
    return _completes(_Runs(setting, subject, fixed), "U", setting.deployment.modes.user.values, evidence)


def _completes(runs: _Runs, start: str, values: Sequence[int], evidence: Evidence) -> bool:
    for mode in values:
        copy = runs.run(FIRST, mode)
        model = evidence.some([runs.known(copy), _gets_by(copy, start)], f"{runs.subject.id}:completes@{start}")
        if model is not None:
            replay_model(runs.setting, runs.subject, copy, model, FIRST)
            return True
    return False


def _gets_by(copy: Copy, start: str) -> Term:
    """The step need not trap: it goes on, or halts; in user mode also where it may do anything."""
    certain = copy.gets_by
    return (
        lor(certain, lor(copy.unpredictable, copy.unmodelled)) if start == "U" else land(certain, lnot(copy.unmodelled))
    )


def _control(
    runs: _Runs, start: _Start, footprint: Footprint, evidence: Evidence, found: dict[Sensitivity, None]
) -> None:
    """Roles of control leaves that a completed step may change."""
    machine, copy = runs.setting.machine, runs.run(FIRST, start.mode)
    assume = [runs.known(copy, start.states), lnot(copy.unmodelled)]
    leaves = [machine.state.leaves[name] for name in sorted(footprint.writes)]
    changes = {"run": copy.halts} if footprint.halts else {}
    for role in sorted({leaf.role for leaf in leaves}):
        changed = disjunction(
            land(o.guard, differ(leaf, o.post[leaf.name], copy.pre[leaf.name]))
            for o in copy.outcomes
            for leaf in leaves
            if leaf.role == role
        )
        changes[role] = lor(changes.get(role, FALSE), changed)
    for role, changed in changes.items():
        sensitivity = Sensitivity("ctl", role, start.name)
        if sensitivity not in found and evidence.possible([*assume, changed], f"{runs.subject.id}:{sensitivity}"):
            found[sensitivity] = None


def _behaviour(pair: _Pair, evidence: Evidence, found: dict[Sensitivity, None]) -> None:
    """How the two runs of a pair may differ."""
    setting, subject, machine = pair.guest.setting, pair.guest.subject, pair.guest.setting.machine
    leaves = machine.state.leaves
    private = frozenset(n for n in subject.private if n.space == READ and leaves[n.text].role in pair.roles)
    first, other = pair.guest.beside(FIRST, pair.first.mode, private), pair.other.leaves(SECOND, pair.second)
    a = first.copy
    pre = {n: other[n] if n in pair.varies else a.pre[n] for n in leaves}
    pre[machine.modes.leaf] = other[machine.modes.leaf]
    answers = second_oracle(machine, setting.mode(pair.first.mode), pre, pair.roles)
    b = first.again(pre, answers, SECOND, second_own(machine, pair.roles))
    assume = [pair.guest.known(a, pair.first.states), lnot(a.unmodelled), pair.other.known(b)]
    if pair.start == "S" and pair.guest is pair.other:
        assume.append(lnot(b.unmodelled))
    user = setting.deployment.modes.user.values
    refused = pair.first.name == "S" and pair.second in user and pair.second != pair.first.mode
    asked = {
        Sensitivity(kind, role, pair.start): d
        for kind, d in differences(a, b, refused=refused).items()
        for role in pair.roles
        if d is not FALSE
    }
    asked = {s: d for s, d in asked.items() if s not in found}
    where = f"{subject.id}:any[{','.join(pair.roles)}@{pair.start}]"
    if len(asked) > 1 and not evidence.possible([*assume, disjunction(asked.values())], where):
        return
    for sensitivity, difference in asked.items():
        if evidence.possible([*assume, difference], f"{subject.id}:{sensitivity}"):
            found[sensitivity] = None


def _explicit(runs: _Runs, starts: Sequence[_Start], evidence: Evidence, found: dict[Sensitivity, None]) -> None:
    """An access that names another mode than the current one shows that mode's translation, where the monitor gives the current one's."""
    setting, subject = runs.setting, runs.subject
    shown: dict[Sensitivity, Term] = {}
    for start in starts:
        first = runs.beside(FIRST, start.mode, subject.private)
        a, own = first.copy, own_mode_oracle(setting.machine, setting.mode(start.mode))
        b = first.again(a.pre, own, FIRST, oracles(setting.machine))
        ends = lor(land(a.gets_by, lnot(b.gets_by)), land(lnot(a.gets_by), b.gets_by))
        differs = conjunction([runs.known(a), lnot(a.unmodelled), lor(differences(a, b)["beh"], ends)])
        sensitivity = Sensitivity("beh", MODE, start.name)
        shown[sensitivity] = lor(shown.get(sensitivity, FALSE), differs)
    asked = {s: d for s, d in shown.items() if s not in found and d is not FALSE}
    where = f"{subject.id}:explicit"
    if len(asked) > 1 and not evidence.possible([disjunction(asked.values())], f"{where}@any"):
        return
    for sensitivity, differs in asked.items():
        if evidence.possible([differs], f"{where}@{sensitivity.start}"):
            found[sensitivity] = None


def differences(a: Copy, b: Copy, *, refused: bool = False) -> dict[str, Term]:
    """Behaviour (general state after two completed steps, or how they end), trap and trap-kind differences of two runs, whichever of them traps.

    A trap of any kind is one, for what a specification calls its kind keeps no guest from seeing it: but not a fault of translation, which
    both runs have, nor, of a supervisor's and a user's run, that the user alone is `refused`: that is what being privileged is.
    A second run that may do anything completes with what the first one has not.
    """
    machine = a.machine

    def apart(x: Outcome, y: Outcome) -> Term:
        seen = disjunction(differ(leaf, x.post[leaf.name], y.post[leaf.name]) for leaf in machine.state.general)
        return TRUE if x.name != y.name else lor(seen, payloads_differ(x.payload, y.payload))

    behaviour = disjunction(conjunction([x.guard, y.guard, apart(x, y)]) for x, y in product(a.untrapped, b.untrapped))
    anything = land(lnot(lor(a.unmodelled, a.unpredictable)), lor(b.unmodelled, b.unpredictable))
    traps = b.ends(*(k for k in KINDS if not (refused and k == "privileged")))
    failed_a, failed_b = a.ends("memory", "other"), b.ends("memory", "other")
    return {
        "beh": lor(behaviour, anything),
        "trs": lor(land(a.gets_by, traps), land(a.ends(*KINDS), b.gets_by)),
        "tks": lor(land(a.ends("intent"), failed_b), land(failed_a, b.ends("intent"))),
    }
