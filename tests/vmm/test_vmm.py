"""Machines with a monitor, machines without one, guests that mean harm, and what belongs to whom."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check, solver_for
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import NoMonitor, policy
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import HALT, TRANSLATE
from pgcheck.models.computer import image
from pgcheck.models.computer.computer import Computer
from pgcheck.models.computer.elf import elf
from pgcheck.models.generated.compiled import Compiled
from pgcheck.models.reference.cycle import holds
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.vmm import Vmm
from tests.models.compiling import compiled
from tests.specifications import ROOT, machine_of
from tests.vmm import programs
from tests.vmm.lockstep import CONFIGURATIONS, Pair, assembled, host, loaded, pair, policy_of, seen

# ---- machines without a monitor, and what a guest sees when one is forced


@pytest.mark.parametrize(("name", "row"), [("i386", "popf.32"), ("x86-umip", "pushf.32"), ("m68000", "move.from_sr")])
def test_no_monitor_runs_what_the_checker_refuses(name: str, row: str) -> None:
    machine = machine_of(name)
    found = check(machine, Options(cache=False, second=False, only=(row,))).main
    solver = solver_for(Options(second=False))
    try:
        with pytest.raises(NoMonitor, match=f"monitor fails on {row}"):
            policy(machine, found, Evidence(solver, False))
        assert policy(machine, found, Evidence(solver, False), force=True).deployment == found.name
    finally:
        solver.close()


M68000 = """
        .org 0x400
start:  move sr,d0
        moveq #98,d1            ; b
        btst #13,d0
        bne.s out
        moveq #118,d1           ; v
out:    move.b d1,(0xff0000).l
        move.b #0,(0xff2000).l
"""
I386 = """
        .org 0x1000
start:  mov esp, 0x8000
        push 0x202              ; IF
        popf
        pushf
        pop ebx
        and ebx, 0x200
        mov eax, 118            ; v
        je out
        mov eax, 98             ; b
out:    mov edx, 0x3f8
        out dx, al
        mov eax, 0
        mov edx, 0xf4
        out dx, al
