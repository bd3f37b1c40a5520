"""The hybrid monitor: what the condition of Theorem 3 admits runs on the processor, all else is interpreted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE, eq, land, lnot
from pgcheck.models import engine
from pgcheck.models.reference.cycle import execute
from pgcheck.models.state import Fetched, State, Surroundings
from tests.specifications import GUESTS, machine_of
from tests.vmm import programs
from tests.vmm.lockstep import Pair, pair, policy_of

IN_OUT = """
        .org 0x810
        movei 1, 2
        datao 0x14, 0x11
        sojg 1, 0x11
        muuo 1, 0, 0
"""
USER, IN_OUT_FLAG = 1 << 12, 1 << 11


def user(machine: Machine, text: str, flags: int) -> programs.Setup:
    """The supervisor of tests/guests with a user program that is entered with these flags."""
    whole = (GUESTS / "pdp10-ka10" / "hello.s").read_text()
    head, mark, tail = whole.partition("user:   .word 0x40000010")
    assert mark
    body = tail.partition("        .org 0x810")[0]
    return programs.program(machine, f"{head}user:   .word 0x{flags << 18 | 0x10:x}{body}{text}")


def hybrid() -> Pair:
    machine = machine_of("pdp10-ka10")
    return pair(machine, policy_of("pdp10-ka10", kind="hybrid"), programs.PDP10_SIZE, programs.pdp10(machine))


def test_user_mode_without_in_out_is_what_runs_directly() -> None:
    machine, rules = machine_of("pdp10-ka10"), policy_of("pdp10-ka10", kind="hybrid")
    user_, in_out = (machine.state.leaves[n].term for n in ("FL.USER", "FL.IOT"))
    one = machine.state.leaves["FL.USER"].holding(1)
    assert rules.direct in (
        land(eq(user_, one), eq(in_out, machine.state.leaves["FL.IOT"].holding(0))),
        land(eq(user_, one), lnot(eq(in_out, one))),
    )
    assert policy_of("pg74").direct is TRUE


def test_the_direct_share_is_the_share_of_user_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Efficiency: what the bare machine completes in user mode runs directly, and what traps there is one intervention each."""
    both, counts = hybrid(), {(mode, done): 0 for mode in (0, 1) for done in (False, True)}

    def noting(machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings) -> object:
        mode = state["FL.USER"]
        ended, last = execute(machine, fetched, state, surroundings)
        assert isinstance(mode, int)
        counts[mode, ended is None] += 1
        return ended, last

    with monkeypatch.context() as patch:
        patch.setattr(engine, "execute", noting)
        assert both.bare.run(20_000).exit is not None
    assert both.guest.computer.run(20_000).exit is not None
    found = both.guest.monitor.statistics
    assert found.direct == counts[1, True] > 0
    assert found.count("reflected") == counts[1, False] > 0
    assert found.count("interpreted") + found.count("ended") == counts[0, True] + counts[0, False]
    assert found.count("emulated") == found.count("memory") == 0


@pytest.mark.parametrize(
    ("flags", "shown", "direct"), [(USER, b"PP\n", True), (USER | IN_OUT_FLAG, b"\x11\x11\n", False)]
)
def test_a_user_program_with_in_out_is_interpreted(flags: int, shown: bytes, direct: bool) -> None:
    """With User IOT a program reaches devices without a trap: on the processor it would reach the host's."""
    machine = machine_of("pdp10-ka10")
    both = pair(machine, policy_of("pdp10-ka10", kind="hybrid"), programs.PDP10_SIZE, user(machine, IN_OUT, flags))
    for _ in range(140):
        both.step(40)
    assert bytes(both.printed[1]) == b"Hello\n5 ticks\n" + shown
    assert (both.guest.monitor.statistics.direct > 0) is direct


def test_a_monitor_that_runs_too_much_directly_is_noticed() -> None:
    """JRST 1 enters user mode without a trap: on the processor, where user mode is already, nothing shows it."""
    machine, right = machine_of("jrst1"), policy_of("jrst1", kind="hybrid")
    setup = programs.program(machine, "jrst1 1")
    both = pair(machine, right, programs.PG74_SIZE, setup)
    both.step(1)
    assert both.guest.computer.state["M"] == 1
    with pytest.raises(AssertionError):
        pair(machine, replace(right, direct=TRUE), programs.PG74_SIZE, setup).step(1)
