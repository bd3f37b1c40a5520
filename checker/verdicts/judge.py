"""One row judged: the questions in order, from taint to the witness, and the verdict that their answers mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, islice, product
from operator import or_

from pgcheck.checker.questions.choices import against_choices, hole_of
from pgcheck.checker.questions.classical import Classical, classify, completes_in_user_mode, completion
from pgcheck.checker.questions.configuration import admissible
from pgcheck.checker.questions.hole import Question, question, virtual_modes
from pgcheck.checker.questions.response import against
from pgcheck.checker.questions.subject import Setting, Subject, subject
from pgcheck.checker.questions.taint import Footprint, footprint
from pgcheck.checker.result import Witness
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided, proved_together
from pgcheck.checker.solving.expansion import Expansion
from pgcheck.checker.solving.model import Model
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.traps.reading import named_mode
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.checker.witnesses.witness import minimal
from pgcheck.isa.machine.machine import Instruction, Row
from pgcheck.isa.terms.ir import UNMODELLED, UNPREDICTABLE

MAX_CANDIDATES = 512


@dataclass(frozen=True, slots=True)
class Hole:
    """A refutation before it is minimised: where it was found, and the virtual machine's choices that it stood against."""

    mode_class: str
    question: Question
    model: Model
    played: Expansion | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one row showed on its own; `good` are the configurations that close its holes, `classical_good` those that make it privileged.

    `privileged` is known also where nothing else is.
    `doubts` are the reasons why proofs are not confirmed by the second solver. `partial`: there are more configurations than were tried, so that a hole left over may be one that another would close.
    `modes` are the virtual modes in which a row with a witness is known to be a hole, where the specification has names for modes.
    """

    id: str
    footprint: Footprint
    classical: Classical | None
    privileged: bool
    holed: frozenset[str]
    good: tuple[Configuration, ...]
    classical_good: tuple[Configuration, ...]
    timing: bool
    evidence: str
    trouble: str
    queries: int
    folded: int
    unsat: int
    confirmed: int
    seconds: float
    slowest: tuple[str, float]
    doubts: tuple[str, ...] = ()
    witness: Witness | None = None
    partial: bool = False
    modes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class InstructionRow:
    """An instruction's row, as work to be done."""

    instruction: Instruction
    row: Row

    @property
    def id(self) -> str:
        return self.instruction.id + self.row.label


def judge(
    setting: Setting,
    work: InstructionRow,
    solver: Solver,
    second: bool,
    configuration: Configuration | None = None,
    *,
    trust_taint: bool = True,
) -> Judgement:
    """Judge a row: without a configuration over all legal states, collecting the configurations that would help; with one, under exactly it.

    A hole that no configuration of the row's own closes, or that is left under `configuration`, gets a replayed witness.
    """
    started = time.perf_counter()
    one = subject(setting, work.instruction, work.row)
    found = footprint(setting, one)
    if found.innocuous and trust_taint:
        return _finished(work.id, found, None, Evidence(solver, second), started, evidence_level="taint")

    def examined(evidence: Evidence) -> Judgement:
        state = _State()
        try:
            _examine(setting, one, found, evidence, configuration, state)
        except (Undecided, Contradiction) as trouble:
            if evidence.later:
                raise
            state.trouble = f"{trouble}" if isinstance(trouble, Undecided) else f"error: {trouble}"
        return _finished(work.id, found, state, evidence, started, evidence_level=evidence.level)

    return proved_together(solver, second, examined)


@dataclass(slots=True)
class _State:
    """What has been learnt of a row so far."""

    classical: Classical | None = None
    privileged: bool = False
    holed: frozenset[str] = frozenset()
    good: tuple[Configuration, ...] = ()
    classical_good: tuple[Configuration, ...] = ()
    timing: bool = False
    witness: Witness | None = None
    partial: bool = False
    trouble: str = ""
    modes: tuple[int, ...] = ()


