"""Devices against reference machines written from their data sheets, driven in any order, width and place (DV1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pgcheck.isa.terms.ir import HALT
from pgcheck.models.devices.console import FIFO, Console
from pgcheck.models.devices.counter import Counter
from pgcheck.models.devices.interrupt_controller import InterruptController
from pgcheck.models.devices.power import POWERED_OFF, Power
from pgcheck.models.devices.teletype import Teletype
from pgcheck.models.devices.ticker import Ticker
from pgcheck.models.devices.timer import Timer
from pgcheck.models.state import Ended
from tests.models.wiring import Bench

widths = st.sampled_from([1, 2, 4, 8])
RBR = THR = DLL = 0
IER = DLM = 1
IIR = FCR = 2
LCR, MCR, LSR, MSR, SCR = 3, 4, 5, 6, 7


class ConsoleMachine(RuleBasedStateMachine):
    """A 16550 as a dictionary of registers and a list, after the register descriptions of the data sheet."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.sent: list[int] = []
        self.coming: list[int] = []
        self.console = Console(self.bench, self.sent.append, self.take)
        self.expected: list[int] = []
        self.registers = {IER: 0, FCR: 0, LCR: 0, MCR: 0, SCR: 0}
        self.divisor = [0, 0]
        self.waiting: list[int] = []
        self.overrun = self.thre = False

    def take(self, count: int) -> bytes:
        taken, self.coming[:count] = bytes(self.coming[:count]), []
        return taken

    @rule(data=st.binary(max_size=40))
    def input_arrives(self, data: bytes) -> None:
        self.coming += data
        self.waiting += data

    @rule(value=st.integers(0), width=widths)
    def send(self, value: int, width: int) -> None:
        self.console.write(THR, width, value & (1 << 8 * width) - 1)
        if self.registers[LCR] & 0x80:
            self.divisor[0] = value & 0xFF
        else:
            self.expected.append(value & 0xFF)
            self.thre = True

    @rule(width=widths)
    def receive(self, width: int) -> None:
        got = self.console.read(RBR, width)
        if self.registers[LCR] & 0x80:
            assert got == self.divisor[0]
        else:
            assert got == (self.waiting.pop(0) if self.waiting else 0)

    @rule(value=st.integers(0, 0xFFFF), width=widths)
    def enable(self, value: int, width: int) -> None:
        self.console.write(IER, width, value)
        if self.registers[LCR] & 0x80:
            self.divisor[1] = value & 0xFF
            return
        self.thre = self.thre or bool(value & 2 and not self.registers[IER] & 2)
        self.registers[IER] = value & 15

    @rule()
    def enabled(self) -> None:
        assert self.console.read(IER, 1) == (self.divisor[1] if self.registers[LCR] & 0x80 else self.registers[IER])

    @rule(register=st.sampled_from([LCR, SCR]), value=st.integers(0, 255))
    def keep(self, register: int, value: int) -> None:
        self.console.write(register, 1, value)
        self.registers[register] = value
        assert self.console.read(register, 4) == value

    @rule()
    def status(self) -> None:
        assert self.console.read(LSR, 1) == 0x60 | bool(self.waiting)

    @rule()
    def identify(self) -> None:
        cause = self.cause()
        assert self.console.read(IIR, 1) & 0x3F == cause
        if cause == 2:
            self.thre = False

    @rule(offset=st.sampled_from([LSR, MSR]), value=st.integers(0, 255))
    def written_in_vain(self, offset: int, value: int) -> None:
        self.console.write(offset, 1, value)

    def cause(self) -> int:
        if self.registers[IER] & 1 and self.waiting:
            return 4
        return 2 if self.registers[IER] & 2 and self.thre else 1

    @rule()
    def line(self) -> None:
        """Somebody looks at the device (here at the modem lines): the interrupt request is then up to date."""
        assert self.console.read(MSR, 1) == 0xB0
        assert self.bench.line == (self.cause() != 1)

    @invariant()
    def bounded(self) -> None:
        assert self.sent == self.expected and len(self.console.received) <= FIFO and self.console.due() is None


TestConsole = ConsoleMachine.TestCase
TestConsole.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def console(bench: Bench, source: Callable[[int], bytes] = lambda n: b"") -> tuple[Console, list[int]]:
    sent: list[int] = []
    return Console(bench, sent.append, source), sent


def test_in_loop_mode_the_console_hears_itself_and_overruns() -> None:
    uart, sent = console(Bench(), lambda n: b"x")
    uart.write(MCR, 1, 0x1F)
    assert uart.read(MSR, 1) == 0xF0
    for k in range(FIFO + 1):
        uart.write(THR, 1, k)
    uart.write(IER, 1, 4)
    assert uart.read(IIR, 1) == 6 and uart.read(LSR, 1) == 0x63 and uart.read(LSR, 1) == 0x61
    assert [uart.read(RBR, 1) for _ in range(FIFO)] == list(range(FIFO)) and sent == []
    assert uart.read(LSR, 1) == 0x60


