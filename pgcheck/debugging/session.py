"""A program run by gdb: what it asks, by the name of the packet, and where the program stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from pgcheck.debugging.description import Description
from pgcheck.debugging.packets import BREAK, LARGEST, Link
from pgcheck.debugging.target import Target

SLICE: Final = 1 << 14
"""Steps between two looks at what the debugger says, where every step need not be looked at."""
PATIENCE: Final = 1 << 8
INTERRUPTED, ILLEGAL, TRAPPED = 2, 4, 5
"""gdb's numbers of signals."""
OFFERED: Final = f"PacketSize={LARGEST // 4:x};qXfer:features:read+;swbreak+;hwbreak+;QStartNoAckMode+;vContSupported+"
SIMPLE: Final[Mapping[bytes, bytes]] = {
    b"qAttached": b"1",
    b"qC": b"QC1",
    b"qfThreadInfo": b"m1",
    b"qsThreadInfo": b"l",
    b"vCont?": b"vCont;c;C;s;S",
    b"qSymbol::": b"OK",
}
WRONG, REFUSED = b"E01", b"E0e"
"""A packet that cannot be understood, and one that asks for what there is not."""
How = Literal["ended", "detached", "killed"]


class Runner(Protocol):
    """Lets a program take steps."""

    def run(self, steps: int) -> End | None:
        """Take so many steps; how the program ended, once it has."""


@dataclass(frozen=True, slots=True)
class End:
    """How a program ended: in words, and the exit code that says so."""

    words: str
    code: int


