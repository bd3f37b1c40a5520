"""The monitor on a host whose engine is native code: guests go the way of a bare machine, and none of their steps are the plain evaluator's."""

from __future__ import annotations

import pytest

from pgcheck.models.native.engine import Native
from tests.vmm.test_monitor import CASES, lockstep

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

QUICK = 0
LONG = {"pdp10"}
"""What takes the back end a minute."""


@pytest.mark.parametrize("seed", [5])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.campaign if name in LONG else ()) for name in CASES]
)
def test_a_native_processor_makes_no_difference(name: str, seed: int) -> None:
    both = CASES[name].pair()
    native = both.vmm.host.engine = Native(both.bare.machine, QUICK)
    lockstep(both, seed, longest=40)
    assert bytes(both.printed[0]) == CASES[name].prints
    assert not native.warning and native.steps == both.guest.monitor.statistics.direct
    executes = any(rule.kind == "execute" for rule in both.bare.machine.code.exits.values())
    assert executes or not native.outside
