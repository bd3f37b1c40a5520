"""How control state flows through a machine: what each row reads and writes, and the graph of all rows, laid out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgcheck.isa.idl.state import GENERAL, ROLES
from pgcheck.isa.machine.machine import Instruction, Machine, Row

REST = "general state"
MOST_LEAVES = 26
ROW_HEIGHT, TOP = 26, 34
LETTER, PADDING = 7.4, 20
GAP = 330


@dataclass(frozen=True, slots=True)
class Flow:
    """What a row may read and write until it completes or ends in an exit; `edges` are its dependences between names.

    Translation and table look-ups count as one step each: what their bodies consult is not listed.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    exits: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]


def access(machine: Machine, instruction: Instruction, row: Row) -> Flow:
    """The access of one row, in the order of the specification's state."""
    from pgcheck.checker.questions.subject import Setting, subject
    from pgcheck.checker.questions.taint import flow

    one = subject(Setting(machine, machine.deployments[0], frozenset(machine.code.exits)), instruction, row)
    graph = flow(one, machine)
    written = {n for n, post in one.transition.post.items() if post is not machine.state.leaves[n].term}
    read = {source for source, _ in graph.edges}
    exits = sorted({e.function for e in one.transition.exits})
    order = list(machine.state.leaves)
    return Flow(
        tuple(n for n in order if n in read),
        tuple(n for n in order if n in written),
        tuple(exits),
        tuple(sorted(graph.edges)),
    )


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the drawing, in pixels; `role` is a role, `exit`, or the role of all general state together."""

    label: str
    role: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """A dependence drawn as a curve from box to box, and the rows that have it."""

    source: str
    target: str
    path: str
    rows: tuple[str, ...]
    control: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """The graph of a machine: state before a step on the left, state after it and exits on the right."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def drawing(machine: Machine, rows: Iterable[tuple[str, Flow]]) -> Drawing | None:
    """The drawing of all that involves control state in these rows; None if nothing does."""
    edges = dependences(machine, rows)
    return _drawn(machine, edges) if edges else None


def dependences(machine: Machine, rows: Iterable[tuple[str, Flow]]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """The rows that have each dependence of a name after a step on one before it, in order.

    General state is one name, and dependences of it, or of an exit, on it are left out. Leaves of an entry that have one
    role are one name where there would be too many.
    """
    names = _names(machine)
    found: dict[tuple[str, str], dict[str, None]] = {}
    for identifier, accessed in rows:
        for source, target in accessed.edges:
            edge = names[source], names.get(target, target)
            if edge[0] != REST or names.get(target, REST) != REST:
                found.setdefault(edge, {})[identifier] = None
    return {edge: tuple(identifiers) for edge, identifiers in sorted(found.items())}


def _names(machine: Machine) -> Mapping[str, str]:
    """The node of each leaf."""
    several = len(machine.state.control) > MOST_LEAVES

    def name(leaf: str, role: str) -> str:
        if role == GENERAL:
            return REST
        return f"{leaf.partition('.')[0] if several else leaf} ({role})"

    return {leaf.name: name(leaf.name, leaf.role) for leaf in machine.state.leaves.values()}


def _drawn(machine: Machine, edges: Mapping[tuple[str, str], tuple[str, ...]]) -> Drawing:
    """Two columns; the left one by role, the right one by where its sources are on average, so that few lines cross."""
    names = _names(machine)
    roles = {names[leaf.name]: leaf.role for leaf in machine.state.leaves.values()}
    roles |= {target: "exit" for _, target in edges if target not in roles}
    order = (*ROLES[1:], "exit", GENERAL)
    left = sorted({source for source, _ in edges}, key=lambda n: (order.index(roles[n]), n))
    place = {name: i for i, name in enumerate(left)}
    sources: dict[str, list[int]] = {}
    for source, target in edges:
        sources.setdefault(target, []).append(place[source])
    right = sorted(sources, key=lambda n: (sum(sources[n]) / len(sources[n]), n))
    widths = [max(len(name) for name in side) * LETTER + PADDING for side in (left, right)]
    start = widths[0] + GAP
    height = max(len(left), len(right)) * ROW_HEIGHT
    before = _column(left, roles, 1.0, widths[0], height)
    after = _column(right, roles, start, widths[1], height)
    arrows = [
        Arrow(source, target, _curve(before[source], after[target]), rows, roles[source] != GENERAL)
        for (source, target), rows in edges.items()
    ]
    arrows.sort(key=lambda arrow: arrow.control)
    return Drawing(round(start + widths[1]) + 2, TOP + height + 4, (*before.values(), *after.values()), tuple(arrows))


def _column(names: Sequence[str], roles: Mapping[str, str], x: float, width: float, height: int) -> dict[str, Node]:
    step = height / len(names)
    return {
        name: Node(name, roles[name], round(x, 1), round(TOP + (i + 0.5) * step, 1), round(width, 1))
        for i, name in enumerate(names)
    }


def _curve(a: Node, b: Node) -> str:
    x, middle = a.x + a.width, (a.x + a.width + b.x) / 2
    return f"M{x:.1f} {a.y:.1f}C{middle:.1f} {a.y:.1f} {middle:.1f} {b.y:.1f} {b.x:.1f} {b.y:.1f}"
