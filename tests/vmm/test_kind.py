"""Kinds of monitor: a table whose rows are files."""

from __future__ import annotations

import pytest

from pgcheck.checker.result import THEOREMS
from pgcheck.isa.rows import modules
from pgcheck.isa.terms import TRUE, eq
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.policy import direct
from tests.specifications import machine_of


def test_a_kind_is_one_file_that_is_named_by_it() -> None:
    assert sorted(kinds()) == list(modules("pgcheck.vmm.kinds"))
    assert [kind.rank for kind in kinds().values()] == sorted({kind.rank for kind in kinds().values()})
    assert {kind.theorem for kind in kinds().values()} <= set(THEOREMS)


@pytest.mark.parametrize("name", ["pg74", "riscv64"])
def test_what_runs_directly_is_the_guests_and_of_a_hybrid_its_user_mode(name: str) -> None:
    for deployment in machine_of(name).deployments:
        everything, user = (direct(kinds()[kind], deployment) for kind in ("type1", "hybrid"))
        assert everything is deployment.guest and user is not everything
    [plain] = machine_of("pg74").deployments
    mode = machine_of("pg74").state.leaves["M"]
    assert direct(kinds()["type1"], plain) is TRUE and direct(kinds()["hybrid"], plain) is eq(
        mode.term, mode.holding(1)
    )
