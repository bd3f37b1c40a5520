"""Programs run on virtual machines: under the monitor that a check promises, with an account of what it did."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import click

from pgcheck import console, words
from pgcheck.checker.check import solver_for
from pgcheck.checker.result import DeploymentResult, MachineResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import NoMonitor, policy, promised
from pgcheck.debugging.server import debugged
from pgcheck.debugging.session import End
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.machines import bare, timeline
from pgcheck.machines.bare import RunRequest, Terminal
from pgcheck.machines.programs import program
from pgcheck.models.computer import image, loops
from pgcheck.models.computer.computer import Computer, new_ram
from pgcheck.models.computer.symbols import Symbols
from pgcheck.models.devices.standard import standard
from pgcheck.models.engine import VmExit
from pgcheck.models.memory import Ram
from pgcheck.request import Request
from pgcheck.running import run
from pgcheck.running.trouble import shortened
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.kind import Kind
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import REASONS
from pgcheck.vmm.translate import Unmappable
from pgcheck.vmm.vmm import QUANTUM, TABLE_FRAMES, Guest, Vmm, hidden, kept, page_shift

Format = Literal["text", "json"]
REFUSED: Final = 1
FAILED: Final = 1
MAX_GUESTS: Final = 64
ENDLESS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class GuestsRequest:
    """What the command line asks for, besides the program."""

    kind: Kind
    guests: int = 1
    force: bool = False
    format: Format = "text"
    timeline: Path | None = None


def run_guests(machine: Machine, asked: RunRequest, under: GuestsRequest, request: Request) -> int:
    """Run the program on every guest; the exit code, the worst of theirs. Raises Failure or ReaderGone."""
    machine = run.about(machine, request.deployment)
    timeline.checked(under.timeline)
    found = program(machine, asked.image, asked.raw)
    if under.guests > 1 and asked.input:
        raise console.Failure("--input is for one guest; leave out --guests")
    if asked.disks and len(asked.disks) != under.guests:
        given = f"{len(asked.disks)} {'is' if len(asked.disks) == 1 else 'are'} given for {under.guests}"
        raise console.Failure(f"--disk is given once for each guest, and {given}")
    answer = run.judged(machine, request)
    wrong = [f for f in answer.findings if f.status == "error"]
    if wrong:
        raise console.Failure(
            f"{machine.identity.name} has errors, as {wrong[0].message}; `pgcheck {machine.identity.name}` shows them"
        )
    try:
        chosen, rules = _promised(machine, answer, under, request)
    except NoMonitor as refusal:
        click.echo(
            f"{machine.identity.name} has no {under.kind.name} monitor: {refusal}. --force runs one anyway.", err=True
        )
        return REFUSED
    click.echo(_announced(machine, chosen, under), err=True)
    with ExitStack() as files:
        vmm, terminals = _started(machine, asked, under, rules, found, files)
        record = timeline.Timeline()
        if under.timeline is not None:
            for guest in vmm.guests:
                guest.monitor.statistics = timeline.Recorded(record, machine, guest.name)
        try:
            if (
                asked.gdb is not None
                and debugged(vmm.guests[0].computer, Among(vmm, asked.budget, found.symbols), asked.gdb) == "killed"
            ):
                raise KeyboardInterrupt
            for guest in vmm.run(ENDLESS if asked.budget is None else asked.budget, QUANTUM):
                terminals[guest.name].flush()
        finally:
            for terminal in terminals.values():
                terminal.flush()
            click.echo(_report(vmm, chosen, under, found.symbols), err=True)
            bare.tell(vmm.host.engine, asked)
            if under.timeline is not None:
                title = f"{machine.identity.name} under a {under.kind.title} monitor"
                timeline.write(under.timeline, title, record, vmm.guests)
    return max(FAILED if g.lost else bare.code(g.stopped or VmExit(0)) for g in vmm.guests)


def _promised(
    machine: Machine, answer: MachineResult, under: GuestsRequest, request: Request
) -> tuple[DeploymentResult, Policy]:
    """The first deployment that promises such a monitor, or when forced the first. Raises NoMonitor."""
    solver = solver_for(request.options)
    refusals: list[NoMonitor] = []
    try:
        evidence = Evidence(solver, request.options.second)
        mine = {d.name for d in machine.deployments}
        for found in (d for d in answer.deployments if d.name in mine):
            try:
                return found, policy(machine, found, evidence, under.kind)
            except NoMonitor as refusal:
                refusals.append(refusal)
        if not under.force:
            raise refusals[0]
        return answer.main, policy(machine, answer.main, evidence, under.kind, force=True)
    finally:
        solver.close()


def _announced(machine: Machine, chosen: DeploymentResult, under: GuestsRequest) -> str:
    forced = "" if promised(chosen, under.kind) else ", forced: the check refuses it"
    how = "" if chosen.name == "default" else f" as {chosen.name}"
    return f"{machine.identity.name}{how} under a {under.kind.title} monitor with {words.configuration(chosen.configuration)}{forced}"


# ---- guests


class Prefixed(Terminal):
    """A terminal that shares standard output: each line begins with its guest's name."""

    __slots__ = ("begun", "name")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def put(self, byte: int) -> None:
        if not self.pending:
            self.pending += f"{self.name}: ".encode()
        super().put(byte)

    def flush(self) -> None:
        if self.pending and self.pending[-1] != 0x0A:
            self.pending.append(0x0A)
        super().flush()


