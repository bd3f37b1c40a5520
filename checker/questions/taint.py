"""What a step reads and writes of control state, on folded transitions per start mode. No solver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgcheck.checker.questions.copies import executing, in_mode, mode_position
from pgcheck.checker.questions.hole import virtual_modes
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import FALSE, Name, Term, apply, constant, names, rewrite, substitute, walk
from pgcheck.isa.terms.ir import HALT, TRANSLATE, UNMODELLED, UNPREDICTABLE
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import ADDRESS, FAULT

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, slots=True)
class Footprint:
    """Control leaves read and written (and what `real` speaks of written), tables and probes asked (by function), and whether the two modes
    take the same step.

    `tied` are the control leaves that legality and `real` tie to those. `modes` says that it translates for another mode than the current one, `never` that the step always traps, `halts` that it may stop
    the processor. `knobs` are the control leaves on which it depends whether it traps. `outside` are the ways in which it may leave the specification (`unpredictable@S`, `unmodelled@U`, ...), by mode class; `vague` that it only leaves it or traps.
    """

    reads: frozenset[str]
    writes: frozenset[str]
    tables: frozenset[str]
    probes: frozenset[str]
    modes: bool
    never: bool
    halts: bool
    outside: frozenset[str] = frozenset()
    vague: bool = False
    knobs: frozenset[str] = frozenset()
    tied: frozenset[str] = frozenset()

    @property
    def concerns(self) -> frozenset[str]:
        """The leaves whose value in the real machine may matter to it."""
        return self.reads | self.writes | self.tied

    @property
    def innocuous(self) -> bool:
        """No control state is involved: both machines take the same step."""
        return not any((self.reads, self.writes, self.tables, self.probes, self.modes, self.halts, self.vague))

    @property
    def may_do_anything(self) -> bool:
        """Its effect may be unpredictable in both modes, so that its verdict is about the other states."""
        return {f"{UNPREDICTABLE}@S", f"{UNPREDICTABLE}@U"} <= self.outside


def footprint(setting: Setting, subject: Subject) -> Footprint:
    """The footprint of a subject over all start modes of the deployment's classes."""
    machine = setting.machine
    control = {leaf.name for leaf in machine.state.control}
    mode_leaf = machine.modes.leaf
    assumed = {leaf for t in walk([setting.real]) if (leaf := t.leaf) is not None}
    reads: set[str] = set()
    writes: set[str] = set()
    tables: set[str] = set()
    probes: set[str] = set()
    knobs: set[str] = set()
    modes = False
    shapes: set[tuple[Term, ...]] = set()
    never = True
    for value in start_modes(setting):
        roots, leaves, explicit = _in_mode(machine, subject, setting.mode(value))
        never = never and roots[0] is FALSE
        shapes.add(roots)
        knobs |= free_leaves([roots[0]]) & control
        modes = modes or explicit
        writes |= {
            n
            for n, t in zip(leaves, roots, strict=False)
            if n in control | assumed and not _kept(machine, n, t, setting.mode(value))
        }
        for term in walk(roots):
            match term.data:
                case Name(names.STATE, leaf) if leaf in control:
                    reads.add(leaf)
                case Name(names.READ, leaf):
                    reads.add(leaf)
                case Name(names.TABLE, table):
                    tables.add(table)
                case Name(names.PROBE, probe):
                    probes.add(probe)
    ends = {e.function for e in subject.transition.exits}
    traps = never and not ends & executing(machine)
    outside = _outside(setting, subject)
    if len(shapes) > 1:
        reads.add(mode_leaf)
    return Footprint(
        reads=frozenset(reads),
        writes=frozenset(writes),
        tables=frozenset(tables),
        probes=frozenset(probes),
        modes=modes,
        never=traps and not outside,
        halts=HALT in ends,
        outside=outside,
        vague=traps and bool(outside),
        knobs=frozenset(knobs),
        tied=frozenset().union(*(leaves for leaves in setting.coupled if leaves & (reads | writes))),
    )


