"""Whether what a delivery leads to is the monitor's word alone: no other user state, and no trap of a guest's choice, leads elsewhere."""

from __future__ import annotations

from typing import Final

from pgcheck.checker.questions.copies import differ
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.world.arrival import Arrival
from pgcheck.checker.world.slices import bits
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.schemes import Bounds
from pgcheck.isa.terms import Term, eq, lnot
from pgcheck.isa.terms.names import PARAMETER, READ

WIDE: Final = 12  # bits of what a trap hands over that a monitor can provide for, value by value


def spread(arrival: Arrival, term: Term) -> bool:
    """Whether an address is made of more of the payload than a monitor could provide for, value by value.

    What only selects an entry or a word is not counted. With a base and a limit every address is asked after by itself.
    """
    if arrival.machine.code.confined_by(Bounds) is not None:
        return False
    seen: set[Term] = set()
    todo = [term]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += () if here.op in ("select", "uf") else here.args
    handed = {t for t in seen if (name := t.free) is not None and name.space in (PARAMETER, READ)}
    return sum(max(t.width, 1) for t in handed) > WIDE


def differing(arrival: Arrival, term: Term, guard: Term, evidence: Evidence, label: str) -> str:
    """Two values that a term has from two user states which are alike in all that is the monitor's, in words; "" if there are none."""
    if arrival.is_monitors(term):
        return ""
    other, also, *given = arrival.second([term, guard, *arrival.given])
    apart = lnot(eq(bits(term), bits(other)))
    pair = evidence.model([*arrival.given, *given, guard, also, apart], f"{arrival.label}:{label}")
    if pair is None:
        return ""
    one, two = pair.values([bits(term), bits(other)])
    return f"{one:#x} from one user state and {two:#x} from another"


def led_apart(arrival: Arrival, leaf: Leaf, evidence: Evidence) -> bool:
    """Whether a leaf ends differently from two such user states."""
    term = arrival.post[leaf.name]
    if arrival.is_monitors(term):
        return False
    other, *given = arrival.second([term, *arrival.given])
    apart = differ(leaf, term, other)
    return evidence.possible([*arrival.given, *given, apart], f"{arrival.label}:{leaf.name} after")