def _started(
    machine: Machine, asked: RunRequest, under: GuestsRequest, rules: Policy, found: image.Image, files: ExitStack
) -> tuple[Vmm, dict[str, Terminal]]:
    source = bare.input_of(asked.input, files)
    disks = [bare.disk_of(machine, path, files) for path in asked.disks]
    size, room = _sizes(machine, asked.memory, under.guests, kept(machine, rules))
    ram = Ram(machine.platform.ram_base, room, machine.state.memory_unit, machine.state.big_endian)
    vmm = Vmm(Computer(machine, bare.engine(machine, asked, found.symbols), ram), rules, steps=loops.run)
    terminals: dict[str, Terminal] = {}
    for number in range(under.guests):
        name = f"guest {number + 1}"
        terminal = terminals[name] = Prefixed(name) if under.guests > 1 else Terminal()
        try:
            guest = vmm.guest(name, size, standard(terminal.put, source, disks[number] if disks else None))
            image.load(found, guest.computer)
        except image.BadImage as error:
            raise console.Failure(f"cannot run {shortened(str(asked.image))}: {error}") from None
        except (OutOfMemory, Unmappable, ValueError) as error:
            raise console.Failure(f"{name} cannot be made: {error}") from None
    return vmm, terminals


def _sizes(machine: Machine, memory: int, guests: int, keep: int) -> tuple[int, int]:
    """The RAM of a guest and of the host: as much as asked for, or as much as the address space has for each beside `keep` frames. Raises Failure."""
    shift = page_shift(machine)
    tables = TABLE_FRAMES << shift if isinstance(machine.code.scheme, Entries) else 0
    space = machine.state.memory_size - machine.platform.ram_base
    # The first frame may be nobody's.
    spared = max(keep, 1) << shift
    most = ((space - spared) // guests - tables) >> shift << shift
    size = memory or min(new_ram(machine).size, most)
    if size <= 0 or size > most:
        raise console.Failure(
            f"{guests} guests of {size:#x} units do not fit into the address space of {machine.identity.name}; at most {max(most, 0):#x} each"
        )
    if size & (1 << shift) - 1:
        raise console.Failure(f"a guest's memory is a multiple of {1 << shift:#x} units, which {size:#x} is not")
    return size, spared + guests * (size + tables)


@dataclass(slots=True)
class Among:
    """Lets the first guest take steps for a debugger, and the others as many, at most `left` each."""

    vmm: Vmm
    left: int | None
    symbols: Symbols

    def run(self, steps: int) -> End | None:
        steps = steps if self.left is None else min(steps, self.left)
        first, *others = self.vmm.guests
        if steps and first.stopped is None:
            self.left = None if self.left is None else self.left - steps
            for guest in others:
                if guest.stopped is None:
                    self.vmm.turn(guest, steps)
            self.vmm.turn(first, steps)
            if first.stopped is None:
                return None
        stop = first.stopped or VmExit(0)
        return End(_ended(first, self.symbols), FAILED if first.lost else bare.code(stop))


# ---- the account


def _report(vmm: Vmm, chosen: DeploymentResult, under: GuestsRequest, symbols: Symbols) -> str:
    return (_json if under.format == "json" else _text)(vmm, chosen, under, symbols)


def _ended(guest: Guest, symbols: Symbols) -> str:
    if guest.lost:
        return f"{bare.counted(guest.used)}, then stopped: {guest.lost}"
    return bare.report(guest.computer, guest.stopped or VmExit(0), symbols)


def _text(vmm: Vmm, chosen: DeploymentResult, under: GuestsRequest, symbols: Symbols) -> str:
    lines = words.wrapped(words.hidden(hidden(vmm.machine, vmm.policy)), "  ")
    for guest in vmm.guests:
        found = guest.monitor.statistics
        total = sum(found.interventions.values())
        lines.append(f"{guest.name}: {_ended(guest, symbols)}")
        lines.append(f"  {found.direct} directly, {total} interventions, {found.misses} translations made")
        lines += [f"  {n:>9}  {i or '(no instruction)':18} {why}" for (i, why), n in found.interventions.most_common()]
    reasons = {why for g in vmm.guests for _, why in g.monitor.statistics.interventions}
    lines += [f"{why}: {REASONS[why]}" for why in REASONS if why in reasons]
    return "\n".join(lines)


def _json(vmm: Vmm, chosen: DeploymentResult, under: GuestsRequest, symbols: Symbols) -> str:
    own = hidden(vmm.machine, vmm.policy)
    document: dict[str, Any] = {
        "machine": vmm.machine.identity.name,
        "monitor": under.kind.name,
        "deployment": chosen.name,
        "configuration": chosen.configuration.shown(),
        "forced": not promised(chosen, under.kind),
        "hidden": None if own is None else [list(map(hex, ends)) for ends in own],
        "guests": [_account(guest, symbols) for guest in vmm.guests],
    }
    return json.dumps(document, indent=2, default=dict)


def _account(guest: Guest, symbols: Symbols) -> dict[str, Any]:
    found = guest.monitor.statistics
    return {
        "name": guest.name,
        "steps": guest.used,
        "end": _ended(guest, symbols),
        "direct": found.direct,
        "translations": found.misses,
        "interventions": [
            {"instruction": i, "reason": why, "count": n} for (i, why), n in found.interventions.most_common()
        ],
    }
