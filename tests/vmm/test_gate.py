"""The world switch on the machine itself: by trap entry and return a guest goes the way that it goes without, and what goes wrong there is noticed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, constant, lnot, mk
from pgcheck.models.computer.computer import Computer
from pgcheck.models.state import Cells
from pgcheck.vmm.gate import ResourceControlLost
from pgcheck.vmm.policy import Copy, Crossing, Policy
from pgcheck.vmm.vmm import Vmm
from tests.specifications import machine_of, path_of
from tests.vmm import programs
from tests.vmm.lockstep import Pair, assembled, host, loaded, pair, policy_of
from tests.vmm.test_monitor import CASES, LONG

POLICIES = (
    ("pg74", "default", "type1"),
    ("m68010", "default", "type1"),
    ("riscv64", "s_in_u", "type1"),
    ("riscv64", "vmm_in_m", "type1"),
    ("pdp10-ka10", "default", "hybrid"),
)


@pytest.mark.parametrize(("name", "deployment", "kind"), POLICIES[:1] + POLICIES[2:4])
def test_every_policy_says_how_a_guest_is_left_and_entered(name: str, deployment: str, kind: str) -> None:
    machine, crossing = machine_of(name), policy_of(name, deployment, kind).crossing
    assert crossing is not None and crossing.returns
    entering = policy_of(name, deployment, kind).intercept & machine.code.exits.keys()
    assert entering <= crossing.recoveries.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_guest_that_is_left_by_trap_entry_and_entered_by_return_goes_the_same_way(name: str) -> None:
    """With the bare machine, step by step, and with the monitor that exchanges leaves, to the same account."""
    case, chance = CASES[name], random.Random(name)
    slow, fast = case.pair(crosses=True), case.pair()
    before = -1
    while before < slow.bare.clock < LONG:
        before, count = slow.bare.clock, chance.randrange(1, 40 * case.stride)
        slow.step(count)
        fast.step(count)
    assert bytes(slow.printed[1]) == case.prints
    a, b = slow.guest.monitor.statistics, fast.guest.monitor.statistics
    assert (a.interventions, a.direct, a.misses) == (b.interventions, b.direct, b.misses)


def test_a_monitor_does_not_cross_as_nobody_has_proved() -> None:
    forced = replace(policy_of("pg74"), crossing=None)
    with pytest.raises(ValueError, match="not proved"):
        Vmm(host(machine_of("pg74"), 1024), forced, crosses=True)


# ---- what is planted


ODD = ".org 2\nli a1, 7\nstm a1\nrtm a2\nli a3, 5\nstm a3\n"


def run(machine: Machine, rules: Policy) -> None:
    """A program under a monitor that crosses, beside the bare machine."""
    both = pair(machine, rules, 512, programs.program(machine, ODD), room=1024, crosses=True)
    for _ in range(5):
        both.step(1)


def copies(crossing: Crossing) -> Iterator[tuple[str, Crossing]]:
    """The crossing with each of its copies one bit wrong, and each word of its returns."""
    for name, one in crossing.recoveries.items():
        for k, copy in enumerate(one.copies):
            wrong = (*one.copies[:k], _flipped(copy), *one.copies[k + 1 :])
            yield (
                f"{name}: {copy.leaf}",
                replace(crossing, recoveries={**crossing.recoveries, name: replace(one, copies=wrong)}),
            )
    for n, way in enumerate(crossing.returns):
        for k, (address, value) in enumerate(way.words):
            words = (*way.words[:k], (address, _other(value)), *way.words[k + 1 :])
            yield f"word {k}", _with_return(crossing, n, words=words)


def _with_return(crossing: Crossing, n: int, **changes: Any) -> Crossing:
    returns = list(crossing.returns)
    returns[n] = replace(returns[n], **changes)
    return replace(crossing, returns=tuple(returns))


def _flipped(copy: Copy) -> Copy:
    return replace(copy, value=_other(copy.value))


def _other(term: Term) -> Term:
    return mk("xor", term.width, term, constant(term.width, 1)) if term.width else lnot(term)


def _noticed(both: Pair, steps: int) -> bool:
    try:
        for _ in range(steps):
            both.step(1)
    except (AssertionError, ResourceControlLost):
        return True
    return False


PLANTED: Mapping[str, int] = {"pg74": 290, "riscv64 from M": 400}


@pytest.mark.parametrize("name", PLANTED)
def test_a_map_with_one_bit_wrong_is_noticed(name: str) -> None:
    case = CASES[name]
    machine, rules = machine_of(case.machine), policy_of(case.machine, case.deployment, case.kind)
    assert rules.crossing is not None
    room, missed = 1024 if name == "pg74" else 0, []
    for what, wrong in copies(rules.crossing):
        if what.startswith("interrupt"):  # none comes while this program runs
            continue
        both = pair(machine, replace(rules, crossing=wrong), case.size, case.setup(machine), room=room, crosses=True)
        missed += [] if _noticed(both, PLANTED[name]) else [what]
    assert not missed


def _changed(folder: Path, old: str, new: str) -> Machine:
    text = path_of("pg74").read_text()
    assert text.count(old) == 1
    path = folder / "pg74.yaml"
    path.write_text(text.replace(old, new))
    return load(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("R.l, R.b});\n      Psw", "R.l, R.b});\n      A[1] = A[1] & ~32'd1;\n      Psw"),
        ("(indexed(a, x));\n      M = new.M;", "(indexed(a, x));\n      A[1] = A[1] & ~32'd1;\n      M = new.M;"),
    ],
    ids=["an entry that loses a bit", "a return that cannot restore one"],
)
def test_a_machine_that_loses_a_bit_is_noticed(tmp_path: Path, old: str, new: str) -> None:
    """The policy is another machine's: this one's check refuses."""
    run(machine_of("pg74"), policy_of("pg74"))
    with pytest.raises((AssertionError, ResourceControlLost)):
        run(_changed(tmp_path, old, new), policy_of("pg74"))


# ---- interrupts of the host's own


def tick_pg74(computer: Computer, steps: int) -> None:
    """Let the computer's timer ask after so many steps, and no more until then."""
    computer.surroundings.ports["TIMER"].write(0, 1, (1 << 32) - steps)