"""


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("m68000", M68000, b"bv"),
        ("m68010", M68000, b"bb"),
        ("i386", I386, b"bv"),
        ("x86-umip", I386, b"bv"),
    ],
)
def test_a_guest_of_a_forced_monitor_notices_it(name: str, text: str, shown: bytes) -> None:
    """It reads the status register, or writes and reads its interrupt flag, and prints v when it is not on the bare machine."""
    machine = machine_of(name)
    both = pair(machine, policy_of(name), 1 << 16, programs.program(machine, text))
    for computer in (both.bare, both.guest.computer):
        ended = computer.run(100).exit
        assert ended is not None and ended.function == HALT
    assert both.printed[0] + both.printed[1] == shown


def test_the_guest_for_the_classroom_names_each_hole() -> None:
    """Bare, everything is as the manual says; under a forced monitor each of its four questions finds a hole."""
    machine = machine_of("i386")
    text = (ROOT / "tests" / "guests" / "i386" / "holes.s").read_text(encoding="utf-8")
    both = pair(machine, policy_of("i386"), 1 << 16, programs.program(machine, text))
    for computer in (both.bare, both.guest.computer):
        ended = computer.run(4000).exit
        assert ended is not None and ended.function == HALT
    questions = ("PUSH CS", "STR", "POPF", "SGDT")
    for printed, said in zip(both.printed, ("as the manual says", "a virtualization hole"), strict=True):
        assert bytes(printed).decode() == "".join(f"{question}: {said}\n" for question in questions)


def test_a_forced_monitor_keeps_an_interrupt_flag_that_the_guest_has_cleared() -> None:
    text = ".org 0x1000\nmov esp, 0x8000\nsti\npush 2\npopf\n"
    machine = machine_of("i386")
    both = pair(machine, policy_of("i386"), 1 << 16, programs.program(machine, text))
    both.step(3)
    with pytest.raises(AssertionError, match="EFLAGS.IF"):
        both.step(1)


# ---- C programs


@pytest.mark.parametrize("deployment", ["s_in_u", "vmm_in_m"])
@pytest.mark.parametrize("name", ["timer", "user"])
def test_a_c_program_goes_the_same_way(name: str, deployment: str, tmp_path: Path) -> None:
    """It serves interrupts of a timer, or builds page tables and runs user code under them."""
    machine = machine_of("riscv64")
    program = elf(compiled(name, tmp_path).read_bytes(), machine)
    both = pair(machine, policy_of("riscv64", deployment), 1 << 18, lambda computer: image.load(program, computer))
    both.vmm.host.engine = Compiled(machine)
    chance, before = random.Random(name), -1
    while before < both.bare.clock < 20_000:
        before = both.bare.clock
        both.step(chance.randrange(1, 200))
    ended = both.bare.run(1).exit
    assert ended is not None and ended.function == HALT and both.guest.monitor.statistics.count("interpreted") == 0


# ---- guests that mean harm

RISCV_HARM = {
    "nowhere": "jalr zero, 0(s0)",
    "odd address": "jalr zero, 2(s1)",
    "a loop": "jal zero, .+0",
    "tables that point at themselves": "sd s2, 0(s3)\nsd s2, 16(s3)\ncsrrw zero, satp, s4\nsfence.vma zero, zero\nsd s2, 0(s3)\nld a0, 8(s3)\nsd s5, 8(s3)\nsd zero, 16(s3)\nld a0, 0(s3)",
    "tables in the console": "csrrw zero, satp, s6\nld a0, 0(s3)\njal zero, .-4",
    "tables in nothing": "csrrw zero, satp, s7\nld a0, 0(s3)\njal zero, .-4",
    "a flood on the console": "sb s0, 0(s8)\njal zero, .-4",
    "stores everywhere": "sd s1, 0(s9)\nadd s9, s9, s10\njal zero, .-8",
    "its own next instruction": "auipc a0, 0\nlw a1, 20(s1)\nsw a1, 12(a0)\nadd a2, a2, a2\nadd a2, a2, a2\n.word 0x00160613",
    "the end of RAM": "ld a0, -4(s11)\nsd a0, -8(s11)\nsd a0, -4(s11)\nlw a0, 0(s11)\njalr zero, -4(s11)",
}
SIZE = 1 << 16


def harm(machine: Machine, text: str) -> programs.Setup:
    base = machine.platform.ram_base
    program = assembled(machine, text, base)
    root = base + 0x4000

    def setup(computer: Computer) -> None:
        loaded(computer, program)
        computer.state[machine.state.pc] = base
        at = root >> 12
        programs.cells(computer, "X").update(
            {
                8: 0xDEADBEEF000,
                9: base,
                18: programs.entry(root, 0xCF),
                19: root,
                20: 8 << 60 | at,
                21: programs.entry(base, 0xCF),
                22: 8 << 60 | 0x10000,
                23: 8 << 60 | 0xABCDE,
                24: 0x10000000,
                25: base - 0x5000,
                26: 0x1238,
                27: base + SIZE,
            }
        )

    return setup


@pytest.mark.parametrize("deployment", ["s_in_u", "vmm_in_m"])
@pytest.mark.parametrize("name", RISCV_HARM)
def test_harm_is_the_same_as_on_the_bare_machine(name: str, deployment: str) -> None:
    machine = machine_of("riscv64")
    both = pair(machine, policy_of("riscv64", deployment), SIZE, harm(machine, RISCV_HARM[name]))
    for count in (1, 2, 1, 3, 1, 1, 5, 30, 100):
        both.step(count)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "deployment", "size"),
    [
        ("pg74", "default", 512),
        ("m68010", "default", 1 << 14),
        ("riscv64", "s_in_u", SIZE),
        ("riscv64", "vmm_in_m", SIZE),
    ],
)
def test_noise_is_a_program_too(name: str, deployment: str, size: int, seed: int) -> None:
    """Memory and registers full of random numbers, most of them small."""
    machine, chance = machine_of(name), random.Random(seed)
    words = [_noise(chance, machine.state.memory_unit) for _ in range(size)]
    numbers = [chance.choice((chance.randrange(size), chance.getrandbits(64))) for _ in range(40)]

    def setup(computer: Computer) -> None:
        for k, word in enumerate(words):
            computer.bus.store(machine.platform.ram_base + k, 1, word)
        for array in machine.state.registers:
            fixed = {k for k, _ in array.hardwired}
            programs.cells(computer, array.name).update(
                {k: numbers[k] % (1 << array.width) for k in range(array.size) if k not in fixed}
            )
        if machine.platform.start is not None:
            computer.state[machine.state.pc] = machine.platform.start

    both = pair(machine, policy_of(name, deployment), size, setup, room=1024 if name == "pg74" else 0)
    for _ in range(60):
        before = both.bare.clock
        both.step(chance.randrange(1, 6))
        if both.bare.clock == before:
            break


def _noise(chance: random.Random, width: int) -> int:
    return chance.choice((0, chance.getrandbits(width), chance.getrandbits(width)))


# ---- what belongs to whom


def two() -> tuple[Machine, Vmm]:
    machine = machine_of("riscv64")
    return machine, Vmm(host(machine, 1 << 19), policy_of("riscv64", "s_in_u"))


def test_a_guests_frames_are_its_own_and_zero_again_afterwards() -> None:
    machine, vmm = two()
    free = sorted(vmm.allocator.free)
    setup = programs.riscv(machine)
    first, second = (vmm.guest(n, programs.RISCV_SIZE, tables=16) for n in "ab")
    setup(first.computer)
    setup(second.computer)
    assert len(list(vmm.run(2000, 50))) == 2
    owners = {o: vmm.allocator.owned(o) for o in ("a", "a:tables", "b", "b:tables")}
    assert [len(f) for f in owners.values()] == [16, 16, 16, 16]
    assert sum(len(f) for f in owners.values()) == len(frozenset[int]().union(*owners.values()))
    before = seen(second.computer)
    vmm.remove(first)
    assert not vmm.allocator.owned("a") | vmm.allocator.owned("a:tables")
    assert all(not vmm.host.bus.load(f << 12, 1 << 12) for f in owners["a"] | owners["a:tables"])
    assert seen(second.computer) == before and any(vmm.host.bus.load(f << 12, 1 << 12) for f in owners["b"])
    vmm.remove(second)
    assert sorted(vmm.allocator.free) == free
    assert not any(vmm.host.bus.load(f << 12, 1 << 12) for f in free)


def test_what_one_guest_does_another_does_not_see() -> None:
    """One writes everywhere; the other runs as if it were alone."""
    machine = machine_of("riscv64")
    both = pair(machine, policy_of("riscv64", "s_in_u"), programs.RISCV_SIZE, programs.riscv(machine), room=1 << 19)
    noisy = both.vmm.guest("noisy", SIZE, tables=16)
    harm(machine, RISCV_HARM["stores everywhere"])(noisy.computer)
    for _ in range(40):
        both.step(7)
        noisy.computer.run(7)
    assert noisy.computer.clock == 280


@pytest.mark.parametrize("size", [0, -4096, 4095, 4097])
def test_ram_is_a_whole_number_of_frames(size: int) -> None:
    _, vmm = two()
    with pytest.raises(ValueError, match="whole number of frames"):
        vmm.guest("a", size)


def test_names_are_unique() -> None:
    _, vmm = two()
    vmm.guest("a", 4096, tables=8)
    with pytest.raises(ValueError, match="a guest a already"):
        vmm.guest("a", 4096, tables=8)


@pytest.mark.parametrize(("size", "tables"), [(1 << 20, 8), (1 << 18, 100)])
def test_a_guest_that_does_not_fit_takes_nothing(size: int, tables: int) -> None:
    _, vmm = two()
    free = list(vmm.allocator.free)
    with pytest.raises(OutOfMemory):
        vmm.guest("a", size, tables=tables)
    assert (sorted(vmm.allocator.free), vmm.allocator.owner, vmm.guests) == (sorted(free), {}, [])


def test_a_guest_whose_devices_cannot_be_made_takes_nothing() -> None:
    _, vmm = two()
    with pytest.raises(ValueError, match="no device"):
        vmm.guest("a", 4096, makers={}, tables=8)
    assert not vmm.allocator.owner and not vmm.guests


def test_a_guest_that_is_not_under_control_stops_alone() -> None:
    machine = machine_of("shrink")
    vmm = Vmm(host(machine, 1024), policy_of("shrink"))
    good, bad = vmm.guest("good", 256), vmm.guest("bad", 256)
    programs.program(machine, ".org 2\njump 2\n")(good.computer)
    programs.program(machine, ".org 2\nli a1, 3\nlim a1\n")(bad.computer)
    for guest in (good, bad):
        guest.computer.state["R.b"] = 256
    assert [g.name for g in vmm.run(100, 10)] == ["bad"]
    assert "R.b" in bad.lost and bad.stopped is not None and bad.stopped.exit is None
    assert (good.used, bad.used, good.stopped) == (100, 0, None)


def test_a_pair_notices_what_differs_in_memory() -> None:
    """The comparison of these tests can fail."""
    machine = machine_of("pg74")
    both: Pair = pair(machine, policy_of("pg74"), 512, programs.pg74(machine), room=1024)
    both.guest.computer.bus.store(511, 1, 1)
    with pytest.raises(AssertionError):
        both.step(1)


# ---- what the policy says

RIVAL = {"riscv64": ("csrrs", "sret", "wfi", "sfence.vma"), "pdp10-ka10": ("cono", "conso")}


@pytest.mark.parametrize("name", RIVAL)
def test_the_configurations_of_these_tests_are_what_the_check_finds(name: str) -> None:
    found = check(machine_of(name), Options(second=False, only=RIVAL[name])).deployments
    assert {d.name: d.configuration for d in found} == {d: c for (n, d), c in CONFIGURATIONS.items() if n == name}


@pytest.mark.parametrize(("mode", "direct"), [(0, 1), (1, 1), (3, 0)])
def test_only_states_of_the_virtual_machine_run_directly(mode: int, direct: int) -> None:
    """The deployment's virtual machine has no M mode: a state in it is interpreted, whatever led there."""
    machine = machine_of("riscv64")
    for deployment in ("s_in_u", "vmm_in_m"):
        state = {**Computer(machine).state, "current_mode": mode}
        assert holds(machine, policy_of("riscv64", deployment).direct, state) == direct


LOCAL = """
        .org 2
        li a14, 6
        srr a1
        call
        li a2, 9
        add a3, a14
        jump 4
"""


def test_a_trap_that_does_not_enter_the_monitor_is_the_processors() -> None:
    """The specification's local trap is taken as on the bare machine, and the monitor does not see it."""
    machine = machine_of("local_trap")
    rules = policy_of("local_trap")
    assert rules.intercept == {"trap", TRANSLATE}
    both = pair(machine, rules, 512, programs.program(machine, LOCAL), room=1024)
    for _ in range(12):
        both.step(1)
    found = both.guest.monitor.statistics
    assert found.interventions == {("srr", "emulated"): 1} and found.direct == 11
