"""Accesses to physical memory: RAM that native code reads and writes itself, and whatever else the host is asked for."""

from __future__ import annotations

from abc import ABC

from pgcheck.isa.terms import mask
from pgcheck.isa.words import places
from pgcheck.models.native.lowering.builder import Value
from pgcheck.models.native.lowering.layout import LINE, LOGGED, Place
from pgcheck.models.native.lowering.plan import MOST_UNITS, Request, Unsupported
from pgcheck.models.native.lowering.values import Values


class Accesses(Values, ABC):
    """Writes loads, and stores to RAM."""

    def bounded(self, width: int, address: Value) -> Value:
        """An address of physical memory, which wraps."""
        bits = self.machine.state.address_width
        return address if width <= bits else self.b.op("and", 64, address, self.number(mask(bits)))

    def count(self, width: int) -> int:
        """The units of an access."""
        count = width // self.machine.state.memory_unit
        if not 1 <= count <= MOST_UNITS or width % self.machine.state.memory_unit:
            raise Unsupported
        return count

    def inside(self, place: Value, count: int) -> Value:
        return self.b.compare("ult", 64, place, self.b.read(self.layout.limits[count]))

    def place_of(self, address: Value) -> Value:
        """Where an address lies in RAM, counted from its first unit, if it lies there."""
        place = self.b.op("sub", 64, address, self.b.read(self.layout.header["ram_base"]))
        return self.bounded(64, place)

    def load(self, address: Value, width: int) -> Value:
        b, count = self.b, self.count(width)
        address = self.bounded(64, address)
        place, found = self.place_of(address), b.variable(width)
        b.branch(self.inside(place, count), "else")
        if self.tracked:
            self._log(place, count)
        b.put(width, found, self._read(place, count))
        b.otherwise()
        if self.tracked:
            b.write(self.layout.header["uncached"], self.number(1))
        b.put(width, found, self.native(load_name(count), [(64, address)], (width,))[0])
        b.join()
        self.memo = {}
        return b.get(width, found)

    def _log(self, place: Value, count: int) -> None:
        b, header = self.b, self.layout.header
        at = b.read(header["logged"])
        b.put_element(self.layout.log, b.op("shl", 64, at, self.number(1)), place)
        second = b.op("or", 64, b.op("shl", 64, at, self.number(1)), self.number(1))
        b.put_element(self.layout.log, second, self.number(count))
        at = b.op("add", 64, at, self.number(1))
        b.write(header["logged"], at)
        b.branch(b.compare("ule", 64, self.number(1 << LOGGED), at), "then")
        b.write(header["uncached"], self.number(1))
        b.join()

    def _read(self, place: Value, count: int) -> Value:
        """`count` units of RAM from a place on."""
        b, state = self.b, self.machine.state
        unit, width = state.memory_unit, state.memory_unit * count
        if count == 1 or (unit == 8 and (not state.big_endian or width % 16 == 0)):
            found = b.physical(place, width)
            return b.reversed(width, found) if count > 1 and state.big_endian else found
        found = b.constant(width, 0)
        for k in places(count, state.order):
            piece = b.resize("zext", unit, width, b.physical(b.op("add", 64, place, self.number(k)), unit))
            found = b.op("or", width, b.op("shl", width, found, b.constant(width, unit)), piece)
        return found

    def put_units(self, place: Value, count: int, value: Value) -> None:
        """Set `count` units of RAM from a place on."""
        b, state = self.b, self.machine.state
        unit, width = state.memory_unit, state.memory_unit * count
        if count == 1 or (unit == 8 and (not state.big_endian or width % 16 == 0)):
            b.put_physical(place, width, b.reversed(width, value) if count > 1 and state.big_endian else value)
            return
        for shift, k in enumerate(reversed(places(count, state.order))):
            piece = b.resize("trunc", width, unit, b.op("lshr", width, value, b.constant(width, unit * shift)))
            b.put_physical(b.op("add", 64, place, self.number(k)), unit, piece)

    def slow_load(self, count: int) -> None:
        """The body of the function that loads what is not in RAM: of an address."""
        width = count * self.machine.state.memory_unit
        self.ask(Request.LOAD, "%p0", self.number(count))
        self.b.finish([(width, self.b.read(Place(self.layout.value.at, width)))])

    def line(self, place: Value) -> Value:
        """The mark that a unit of RAM shares."""
        return self.b.op("lshr", 64, place, self.number(LINE))


def load_name(count: int) -> str:
    """The native function that loads `count` units that are not in RAM."""
    return f"load{count}"
