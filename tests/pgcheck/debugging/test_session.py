"""What a debugger asks, and where the program stops."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgcheck.debugging.description import described
from pgcheck.debugging.packets import BREAK, Closed, Link
from pgcheck.debugging.session import Session
from pgcheck.debugging.target import Target
from pgcheck.machines.bare import Alone
from pgcheck.machines.programs import program
from pgcheck.models.computer import image
from pgcheck.models.computer.computer import Computer
from pgcheck.models.generated.compiled import Compiled
from tests.specifications import machine

SOURCE = """\
    addi a0, zero, 3
    auipc a1, 0x2
again:
    sw a0, 0(a1)
    addi a0, a0, -1
    bne a0, zero, again
    lui a2, 0x100
    lui a3, 0x5
    addi a3, a3, 0x555
    sw a3, 0(a2)
"""
START, LOOP, CELL = 0x80000000, 0x80000008, 0x80002000
PC = 32


@dataclass(slots=True)
class Debugger:
    """The debugger's side: asks, and gives the reply without its frame."""

    connection: socket.socket
    computer: Computer

    def ask(self, body: bytes) -> bytes:
        self.connection.sendall(b"$%s#%02x" % (body, sum(body) & 0xFF))
        return self.reply()

    def reply(self) -> bytes:
        data = b""
        while not (data[-3:-2] == b"#" and b"$" in data):
            data += self.connection.recv(1)
        return data[data.index(b"$") + 1 : -3]

    def place(self) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(b"p%x" % PC).decode()), "little")


def started(folder: Path, source: str, budget: int | None = None) -> tuple[Session, Debugger]:
    file = folder / "program.s"
    file.write_text(source, encoding="utf-8")
    of = machine("riscv64")
    computer = Computer(of, Compiled(of))
    image.load(program(of, file, None), computer)
    here, there = socket.socketpair()
    description = described(of)
    session = Session(Link(here), Target(computer, description.registers), Alone(computer, budget), description)
    return session, Debugger(there, computer)


@pytest.fixture
def debugger(tmp_path: Path) -> Iterator[Debugger]:
    session, other = started(tmp_path, SOURCE)
    with session.link.connection, other.connection:
        thread = Thread(target=_served, args=(session,), daemon=True)
        thread.start()
        yield other
        other.connection.close()
        thread.join(10)
        assert not thread.is_alive()


def _served(session: Session) -> None:
    try:
        session.serve()
    except Closed:
        session.close()


def test_a_step_is_one_instruction(debugger: Debugger) -> None:
    assert debugger.place() == START
    assert debugger.ask(b"vCont;s:1;c") == b"T05thread:1;" and debugger.place() == START + 4
    assert debugger.ask(b"s") == b"T05thread:1;" and debugger.computer.clock == 2


def test_a_breakpoint_stops_each_time_and_no_more_when_taken_back(debugger: Debugger) -> None:
    assert debugger.ask(b"Z0,%x,4" % LOOP) == b"OK"
    for left in (3, 2, 1):
        assert debugger.ask(b"c") == b"T05thread:1;"
        assert debugger.place() == LOOP and debugger.ask(b"pa")[:2] == b"%02x" % left
    assert debugger.computer.bus.load(LOOP, 4) != 0x00100073
    assert debugger.ask(b"z0,%x,4" % LOOP) == b"OK"
    assert debugger.ask(b"c")[:1] == b"O" and debugger.reply() == b"W00"


def test_a_watched_store_stops_after_it_and_others_do_not(debugger: Debugger) -> None:
    assert debugger.ask(b"Z2,%x,8" % (CELL + 16)) == b"OK" and debugger.ask(b"Z2,%x,4" % (CELL + 4)) == b"OK"
    assert debugger.ask(b"c") == b"T05watch:%x;" % (CELL + 4) and debugger.place() == LOOP + 4
    assert debugger.ask(b"z2,%x,4" % (CELL + 4)) == b"OK"
    assert debugger.ask(b"c")[:1] == b"O" and debugger.reply() == b"W00"