def _examine(
    setting: Setting,
    one: Subject,
    found: Footprint,
    evidence: Evidence,
    configuration: Configuration | None,
    state: _State,
) -> None:
    _not_vacuous(setting, one, evidence)
    chosen = configuration or NOTHING
    done = completion(setting, one, evidence, chosen.constants)
    state.privileged = done.privileged
    state.classical = classical = classify(setting, one, found, evidence, chosen.constants, done)
    holes = list(_holes(setting, one, evidence, chosen))
    state.holed = frozenset(h.mode_class for h in holes)
    if configuration is None:
        if holes or _refusable(classical):
            tried = list(islice(relevant(setting, found), MAX_CANDIDATES + 1))
            state.partial = len(tried) > MAX_CANDIDATES
            state.good = _closing(setting, one, evidence, holes, tried[:MAX_CANDIDATES])
            state.classical_good = _refusing(setting, one, evidence, classical, tried)
        if state.good:
            return
    if holes:
        lasting = {h.mode_class for h in _holes(setting, one, evidence, chosen, logical_time=True)}
        state.timing = not lasting
        if lasting:
            holes = [h for h in holes if h.mode_class in lasting] or holes
            state.holed = frozenset(h.mode_class for h in holes)
            state.modes = tuple(dict.fromkeys(_modes(setting, one, evidence, chosen, holes)))
            if found.tables:
                _no_response(setting, one, holes, evidence)
                guests = Configuration({}, {t: None for t in found.tables if t not in chosen.tables})
                holes = list(_holes(setting, one, evidence, chosen | guests)) or holes
            state.witness = minimal(setting, one, holes[0].question, holes[0].model, evidence, holes[0].played)


def _refusable(classical: Classical) -> bool:
    return classical.sensitive and not classical.privileged


def _closing(
    setting: Setting, one: Subject, evidence: Evidence, holes: Sequence[Hole], tried: Sequence[Configuration]
) -> tuple[Configuration, ...]:
    """The configurations that close a row's holes, among those that exclude nothing; none where there is no hole. Raises Undecided."""
    known = [h.model for h in holes]
    return _smallest(
        tried if holes else (),
        lambda c: not any(_holes(setting, one, evidence, c, known=known)) and admissible(setting, c, evidence),
    )


def _refusing(
    setting: Setting, one: Subject, evidence: Evidence, classical: Classical, tried: Sequence[Configuration]
) -> tuple[Configuration, ...]:
    """The configurations that make a row privileged which is sensitive and is not. Raises Undecided, also where none of many did."""
    if not _refusable(classical):
        return ()
    good = _smallest(
        tried[:MAX_CANDIDATES],
        lambda c: _refused(setting, one, classical, evidence, c) and admissible(setting, c, evidence),
    )
    if len(tried) > MAX_CANDIDATES and not good:
        raise Undecided(one.id, f"none of {MAX_CANDIDATES} configurations makes it privileged, and there are more")
    return good


def _no_response(setting: Setting, one: Subject, holes: list[Hole], evidence: Evidence) -> None:
    """Some hole is there against every entry that the monitor could put into the table. Raises Undecided."""
    answers = [against(setting.machine, h.question, evidence, f"{one.id}:{h.mode_class}") for h in holes]
    if "every" in answers or all(h.question.configuration.tables for h in holes):
        return
    if "undecided" in answers:
        raise Undecided(one.id, "no declared response closes the hole, and whether another would is open")
    raise Undecided(one.id, "no declared response closes the hole, but another would: add it to `respond`")


def _not_vacuous(setting: Setting, one: Subject, evidence: Evidence) -> None:
    """The row's own hypotheses can be met: some operands are canonical, some virtual state is modelled. Raises Undecided."""
    if not evidence.possible([one.canonical], f"{one.id}:canonical"):
        raise Undecided(one.id, "vacuous: no operands are canonical")
    left_out = {UNMODELLED, UNPREDICTABLE}
    if not any(e.function in left_out for e in one.transition.exits):
        return
    modes = setting.deployment.modes
    asked = (
        question(setting, one, mode_class, mode).assumptions
        for mode_class in (modes.supervisor, modes.user)
        for mode in virtual_modes(setting, mode_class)
    )
    if not any(evidence.possible(a, f"{one.id}:hypotheses") for a in asked):
        raise Undecided(one.id, "vacuous: every state of the row is left out of the specification")


def _smallest(tried: Sequence[Configuration], helps: Callable[[Configuration], bool]) -> tuple[Configuration, ...]:
    """The configurations that help and of which no part that was tried before does; `tried` is in order of size."""
    good: list[Configuration] = []
    for c in tried:
        if not any(c.includes(g) for g in good) and helps(c):
            good.append(c)
    return tuple(good)