def _outside(setting: Setting, subject: Subject) -> frozenset[str]:
    """The kinds of exit that leave the specification, by the class of the mode in which the step may take them."""
    exits = [e for e in subject.transition.exits if e.function in (UNPREDICTABLE, UNMODELLED)]
    mode_term = setting.machine.state.leaves[setting.machine.modes.leaf].term
    found = set()
    for name, mode_class in (("S", setting.deployment.modes.supervisor), ("U", setting.deployment.modes.user)):
        for value in {*mode_class.values, *virtual_modes(setting, mode_class)} if exits else ():
            guards = substitute([e.guard for e in exits], {mode_term: setting.mode(value)})
            found |= {f"{e.function}@{name}" for e, guard in zip(exits, guards, strict=True) if guard is not FALSE}
    return frozenset(found)


def start_modes(setting: Setting) -> tuple[int, ...]:
    """The values of the mode leaf that a step of either machine may start in: those the classes name, those of virtual states, the real one."""
    modes, real = setting.deployment.modes, setting.deployment.real_mode
    named = [v for c in (modes.supervisor, modes.user) for v in (*c.values, *virtual_modes(setting, c))]
    return tuple(dict.fromkeys([*named, *([] if real is None else [real])]))


def _kept(machine: Machine, leaf: str, post: Term, mode: Term) -> bool:
    return post is (mode if leaf == machine.modes.leaf else machine.state.leaves[leaf].term)


def _in_mode(machine: Machine, subject: Subject, mode: Term) -> tuple[tuple[Term, ...], tuple[str, ...], bool]:
    """The transition's terms started in `mode`, the oracle's default mode argument masked; their leaf names; whether another mode is given.

    A leaf that keeps its value contributes nothing.
    """
    position = mode_position(machine)
    mode_term = machine.state.leaves[machine.modes.leaf].term
    explicit = False

    def replace(term: Term, args: tuple[Term, ...]) -> Term | None:
        nonlocal explicit
        if term is mode_term:
            return mode
        if term.op == "uf" and term.name in (FAULT, ADDRESS):
            if args[position] is mode:
                args = in_mode(machine, args, constant(mode.width, 0))
            else:
                explicit = True
            return apply(term.width, term.name, *args)
        return None

    step = subject.transition
    memo: dict[Term, Term] = {}
    leaves: list[str] = ["", *(n for n in step.post)]
    terms: list[Term] = [step.completes, *step.post.values()]
    for e in step.exits:
        goes_on = e.function in executing(machine)
        changed = [(n, t) for n, t in e.state.items() if goes_on and t is not machine.state.leaves[n].term]
        args = () if e.function == TRANSLATE else e.args
        leaves += ["", *("" for _ in args), *(n for n, _ in changed)]
        terms += [e.guard, *args, *(t for _, t in changed)]
    kept_names, kept_terms = [], []
    for name, old, new in zip(leaves, terms, rewrite(terms, replace, memo), strict=True):
        if name and (old is machine.state.leaves[name].term):
            continue
        kept_names.append(name)
        kept_terms.append(new)
    return tuple(kept_terms), tuple(kept_names), explicit


def flow(subject: Subject, machine: Machine) -> networkx.DiGraph[str]:
    """The data-flow graph of a step: an edge from each leaf to each leaf or exit whose outcome depends on it; nodes carry `role`."""
    import networkx as nx

    graph: networkx.DiGraph[str] = nx.DiGraph()

    def sources(terms: Iterable[Term]) -> set[str]:
        found = (t.free for t in walk(terms))
        return {name.text for name in found if name is not None and name.space in (names.STATE, names.READ)}

    def edges(targets: str, terms: Iterable[Term]) -> None:
        graph.add_node(targets, role=machine.state.leaves[targets].role if targets in machine.state.leaves else "exit")
        for source in sorted(sources(terms)):
            graph.add_node(source, role=machine.state.leaves[source].role)
            graph.add_edge(source, targets)

    for name, post in subject.transition.post.items():
        if post is not machine.state.leaves[name].term:
            edges(name, [post])
    for e in subject.transition.exits:
        edges(f"exit {e.function}", [e.guard, *e.args])
    return graph
