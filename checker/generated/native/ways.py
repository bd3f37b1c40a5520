"""Ways through native code: what holds on each, what is where, and how several become one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pgcheck.checker.generated.idioms import ite
from pgcheck.isa.terms import FALSE, TRUE, Term, conjunction, constant, eq, lnot, lor
from pgcheck.isa.terms.names import Space

State = dict[str, Term]


@dataclass(slots=True)
class Way:
    """A way that execution takes where all `literals` hold: leaves by name, all else by names with a dollar."""

    literals: tuple[Term, ...]
    state: State
    instances: dict[tuple[Space, str], int] = field(default_factory=dict)

    @property
    def guard(self) -> Term:
        return conjunction(self.literals)

    def on(self, literal: Term) -> Way | None:
        """The part of the way on which a literal holds; None if there is none."""
        found = list(self.literals)
        for part in _parts(literal):
            if part is FALSE or lnot(part) in found:
                return None
            if part is not TRUE and part not in found:
                found.append(part)
        return Way(tuple(found), dict(self.state), dict(self.instances))


def _parts(literal: Term) -> Iterator[Term]:
    """What a literal is the conjunction of."""
    if literal.op == "land":
        for part in literal.args:
            yield from _parts(part)
    elif literal.op == "lnot" and literal.args[0].op == "lor":
        for part in literal.args[0].args:
            yield from _parts(lnot(part))
    else:
        yield literal


def met(ways: Sequence[Way]) -> Way:
    """One way in place of several, no two of which can be taken at once: those that parted last are joined first."""
    left = list(ways)
    while len(left) > 1:
        pairs = [(i, j) for j in range(len(left)) for i in range(j)]
        i, j = max(pairs, key=lambda pair: _nearness(left[pair[0]], left[pair[1]]))
        left[i] = _two(left[i], left.pop(j))
    return left[0]


def _common(a: Way, b: Way) -> int:
    """How many literals two ways begin with alike."""
    for k, (x, y) in enumerate(zip(a.literals, b.literals, strict=False)):
        if x is not y:
            return k
    return min(len(a.literals), len(b.literals))


def _nearness(a: Way, b: Way) -> tuple[int, bool]:
    common = _common(a, b)
    return common, _parted(a.literals[common:], b.literals[common:])


def _parted(one: Sequence[Term], other: Sequence[Term]) -> bool:
    """Whether two ways parted where one thing was asked."""
    return bool(one and other) and one[0] is lnot(other[0])


def _two(a: Way, b: Way) -> Way:
    common = _common(a, b)
    one, other = a.literals[common:], b.literals[common:]
    if _parted(one, other):
        guard = one[0]
        merged = ite(guard, conjunction(one[1:]), conjunction(other[1:]))
    else:
        guard = conjunction(one)
        merged = lor(guard, conjunction(other))
    state = {k: _either(guard, v, b.state[k]) for k, v in a.state.items() if k in b.state}
    counts = {k: max(c, b.instances.get(k, 0)) for k, c in a.instances.items()}
    literals = a.literals[:common] if merged is TRUE else (*a.literals[:common], merged)
    return Way(literals, state, b.instances | counts)


def _either(guard: Term, a: Term, b: Term) -> Term:
    if a is b:
        return a
    if a.width != b.width:
        a, b = truth(a), truth(b)
    return ite(guard, a, b)


def truth(a: Term) -> Term:
    """A bit as a truth."""
    return eq(a, constant(1, 1)) if a.width == 1 else a


def bits(a: Term) -> Term:
    """A truth as a bit."""
    return a if a.width else ite(a, constant(1, 1), constant(1, 0))