def _refused(setting: Setting, one: Subject, classical: Classical, evidence: Evidence, chosen: Configuration) -> bool:
    """Whether a configuration of constants makes the row privileged."""
    if not classical.completes_supervisor or chosen.tables or chosen.mirrored:
        return False
    return not completes_in_user_mode(setting, one, evidence, chosen.constants)


def _holes(
    setting: Setting,
    one: Subject,
    evidence: Evidence,
    configuration: Configuration,
    *,
    logical_time: bool = False,
    known: Sequence[Model] = (),
) -> Iterator[Hole]:
    """The virtual modes in which the row is a hole under a configuration; `known` models of other holes may show it at once."""
    modes = setting.deployment.modes
    for name, mode_class in (("supervisor", modes.supervisor), ("user", modes.user)):
        for mode in virtual_modes(setting, mode_class):
            asked = question(setting, one, mode_class, mode, configuration, logical_time=logical_time)
            found = _hole(name, asked, f"{one.id}:hole@{name}{mode}", evidence, known)
            if found is not None:
                yield found
                break


def _modes(
    setting: Setting, one: Subject, evidence: Evidence, chosen: Configuration, holes: Sequence[Hole]
) -> Iterator[int]:
    """The virtual modes that have names and in which the row is known to be a hole: of each class the one that was found, and others."""
    modes = setting.deployment.modes
    for hole in holes:
        mode_class = modes.user if hole.mode_class == "user" else modes.supervisor
        for mode in (m for m in virtual_modes(setting, mode_class) if named_mode(setting.machine, m)):
            if mode == hole.question.virtual_mode or _lasts(setting, one, evidence, chosen, (hole.mode_class, mode)):
                yield mode


def _lasts(setting: Setting, one: Subject, evidence: Evidence, chosen: Configuration, place: tuple[str, int]) -> bool:
    """Whether the row is known to be a hole in a virtual mode of a class, not of clocks alone."""
    name, mode = place
    mode_class = setting.deployment.modes.user if name == "user" else setting.deployment.modes.supervisor
    asked = question(setting, one, mode_class, mode, chosen, logical_time=True)
    try:
        return _hole(name, asked, f"{one.id}:hole@{name}{mode}", evidence, ()) is not None
    except Undecided:
        return False


def _hole(mode_class: str, asked: Question, label: str, evidence: Evidence, known: Sequence[Model]) -> Hole | None:
    model = next((m for m in known if m.satisfies(asked.hole)), None) or evidence.some(asked.hole, label)
    if model is None or not asked.choices:
        return None if model is None else Hole(mode_class, asked, model)
    played = against_choices(asked, evidence, label)
    model = hole_of(asked, played)
    return None if model is None else Hole(mode_class, asked, model, played)


def relevant(setting: Setting, found: Footprint) -> Iterator[Configuration]:
    """Assignments to the candidates that matter to the row, smallest first; leaves of one candidate group vary apart."""
    options: dict[tuple[str, str], list[Configuration]] = {}
    for c in setting.machine.candidates:
        if c.leaf in found.concerns:
            options.setdefault(("leaf", c.leaf), []).extend(Configuration({c.leaf: v}) for v in c.values)
    for table in sorted(found.tables):
        options["table", table] = [Configuration({}, {table: r}) for r in setting.machine.code.tables[table].respond]
    for size in range(1, len(options) + 1):
        for names in combinations(options, size):
            for chosen in product(*(options[n] for n in names)):
                yield reduce(or_, chosen)


def _finished(
    identifier: str, found: Footprint, state: _State | None, evidence: Evidence, started: float, *, evidence_level: str
) -> Judgement:
    state = state or _State()
    queries = evidence.queries
    unsat = [q for q in queries if q.status == "unsat" and not q.folded]
    slowest = max(((q.label, q.seconds) for q in queries), key=lambda p: p[1], default=("", 0.0))
    return Judgement(
        id=identifier,
        footprint=found,
        classical=state.classical,
        privileged=state.privileged,
        holed=state.holed,
        good=state.good,
        classical_good=state.classical_good,
        timing=state.timing,
        evidence=evidence_level,
        trouble=state.trouble,
        queries=len(queries),
        folded=sum(q.folded for q in queries),
        unsat=len(unsat),
        modes=state.modes,
        confirmed=sum(bool(q.confirmed) for q in unsat),
        seconds=time.perf_counter() - started,
        slowest=slowest,
        doubts=tuple(q.doubt for q in unsat if q.doubt),
        witness=state.witness,
        partial=state.partial,
    )