def test_what_cannot_be_watched_is_refused(debugger: Debugger) -> None:
    assert debugger.ask(b"Z2,10000000,1") == b"E0e" and debugger.ask(b"Z3,%x,4" % CELL) == b""


def test_memory_and_registers_are_set(debugger: Debugger) -> None:
    assert debugger.ask(b"M%x,2:0102" % CELL) == b"OK" and debugger.ask(b"X%x,3:\x00}\x03\x01" % (CELL + 2)) == b"OK"
    assert debugger.ask(b"m%x,6" % CELL) == b"0102" + b"002301" + b"00"
    assert debugger.ask(b"Pa=%s" % (b"05" + b"00" * 7)) == b"OK" and debugger.ask(b"pa") == b"05" + b"00" * 7
    whole = debugger.ask(b"g")
    assert whole[20 * 8 : 22 * 8] == b"05" + b"00" * 7 and debugger.ask(b"G" + whole) == b"OK"
    assert debugger.ask(b"m0,4") == b"E0e" and debugger.ask(b"M0,1:00") == b"E0e"


def test_the_description_comes_in_parts(debugger: Debugger) -> None:
    found, reply = b"", b"m"
    while reply[:1] == b"m":
        reply = debugger.ask(b"qXfer:features:read:target.xml:%x,100" % len(found))
        found += reply[1:]
    assert found.decode() == described(machine("riscv64")).document


def test_a_program_that_ends_badly_can_be_looked_at(tmp_path: Path) -> None:
    session, debugger = started(tmp_path, SOURCE.replace("0x5\n", "0x13\n").replace("0x555", "0x333"))
    with session.link.connection, debugger.connection:
        thread = Thread(target=session.serve, daemon=True)
        thread.start()
        said = debugger.ask(b"c")
        assert b"powered off with code 1" in bytes.fromhex(said[1:].decode())
        assert debugger.reply() == b"T04thread:1;" and debugger.ask(b"pd")[:8] == b"33330100"
        assert debugger.ask(b"c") == b"W01"
        thread.join(10)


@pytest.mark.parametrize("watched", [b"", b"Z0,0,4"])
def test_a_program_that_runs_on_is_interrupted_and_its_limit_ends_it(tmp_path: Path, watched: bytes) -> None:
    session, debugger = started(tmp_path, "here:\n    jal zero, here\n", 1 << 16)
    with session.link.connection, debugger.connection:
        thread = Thread(target=session.serve, daemon=True)
        thread.start()
        if watched:
            assert debugger.ask(watched) == b"OK"
        debugger.connection.sendall(b"$c#63" + BREAK)
        assert debugger.reply() == b"T02thread:1;" and debugger.place() == START
        assert debugger.ask(b"z0,0,4") == b"OK"
        assert b"the limit" in bytes.fromhex(debugger.ask(b"c")[1:].decode()) and debugger.reply() == b"T04thread:1;"
        assert debugger.ask(b"vKill;1") == b"OK"
        thread.join(10)
        assert not thread.is_alive()


@given(
    st.lists(
        st.binary(max_size=12).filter(lambda b: b[:1] not in (b"k", b"D", b"v", b"c", b"C", b"s", b"S")), max_size=8
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_asked_ends_the_session(debugger: Debugger, packets: list[bytes]) -> None:
    from pgcheck.debugging.packets import escaped

    for packet in packets:
        if packet != BREAK:
            debugger.ask(escaped(packet))
    assert debugger.ask(b"qC") == b"QC1"


@pytest.mark.parametrize(
    "packet", [b"p", b"p-1", b"p1_0", b"pfff", b"m", b"m0", b"m,", b"M0,2:00", b"Mx", b"P0=zz", b"P0=", b"T", b"Gzz", b"szz", b"X0"]
)  # fmt: skip
def test_what_is_no_packet_is_an_error(debugger: Debugger, packet: bytes) -> None:
    assert debugger.ask(packet) in (b"E01", b"E0e")
    assert debugger.place() == START