@dataclass(slots=True)
class Session:
    """One debugger's session with a program.

    A breakpoint is an address, looked at before each step, so memory stays as it is. What is watched is memory that a store changes or not, where
    the address led when it was set. `end` is how the program ended, and None until then.
    """

    link: Link
    target: Target
    runner: Runner
    description: Description
    end: End | None = None
    _breakpoints: set[int] = field(default_factory=set, init=False)
    _watched: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict, init=False)
    _stored: tuple[int, int] | None = field(default=None, init=False)
    _signal: int = field(default=TRAPPED, init=False)

    def serve(self) -> How:
        """Answer until the program or the debugger ends. Raises Closed."""
        while True:
            packet = self.link.receive()
            if packet == BREAK:
                self.link.send(self._stopped(INTERRUPTED))
                continue
            name = packet[:1]
            if name == b"k" or packet.startswith(b"vKill"):
                if packet != b"k":
                    self.link.send(b"OK")
                return "killed"
            if name == b"D":
                self.link.send(b"OK")
                return "detached"
            reply = self._resumed(packet)
            self.link.send(self._answer(packet) if reply is None else reply)
            if reply is not None and reply[:1] == b"W":
                return "ended"
            if packet == b"QStartNoAckMode":
                self.link.acknowledges = False

    # ---- questions

    def _answer(self, packet: bytes) -> bytes:
        if packet in SIMPLE:
            return SIMPLE[packet]
        for prefix, handler in self._handlers():
            if packet.startswith(prefix):
                try:
                    return handler(packet[len(prefix) :])
                except (ValueError, IndexError):
                    return WRONG
        return b""

    def _handlers(self) -> tuple[tuple[bytes, Callable[[bytes], bytes]], ...]:
        return (
            (b"qSupported", lambda rest: OFFERED.encode()),
            (b"QStartNoAckMode", lambda rest: b"OK"),
            (b"qXfer:features:read:target.xml:", self._features),
            (b"?", lambda rest: self._stopped(self._signal)),
            (b"g", self._all),
            (b"G", self._set_all),
            (b"p", lambda rest: self._register(_number(rest))),
            (b"P", self._set_register),
            (b"m", self._memory),
            (b"M", lambda rest: self._store(rest, bytes.fromhex(rest.partition(b":")[2].decode("ascii")))),
            (b"X", lambda rest: self._store(rest, rest.partition(b":")[2])),
            (b"Z", lambda rest: self._point(rest, there=True)),
            (b"z", lambda rest: self._point(rest, there=False)),
            (b"H", lambda rest: b"OK"),
            (b"T", lambda rest: b"OK" if _number(rest) == 1 else WRONG),
        )

    def _features(self, rest: bytes) -> bytes:
        first, count = _numbers(rest)
        document = self.description.document.encode()
        part = document[first : first + min(count, LARGEST // 4)]
        return (b"m" if first + len(part) < len(document) else b"l") + part

    def _register(self, number: int) -> bytes:
        found = self.target.read(number)
        return b"xx" * (self.description.registers[number].bits // 8) if found is None else found.hex().encode()

    def _all(self, rest: bytes) -> bytes:
        return b"".join(self._register(k) for k in range(len(self.description.registers)))

    def _set_all(self, rest: bytes) -> bytes:
        at = 0
        for number, register in enumerate(self.description.registers):
            text = rest[at : at + register.bits // 4]
            at += register.bits // 4
            if text and b"x" not in text and not self.target.write(number, bytes.fromhex(text.decode("ascii"))):
                return REFUSED
        return b"OK"

    def _set_register(self, rest: bytes) -> bytes:
        number, _, value = rest.partition(b"=")
        return b"OK" if self.target.write(_number(number), bytes.fromhex(value.decode("ascii"))) else REFUSED

    def _memory(self, rest: bytes) -> bytes:
        address, count = _numbers(rest)
        found = self.target.load(address, min(count, LARGEST // 8))
        return REFUSED if found is None else found.hex().encode()

    def _store(self, rest: bytes, data: bytes) -> bytes:
        address, count = _numbers(rest.partition(b":")[0])
        if count != len(data):
            return WRONG
        return b"OK" if not data or self.target.store(address, data) else REFUSED

    def _point(self, rest: bytes, *, there: bool) -> bytes:
        """Set or take back a breakpoint (0, 1) or a watchpoint for stores (2)."""
        kind, _, where = rest.partition(b",")
        address, count = _numbers(where.partition(b";")[0])
        if kind in (b"0", b"1"):
            (self._breakpoints.add if there else self._breakpoints.discard)(address)
            return b"OK"
        if kind != b"2":
            return b""
        if not there:
            self._unwatch(address, count)
            return b"OK"
        place = self.target.physical(address)
        if place is None or not 0 < count <= LARGEST or not self.target.computer.bus.is_ram(place, count):
            return REFUSED
        self._unwatch(address, count)
        self._watched[address, count] = place, count
        self.target.computer.bus.ram.watch(place, self._told)
        self.target.computer.bus.ram.watch(place + count - 1, self._told)
        return b"OK"

    def _unwatch(self, address: int, count: int) -> None:
        place = self._watched.pop((address, count), None)
        if place is not None:
            ram = self.target.computer.bus.ram
            for end in (place[0], place[0] + count - 1):
                ram.unwatch(end, self._told)
            for other, size in self._watched.values():  # on the same page
                ram.watch(other, self._told)
                ram.watch(other + size - 1, self._told)

    def _told(self, address: int, count: int) -> None:
        for seen, (place, size) in self._watched.items():
            if address < place + size and place < address + count:
                self._stored = seen

    def close(self) -> None:
        """Watch nothing any more."""
        for address, count in tuple(self._watched):
            self._unwatch(address, count)

    # ---- running

    def _resumed(self, packet: bytes) -> bytes | None:
        """Run if that is asked for; how the program stopped, and None for any other packet."""
        action = packet
        if packet.startswith(b"vCont;"):
            action = packet[len(b"vCont;") :].partition(b";")[0].partition(b":")[0]
        elif packet[:1] not in (b"c", b"C", b"s", b"S"):
            return None
        if action[:1] not in (b"c", b"C", b"s", b"S"):
            return b""
        rest = action[1:].partition(b";")[2] if action[:1] in (b"C", b"S") else action[1:]
        if rest and not packet.startswith(b"vCont;") and not self._goes(rest):
            return WRONG
        return self._run(single=action[:1] in (b"s", b"S"))

    def _goes(self, text: bytes) -> bool:
        """Go on at an address."""
        try:
            address = _number(text)
        except ValueError:
            return False
        leaf = self.target.machine.state.scalars[self.target.machine.state.pc]
        self.target.computer.state[leaf.name] = address & (1 << leaf.width) - 1
        return True

    def _run(self, *, single: bool) -> bytes:
        if self.end is not None:
            return b"W%02x" % self.end.code
        self._stored, steps = None, 0
        each = single or bool(self._breakpoints or self._watched)
        while True:
            end = self.runner.run(1 if each else SLICE)
            steps += 1
            if end is not None:
                return self._ended(end)
            if self._stored is not None:
                self._signal = TRAPPED
                return b"T%02xwatch:%x;" % (TRAPPED, self._stored[0])
            if single or self.target.place in self._breakpoints:
                return self._stopped(TRAPPED)
            if (not each or steps % PATIENCE == 0) and self.link.asks_to_stop():
                return self._stopped(INTERRUPTED)

    def _ended(self, end: End) -> bytes:
        """The end of the program; one that ought not to be can be looked at first."""
        self.end = end
        self.link.send(b"O" + f"{end.words}\n".encode().hex().encode())
        return self._stopped(ILLEGAL) if end.code else b"W00"

    def _stopped(self, signal: int) -> bytes:
        self._signal = signal
        return b"T%02xthread:1;" % signal


def _numbers(text: bytes) -> tuple[int, int]:
    """The two hexadecimal numbers of `address,count`. Raises ValueError."""
    first, _, second = text.partition(b",")
    return _number(first), _number(second)


def _number(text: bytes) -> int:
    """A hexadecimal number of at most 64 bits. Raises ValueError."""
    if len(text) > 16 or not text.isalnum():
        raise ValueError("no number")
    return int(text, 16)
