"""A bare computer and a virtual machine next to each other: the same program, the same devices, compared in all that a program can see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from pgcheck.checker.check import Options, solver_for
from pgcheck.checker.result import DeploymentResult, TheoremResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.checker.verdicts.policy import policy
from pgcheck.isa.encoding.assembly import Assembler, Image
from pgcheck.isa.machine.choices import Choice
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.computer import Computer
from pgcheck.models.devices.standard import standard
from pgcheck.models.memory import Ram
from pgcheck.models.state import Cells
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.vmm import Guest, Vmm
from tests.specifications import machine_of

IA_32: Mapping[str, Choice] = {
    "CR0.EM": "mirror",
    "CR0.MP": "mirror",
    "CR0.TS": "mirror",
    "CR4.PCE": 0,
    "CR4.TSD": 1,
    "EFLAGS.IOPL": 0,
    "TR.limit": 103,
}

# What `pgcheck check` finds; a test of its own compares.
CONFIGURATIONS: Mapping[tuple[str, str], Configuration] = {
    ("riscv64", "s_in_u"): Configuration({"scounteren.CY": 0, "scounteren.TM": 0, "scounteren.IR": 0}),
    ("riscv64", "vmm_in_m"): Configuration(
        {
            "mstatus.TVM": 1,
            "mstatus.TW": 1,
            "mstatus.TSR": 1,
            "mcounteren.CY": 0,
            "mcounteren.TM": 0,
            "mcounteren.IR": 0,
        }
    ),
    ("pdp10-ka10", "default"): Configuration({"FL.IOT": 0}),
    ("i386", "default"): Configuration(IA_32, {"descriptor": {"P": 0}}),
    ("x86-umip", "default"): Configuration({**IA_32, "CR4.UMIP": 1}, {"descriptor": {"P": 0}}),
}


@cache
def policy_of(name: str, deployment: str = "default", kind: str = "type1") -> Policy:
    """The policy that a result with the known configuration promises; no instruction is judged for it."""
    machine = machine_of(name)
    theorems = {n: TheoremResult(n, "holds") for n in ("monitor", "theorem3")}
    result = DeploymentResult(deployment, theorems, (), CONFIGURATIONS.get((name, deployment), NOTHING), direct="known")
    solver = solver_for(Options(second=False))
    try:
        return policy(machine, result, Evidence(solver, False), kinds()[kind], force=True)
    finally:
        solver.close()


def assembled(machine: Machine, text: str, origin: int) -> Image:
    """A program in the specification's own assembly."""
    lines = {i.id: i.line for i in machine.instructions if i.line}
    return Assembler(
        lines, machine.decoding.decode, comment=machine.decoding.syntax.comment, csr_names=machine.decoding.csr_names
    ).program(text, origin)


def loaded(computer: Computer, program: Image) -> None:
    """Put a program into memory."""
    for chunk in program.chunks:
        for k, unit in enumerate(chunk.cells):
            computer.bus.store(chunk.address + k, 1, unit)


def host(machine: Machine, size: int) -> Computer:
    """A bare computer with RAM of `size` units."""
    return Computer(machine, ram=ram(machine, size))


def ram(machine: Machine, size: int) -> Ram:
    return Ram(machine.platform.ram_base, size, machine.state.memory_unit, machine.state.big_endian)


def seen(computer: Computer) -> Mapping[str, object]:
    """All that a program can see of a computer, apart from RAM: registers, control state, the clock and the devices' registers."""
    found: dict[str, object] = {"clock": computer.clock}
    machine = computer.machine
    for name, value in computer.state.items():
        if name != machine.state.memory and not machine.state.leaves[name].volatile:
            found[name] = value.copy() if isinstance(value, Cells) else value
    for name, device in computer.devices.items():
        for attribute in sorted(_attributes(device)):
            value = getattr(device, attribute)
            if isinstance(value, (int, bytes, bytearray, list, dict, set)):
                found[f"{name}.{attribute}"] = repr(value)
    return found


def _attributes(device: object) -> set[str]:
    return {a for kind in type(device).__mro__ for a in getattr(kind, "__slots__", ())} | set(
        getattr(device, "__dict__", ())
    )


def contents(computer: Computer) -> int:
    """RAM, as a number."""
    region = computer.bus.ram
    page = 1 << 10
    return hash(tuple(region.load(region.base + k, min(page, region.size - k)) for k in range(0, region.size, page)))


@dataclass(slots=True)
class Pair:
    """A bare computer with RAM of `size` units and a guest that has as much, with the same set-up and the same input."""

    bare: Computer
    guest: Guest
    vmm: Vmm
    printed: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))

    def step(self, count: int) -> None:
        """Let both take `count` steps and compare them; AssertionError names what differs."""
        first, second = self.bare.run(count), self.guest.computer.run(count)
        self.compare()
        ends = (first.steps, first.exit), (second.steps, second.exit)
        assert ends[0] == ends[1], f"bare and guest: {ends}"

    def compare(self) -> None:
        first, second = seen(self.bare), seen(self.guest.computer)
        differs = {k: (first.get(k), second.get(k)) for k in {*first, *second} if first.get(k) != second.get(k)}
        assert not differs, f"bare and guest: {differs}"
        assert self.printed[0] == self.printed[1], f"printed: {self.printed}"
        assert contents(self.bare) == contents(self.guest.computer), "RAM differs"


def pair(
    machine: Machine,
    rules: Policy,
    size: int,
    setup: Callable[[Computer], None],
    source: bytes = b"",
    room: int = 0,
    tables: int = 24,
    *,
    crosses: bool = False,
) -> Pair:
    """Both machines, set up; the host has `room` units of RAM (0: twice what the guest needs). `crosses` as a monitor takes it."""
    out = bytearray(), bytearray()
    bare = Computer(machine, ram=ram(machine, size), makers=standard(out[0].append, reader(source)))
    vmm = Vmm(host(machine, room or 2 * size + (tables + 2 << 12)), rules, crosses=crosses)
    guest = vmm.guest("guest", size, standard(out[1].append, reader(source)), tables=tables)
    setup(bare)
    setup(guest.computer)
    return Pair(bare, guest, vmm, out)


def reader(text: bytes) -> Callable[[int], bytes]:
    """An input that gives `text`, then nothing."""
    left = bytearray(text)

    def read(count: int) -> bytes:
        taken = bytes(left[:count])
        del left[:count]
        return taken

    return read