def test_the_modem_lines_follow_in_loop_mode() -> None:
    """RTS is CTS (16), DTR is DSR (32), OUT1 is RI (64), OUT2 is DCD (128)."""
    uart, _ = console(Bench())
    for mcr, msr in ((0x10, 0), (0x11, 0x20), (0x12, 0x10), (0x14, 0x40), (0x18, 0x80)):
        uart.write(MCR, 1, mcr)
        assert uart.read(MSR, 1) == msr


def test_fifos_can_be_enabled_and_emptied() -> None:
    coming = [b"abc"]
    uart, _ = console(Bench(), lambda n: coming.pop() if coming else b"")
    uart.write(FCR, 1, 1)
    assert uart.read(IIR, 1) == 0xC1 and uart.read(RBR, 1) == ord("a")
    uart.write(FCR, 1, 3)
    assert uart.read(LSR, 1) == 0x60


class TimerMachine(RuleBasedStateMachine):
    """The timer as a byte array, in either byte order."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.timer = Timer(self.bench)
        self.compare = bytearray(b"\xff" * 8)

    @initialize(big=st.booleans())
    def order(self, big: bool) -> None:
        self.bench = Bench(big=big)
        self.timer = Timer(self.bench)

    @property
    def wanted(self) -> int:
        return int.from_bytes(self.compare, self.bench.bus.order)

    def number(self, data: bytes) -> int:
        return int.from_bytes(data, self.bench.bus.order)

    @rule(steps=st.integers(0, 1 << 33))
    def time_passes(self, steps: int) -> None:
        """As a computer lets it: no further than the next event, which then happens."""
        due = self.timer.due()
        self.bench.now = min(
            self.bench.now + steps, self.bench.now + steps if due is None else max(due, self.bench.now)
        )
        if due is not None and due <= self.bench.now:
            self.timer.tick(self.bench.now)

    @rule(offset=st.integers(0, 15), count=widths, value=st.integers(0))
    def write(self, offset: int, count: int, value: int) -> None:
        if offset + count > 16:
            return
        data = (value & (1 << 8 * count) - 1).to_bytes(count, self.bench.bus.order)
        for k, byte in enumerate(data, offset):
            if k >= 8:
                self.compare[k - 8] = byte
        self.timer.write(offset, count, value & (1 << 8 * count) - 1)

    @rule(ahead=st.integers(0, 100))
    def soon(self, ahead: int) -> None:
        self.compare[:] = (self.bench.now + ahead).to_bytes(8, self.bench.bus.order)
        self.timer.write(8, 8, self.bench.now + ahead)
        if ahead:
            assert self.bench.expected[-1] == self.bench.now + ahead

    @rule(offset=st.integers(0, 15), count=widths)
    def read(self, offset: int, count: int) -> None:
        if offset + count <= 16:
            image = self.bench.now.to_bytes(8, self.bench.bus.order) + bytes(self.compare)
            assert self.timer.read(offset, count) == self.number(image[offset : offset + count])

    @invariant()
    def request(self) -> None:
        assert self.bench.line == (self.bench.now >= self.wanted)
        due = self.timer.due()
        assert due == (None if self.bench.line or self.wanted == (1 << 64) - 1 else self.wanted)


TestTimer = TimerMachine.TestCase
TestTimer.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class ControllerMachine(RuleBasedStateMachine):
    """A PLIC as sets: what is pending, in service, enabled (PLIC specification, chapters 3 to 9)."""

    LINES = 6

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.plic = InterruptController(self.bench, self.LINES)
        self.levels: set[int] = set()
        self.pending: set[int] = set()
        self.serving: set[int] = set()
        self.enabled: set[int] = set()
        self.priority = dict.fromkeys(range(1, self.LINES), 0)
        self.threshold = 0

    def best(self) -> int:
        ready = [k for k in self.pending & self.enabled if self.priority[k]]
        return min(ready, key=lambda k: (-self.priority[k], k), default=0)

    @rule(pin=st.integers(1, 5), level=st.booleans())
    def input(self, pin: int, level: bool) -> None:
        self.plic.request(pin, level)
        (self.levels.add if level else self.levels.discard)(pin)
        if level and pin not in self.serving:
            self.pending.add(pin)

    @rule(pin=st.integers(0, 7), value=st.integers(0, 255))
    def prioritise(self, pin: int, value: int) -> None:
        self.plic.write(4 * pin, 4, value)
        if pin in self.priority:
            self.priority[pin] = value & 7
        assert self.plic.read(4 * pin, 4) == self.priority.get(pin, 0)

    @rule(value=st.integers(0, (1 << 32) - 1))
    def enable(self, value: int) -> None:
        self.plic.write(0x2080, 4, value)
        self.enabled = {k for k in range(1, self.LINES) if value >> k & 1}
        assert self.plic.read(0x2080, 4) == sum(1 << k for k in self.enabled)

    @rule(value=st.integers(0, 7))
    def limit(self, value: int) -> None:
        self.plic.write(0x201000, 4, value)
        self.threshold = value
        assert self.plic.read(0x201000, 4) == value

    @rule()
    def claim(self) -> None:
        best = self.best()
        assert self.plic.read(0x201004, 4) == best
        self.pending.discard(best)
        if best:
            self.serving.add(best)

    @rule(number=st.integers(0, 1 << 32))
    def complete(self, number: int) -> None:
        self.plic.write(0x201004, 4, number & 0xFFFFFFFF)
        self.completed(number & 0xFFFFFFFF)

    @precondition(lambda self: self.serving)
    @rule(choice=st.integers(0, 10))
    def complete_one(self, choice: int) -> None:
        number = sorted(self.serving)[choice % len(self.serving)]
        self.plic.write(0x201004, 4, number)
        self.completed(number)

    def completed(self, number: int) -> None:
        if number in self.serving and number in self.enabled:
            self.serving.discard(number)
            if number in self.levels:
                self.pending.add(number)

    @rule(offset=st.integers(0, 0x4000000 - 8), count=st.sampled_from([1, 2, 8]), value=st.integers(0, 255))
    def wrong_width(self, offset: int, count: int, value: int) -> None:
        self.plic.write(offset, count, value)
        assert self.plic.read(offset, count) == 0

    @invariant()
    def line(self) -> None:
        best = self.best()
        assert self.bench.line == bool(best and self.priority[best] > self.threshold)
        assert self.plic.read(0x1000, 4) == sum(1 << k for k in self.pending)


TestController = ControllerMachine.TestCase
TestController.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_of_equal_priorities_the_lowest_input_is_claimed_first_and_a_higher_one_before_both() -> None:
    plic = InterruptController(Bench())
    plic.write(0x2080, 4, 0b11110)
    for pin, priority in ((4, 2), (2, 2), (3, 5), (1, 0)):
        plic.write(4 * pin, 4, priority)
        plic.request(pin, True)
    assert [plic.read(0x201004, 4) for _ in range(4)] == [3, 2, 4, 0]


def test_a_controller_can_have_more_than_a_word_of_inputs() -> None:
    plic = InterruptController(Bench(), 40)
    plic.write(0x2084, 4, 1 << 7)
    plic.write(4 * 39, 4, 1)
    plic.request(39, True)
    assert plic.read(0x1004, 4) == 1 << 7 and plic.read(0x201004, 4) == 39


def test_a_counter_counts_from_what_was_written() -> None:
    bench = Bench()
    counter = Counter(bench, 32)
    bench.now = 5
    assert counter.read(0, 1) == 5
    counter.write(0, 1, 100)
    bench.now = 12
    assert counter.read(0, 1) == 107 and counter.due() == (1 << 32) - 100 + 5


def test_a_counter_asks_from_when_it_comes_to_0_until_it_is_written() -> None:
    bench = Bench()
    counter = Counter(bench, 4)
    assert counter.due() == 16 and not bench.line
    bench.now = 3
    counter.write(0, 1, 14)
    assert counter.due() == 5 and bench.expected == [5]
    bench.now = 6
    counter.tick(6)
    assert bench.line and counter.due() is None and counter.read(0, 1) & 15 == 1
    counter.write(0, 1, 0)
    assert not bench.line and counter.due() == 22


def test_a_ticker_raises_its_line_at_every_multiple_of_its_period() -> None:
    bench = Bench()
    ticker = Ticker(bench, 10)
    assert ticker.due() == 10 and not bench.line
    bench.now = 10
    ticker.tick(10)
    assert bench.line and ticker.due() == 20
    ticker.tick(37)
    assert ticker.due() == 40


@pytest.mark.parametrize(
    ("count", "value", "code"),
    [
        (1, 0, 0),
        (1, 7, 7),
        (2, 0x5555, 0),
        (4, 0x5555, 0),
        (4, 0x33333, 3),
        (4, 0x1_5555, 0),
        (4, 0x12345678, None),
        (8, 0, None),
    ],
)
def test_power_goes_off_at_its_numbers_only(count: int, value: int, code: int | None) -> None:
    power = Power()
    power.write(1, 1, 0x55)
    if code is None:
        power.write(0, count, value)
        return
    with pytest.raises(Ended) as ended:
        power.write(0, count, value)
    found = ended.value.exit
    assert (found.function, found.args, found.note) == (HALT, (code,), POWERED_OFF)


def test_the_teletype_sends_and_receives() -> None:
    sent: list[int] = []
    coming = [b"hi", b""]
    device = Teletype(sent.append, lambda n: coming.pop(0) if coming else b"")
    assert device.read(0, 1) == 0o40
    device.write(1, 1, 0o301)
    assert sent == [0o101] and device.read(0, 1) == 0o50
    device.write(0, 1, 0o203)
    assert device.read(0, 1) == 0o43
    assert [device.read(1, 1) for _ in range(3)] == [ord("h"), ord("i"), 0] and device.read(0, 1) == 0o3


@given(st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, (1 << 36) - 1)), max_size=30))
def test_the_teletype_keeps_its_registers_narrow(accesses: list[tuple[int, bool, int]]) -> None:
    device = Teletype(lambda byte: None, lambda n: b"z" * n)
    for offset, writes, value in accesses:
        if writes:
            device.write(offset, 1, value)
        else:
            assert 0 <= device.read(offset, 1) < 0o400
