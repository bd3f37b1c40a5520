"""Programs run on a specification's computer: the console on standard output, the report on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from pgcheck import console, options
from pgcheck.debugging.server import debugged
from pgcheck.debugging.session import End
from pgcheck.isa.encoding.templates import disassemble
from pgcheck.isa.files import door
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import HALT
from pgcheck.machines.programs import program
from pgcheck.models.computer import image, loops
from pgcheck.models.computer.computer import STUCK, Computer, new_ram
from pgcheck.models.computer.symbols import Symbols
from pgcheck.models.devices.backing import HostFile
from pgcheck.models.devices.power import POWERED_OFF
from pgcheck.models.devices.standard import standard
from pgcheck.models.engine import Engine, Interpreter, VmExit, pending, waiting
from pgcheck.models.reference.cycle import fetch
from pgcheck.models.state import Exit, State, Surroundings, scalar
from pgcheck.running.trouble import shortened

DONE, FAILED, WRONG, SPENT = 0, 1, console.FAILED, 3
SLICE: Final = 1 << 20
COMPILED: Final = "pgcheck.models.generated.compiled"
NATIVE: Final = "pgcheck.models.native.engine"
HOT: Final = "pgcheck.models.native.hot"
EARLY: Final = 1 << 21
"""Steps after which a program is taken to be a long one: making native code costs as much as they do."""
MAX_MEMORY: Final = 1 << 30
SUFFIXES: Final = {"": 0, "K": 10, "M": 20, "G": 30}
FLUSHED: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the command line asks for; `raw` is where an image lies that does not say so, `disks` are by guest."""

    image: Path
    raw: int | None = None
    disks: tuple[Path, ...] = ()
    memory: int = 0
    input: str = ""
    trace: bool = False
    budget: int | None = None
    engine: options.Engine = "auto"
    gdb: int | None = None


def size(text: str) -> int:
    """A number of memory units, with K, M or G for powers of 1024. Raises Failure."""
    digits, suffix = (text[:-1], text[-1].upper()) if text[-1:].upper() in "KMG" and text else (text, "")
    value = int(digits) << SUFFIXES[suffix] if digits.isascii() and digits.isdigit() and len(digits) < 12 else 0
    if not 0 < value <= MAX_MEMORY:
        raise console.Failure(
            f"'{text[:40]}' is no size of memory; write a number up to {MAX_MEMORY:#x}, perhaps with K, M or G"
        )
    return value


def fitting(machine: Machine, memory: int) -> int:
    """So many units of RAM, if the machine can address them. Raises Failure."""
    most = machine.state.memory_size - machine.platform.ram_base
    if memory > most:
        raise console.Failure(f"{memory:#x} units of RAM do not fit into {machine.identity.name}; at most {most:#x} do")
    return memory