def tick_riscv(computer: Computer, steps: int) -> None:
    computer.bus.store(0x2000008, 8, computer.clock + steps)


# The monitor of riscv64 in S lets its timer interrupt user mode.
TIMERS: Mapping[str, tuple[Callable[[Computer, int], None], Mapping[str, int]]] = {
    "pg74": (tick_pg74, {}),
    "pg74 with its timer": (tick_pg74, {}),
    "riscv64 in U": (tick_riscv, {"mie.STIE": 1}),
}


@pytest.mark.parametrize("crosses", [True, False])
@pytest.mark.parametrize("name", TIMERS)
def test_a_guest_that_the_hosts_timer_interrupts_goes_the_same_way(name: str, crosses: bool) -> None:
    """The trap entry is delivered in the state in which the guest ran, the monitor sets its timer again, and a return goes on."""
    case, (tick, own) = CASES[name], TIMERS[name]
    machine, rules = machine_of(case.machine), policy_of(case.machine, case.deployment, case.kind)
    rules = replace(rules, real={**rules.real, **own})
    room = 1024 if case.machine == "pg74" else 0
    both = pair(machine, rules, case.size, case.setup(machine), room=room, crosses=crosses)
    served, guest, host_ = [], both.guest.monitor, both.vmm.host

    def serve() -> None:
        mode = machine.modes.leaf
        served.append((host_.state[mode] == guest.real[mode], guest.statistics.direct))
        tick(host_, 1 + len(served) % 5)

    guest.serves = serve
    tick(host_, 3)
    chance, before = random.Random(name), -1
    while before < both.bare.clock < LONG:
        before = both.bare.clock
        both.step(chance.randrange(1, 40 * case.stride))
    assert bytes(both.printed[1]) == case.prints
    assert len(served) == guest.statistics.interrupts > 20
    # Served in the monitor's own mode where the machine itself has led it there; after every few steps that the guest took directly.
    assert all(still is not crosses for still, _ in served)
    assert all(later - sooner <= 5 for (_, sooner), (_, later) in pairwise(served))


@pytest.mark.parametrize("name", ["pg74", "riscv64 in U"])
def test_an_interrupt_that_is_read_back_with_one_bit_wrong_is_noticed(name: str) -> None:
    case, (tick, own) = CASES[name], TIMERS[name]
    machine, rules = machine_of(case.machine), policy_of(case.machine, case.deployment, case.kind)
    rules = replace(rules, real={**rules.real, **own})
    assert rules.crossing is not None
    wrong = {what: one for what, one in copies(rules.crossing) if what.startswith("interrupt")}
    assert wrong
    for what, crossing in wrong.items():
        room = 1024 if case.machine == "pg74" else 0
        both = pair(machine, replace(rules, crossing=crossing), case.size, case.setup(machine), room=room, crosses=True)
        both.guest.monitor.serves = partial(tick, both.vmm.host, 5)
        tick(both.vmm.host, 5)
        assert _noticed(both, 60), what


def test_a_device_of_the_hosts_that_is_not_quieted_does_not_stop_a_guest() -> None:
    machine, served = machine_of("pg74"), list[int]()
    vmm = Vmm(host(machine, 1024), policy_of("pg74"), crosses=True, serves=lambda: served.append(1))
    guest = vmm.guest("guest", 512)
    programs.program(machine, ODD)(guest.computer)
    tick_pg74(vmm.host, 2)
    assert guest.computer.run(5).steps == 5 and len(served) > 1
    assert guest.computer.state["P"] == 7


@pytest.mark.parametrize("deployment", ["s_in_u", "vmm_in_m"])
def test_an_interrupt_of_the_guests_own_is_not_delivered_by_the_monitor(deployment: str) -> None:
    """What lets it in runs on the processor, which takes it itself where it does not enter the monitor."""
    machine = machine_of("riscv64")
    base = machine.platform.ram_base
    text = (
        "start:\n  csrrs zero, sstatus, s3\n  addi t0, t0, 1\n  jal zero, start\nhandler:\n  csrrs t1, scause, zero\n"
    )
    text += "  addi t2, t2, 1\n  csrrw zero, sie, zero\n  sret\n"
    program = assembled(machine, text, base)

    def setup(computer: Computer) -> None:
        loaded(computer, program)
        computer.state[machine.state.pc] = base
        computer.state |= {"mip.SSIP": 1, "mie.SSIE": 1, "stvec.BASE": program.symbols["handler"] >> 2}
        registers = computer.state["X"]
        assert isinstance(registers, Cells)
        registers[19] = 2

    for count in (1, 2, 3, 30):
        both = pair(machine, policy_of("riscv64", deployment), programs.RISCV_SIZE, setup, crosses=True)
        for _ in range(60 // count):
            both.step(count)
        registers = both.guest.computer.state["X"]
        assert isinstance(registers, Cells) and registers[7] == 1 and registers[5] > 10
