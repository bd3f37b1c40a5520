"""What the terms show to be the same again when it is written twice, and what they do not."""

from __future__ import annotations

from typing import Final

import pytest

from pgcheck.checker.world.absorption import Absorption, Origins
from pgcheck.isa.terms import Term, array, constant, eq, ite, mk, select, store, variable
from pgcheck.isa.terms.names import leaf_name

M: Final = array(4, 8, leaf_name("M"))
A: Final = variable(8, leaf_name("A"))
P: Final = variable(4, leaf_name("P"))
Q: Final = variable(4, leaf_name("Q"))
BEFORE: Final = {"M": M, "A": A, "P": P, "Q": Q}
ONE: Final = constant(8, 1)
C: Final = eq(P, constant(4, 3))
D: Final = eq(Q, constant(4, 5))
WRITTEN: Final = store(M, P, A)
PERHAPS: Final = ite(C, WRITTEN, M)


@pytest.mark.parametrize(
    ("changed", "after", "right"),
    [
        (WRITTEN, WRITTEN, True),
        (WRITTEN, store(WRITTEN, Q, A), True),
        (PERHAPS, ite(D, store(PERHAPS, Q, ONE), PERHAPS), True),
        (WRITTEN, M, False),
        (WRITTEN, store(M, Q, A), False),
        (WRITTEN, ite(C, WRITTEN, M), False),
        (WRITTEN, store(WRITTEN, Q, select(M, Q)), False),
        (WRITTEN, ite(eq(select(M, P), ONE), WRITTEN, store(WRITTEN, Q, A)), False),
        (store(M, P, select(M, Q)), store(M, P, select(M, Q)), False),
    ],
)
def test_what_is_written_twice(changed: Term, after: Term, right: bool) -> None:
    written = Absorption(Origins(BEFORE), {"M": changed})
    assert written.absorbed({**BEFORE, "M": after}) is right
    assert written.absorbed({**BEFORE, "M": after}) is right


def test_what_depends_on_a_change_is_seen() -> None:
    written = Absorption(Origins(BEFORE), {"A": mk("add", 8, A, ONE)})
    assert written.unread([C, select(M, P)])
    assert not written.unread([C, eq(A, ONE)])
    assert not written.absorbed({**BEFORE, "A": mk("add", 8, A, ONE)})
    assert not Absorption(Origins(BEFORE), {"A": ONE}).absorbed({**BEFORE, "M": WRITTEN, "A": ONE})
    assert Absorption(Origins(BEFORE), {"A": ONE}).absorbed({**BEFORE, "A": ONE})