class Terminal:
    """Standard output as the console of a guest: lines leave when they are whole, and nothing is kept beyond a block."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending = bytearray()

    def put(self, byte: int) -> None:
        self.pending.append(byte)
        if byte == 0x0A or len(self.pending) >= FLUSHED:
            self.flush()

    def flush(self) -> None:
        """Raises ReaderGone or Failure."""
        if self.pending:
            data = bytes(self.pending)
            self.pending.clear()
            console.put(data)


def run_bare(machine: Machine, asked: RunRequest) -> int:
    """Run a program; the exit code. Raises Failure or ReaderGone."""
    found = program(machine, asked.image, asked.raw)
    if len(asked.disks) > 1:
        raise console.Failure("one computer takes one --disk; with --vmm and --guests there is one for each guest")
    terminal = Terminal()
    with ExitStack() as files:
        source = input_of(asked.input, files)
        disk = disk_of(machine, asked.disks[0], files) if asked.disks else None
        ram = new_ram(machine, fitting(machine, asked.memory)) if asked.memory else None
        computer = Computer(machine, engine(machine, asked, found.symbols), ram, standard(terminal.put, source, disk))
        try:
            image.load(found, computer)
        except image.BadImage as error:
            raise console.Failure(f"cannot run {shortened(str(asked.image))}: {error}") from None
        try:
            stop = _run(computer, asked.budget) if asked.gdb is None else _debugged(computer, asked, found.symbols)
        except (KeyboardInterrupt, SystemExit):
            at = scalar(computer.state, machine.state.pc)
            click.echo(f"{counted(computer.clock)}, then interrupted; at {at:#x}{found.symbols.shown(at)}", err=True)
            raise
        finally:
            terminal.flush()
    click.echo(report(computer, stop, found.symbols), err=True)
    tell(computer.engine, asked)
    return code(stop)


def _run(computer: Computer, budget: int | None) -> VmExit:
    left = budget
    while left is None or left > 0:
        stop = loops.run(computer, SLICE if left is None else min(SLICE, left))
        if stop.exit is not None:
            return stop
        left = None if left is None else left - stop.steps
    return VmExit(0)


@dataclass(slots=True)
class Alone:
    """Lets a program take steps for a debugger, at most `left` of them; `stop` is how it stopped."""

    computer: Computer
    left: int | None
    symbols: Symbols = field(default_factory=Symbols)
    stop: VmExit | None = None

    def run(self, steps: int) -> End | None:
        if self.left is None or self.left > 0:
            stop = loops.run(self.computer, steps if self.left is None else min(steps, self.left))
            self.left = None if self.left is None else self.left - stop.steps
            if stop.exit is None:
                return None
            self.stop = stop
        else:
            self.stop = VmExit(0)
        return End(report(self.computer, self.stop, self.symbols), code(self.stop))


def _debugged(computer: Computer, asked: RunRequest, symbols: Symbols) -> VmExit:
    """Let a debugger run a program; one that it lets go of runs on."""
    assert asked.gdb is not None
    alone = Alone(computer, asked.budget, symbols)
    if debugged(computer, alone, asked.gdb) == "killed":
        raise KeyboardInterrupt
    return alone.stop or _run(computer, alone.left)


def engine(machine: Machine, asked: RunRequest, symbols: Symbols) -> Engine:
    """The engine that was asked for; one that shows every step if that was."""
    if asked.trace:
        return Tracer(machine, symbols)
    if asked.engine == "plain" or find_spec(COMPILED) is None:
        return Interpreter(machine)
    made: Engine
    if asked.engine == "generated" or find_spec(NATIVE) is None:
        made = import_module(COMPILED).Compiled(machine)
    else:
        regions, early = import_module(HOT).in_background, EARLY if asked.engine == "auto" else 0
        made = import_module(NATIVE).Native(machine, early=early, regions=regions)
    return made


def tell(ran: Engine, asked: RunRequest) -> None:
    """Say why what was wanted did not run, and what did if that was asked for."""
    warning = getattr(ran, "warning", "")
    if warning:
        click.echo(warning, err=True)
    native = getattr(ran, "steps", 0)
    if native and (slower := import_module(HOT).given_up()):
        click.echo(slower, err=True)
    if asked.engine == "native" and not warning and native:
        click.echo(
            f"native code took {counted(native)}, {getattr(ran, 'outside', 0)} of them by the plain evaluator", err=True
        )


class Tracer(Interpreter):
    """The interpreter, with each instruction on standard error before it runs."""

    __slots__ = ("symbols",)

    def __init__(self, machine: Machine, symbols: Symbols) -> None:
        super().__init__(machine)
        self.symbols = symbols

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        machine = self.machine
        if not pending(machine, state, surroundings) and not waiting(machine, state, surroundings):
            at = scalar(state, machine.state.pc)
            said = shown(machine, state, surroundings)
            click.echo(f"{surroundings.clock}: {at:x}{self.symbols.shown(at)}: {said}", err=True)
        return super().run(state, surroundings, min(budget, 1), intercept)


def shown(machine: Machine, state: State, surroundings: Surroundings) -> str:
    """The instruction at the program counter."""
    found = fetch(machine, state, surroundings)
    if isinstance(found, Exit):
        return f"({found.function})"
    if found is None or found.instruction.line is None:
        return "?"
    return disassemble(found.instruction.line, found.operands, found.length, machine.decoding.csr_names)


def counted(steps: int) -> str:
    return f"{steps} step{'' if steps == 1 else 's'}"


def report(computer: Computer, stop: VmExit, symbols: Symbols) -> str:
    """How many steps there were, and why the run ended."""
    machine, exit_ = computer.machine, stop.exit
    pc = scalar(computer.state, machine.state.pc)
    place, steps = f"{pc:#x}{symbols.shown(pc)}", counted(computer.clock)
    if exit_ is None:
        return f"{steps}, then the limit; at {place}"
    if exit_.note == POWERED_OFF:
        return f"{steps}, then {POWERED_OFF}{f' with code {exit_.args[0]}' if exit_.args[0] else ''}"
    words = "halted" if exit_.function == HALT else exit_.function
    at = stop.fetched.instruction.name if stop.fetched is not None else ""
    return f"{steps}, then {words}{': ' + exit_.note if exit_.note else ''}; at {place}{' ' + at if at else ''}"


def code(stop: VmExit) -> int:
    """The exit code that an end means; a guest that ran into what its specification leaves out, or into a double fault, failed."""
    if stop.exit is None:
        return SPENT
    if stop.exit.function != HALT:
        return FAILED
    if stop.exit.note == POWERED_OFF:
        return FAILED if stop.exit.args[0] else DONE
    return DONE if stop.exit.note in ("", STUCK) else FAILED


def input_of(path: str, files: ExitStack) -> Callable[[int], bytes]:
    """Where the console reads from: nothing, a file, or standard input for `-`. Raises Failure."""
    if not path:
        return lambda count: b""
    if path == "-" and sys.stdin is None:
        raise console.Failure("standard input is closed")
    if path == "-":
        return lambda count: os.read(sys.stdin.fileno(), count)
    try:
        file = files.enter_context(open(door.opened(path), "rb"))
    except OSError as error:
        raise console.Failure(f"cannot read {shortened(path)}: {error.strerror}") from None
    return file.read


def disk_of(machine: Machine, path: Path, files: ExitStack) -> HostFile:
    """The file that the disk is. Raises Failure."""
    if all(device.model != "disk" for device in machine.platform.devices):
        raise console.Failure(f"{machine.identity.name} has no disk, so --disk cannot be used")
    try:
        disk = HostFile(path)
    except OSError as error:
        raise console.Failure(f"cannot use the disk {shortened(str(path))}: {error.strerror}") from None
    files.callback(disk.close)
    if disk.read_only:
        click.echo(f"{path} cannot be written, so the guest's disk is read-only", err=True)
    return disk
