"""Loads and stores as Python: fast within RAM, and by the runtime elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final, Literal

from pgcheck.isa.terms import mask
from pgcheck.isa.words import order
from pgcheck.models.generated.lines import Lines, Translated
from pgcheck.models.generated.source import Value

VIEWS: Final[Mapping[int, Literal["H", "I", "Q"]]] = {2: "H", 4: "I", 8: "Q"}


class AccessLines(Lines):
    """Writes accesses of physical memory."""

    def load(self, address: Value | Translated, width: int, bits: int) -> Value:
        """`bits` of physical memory at an address of `width` bits."""
        self.memo.clear()
        count, result = bits // self.unit, self.fresh()
        if self.setting is None:
            self.emit(f"{result} = R.load({self._bounded(self.plain(address), width)}, {count})")
            return result
        self.slow = True
        if isinstance(address, Translated):
            if read := self._read(
                f"{address.address} + T{address.table}[{address.address} >> {self.setting.pages}]", count, address
            ):
                self.emit("try:")
                self.within(f"{result} = {read}")
                self.emit("except KeyError:")
                self._slowly(f"{result} = R.load_virtual(F{address.table}, S, {address.address}, {count})")
                return result
            address = self.plain(address)
        address = self.atom(self._bounded(address, width))
        place = self._place(address)
        read = self._read(place, count, None)
        guard = self._inside(place, count)
        if not read:
            self.synchronize()
            self.emit(f"{result} = R.load({address}, {count})")
            self.emit("q = R.check")
            return result
        self.emit(f"if {guard}:")
        self.within(f"{result} = {read}")
        self.emit("else:")
        self._slowly(f"{result} = R.load({address}, {count})")
        return result

    def _bounded(self, address: Value, width: int) -> Value:
        if width <= self.bound:
            return address
        return address & mask(self.bound) if isinstance(address, int) else f"({address} & {mask(self.bound)})"

    def _place(self, address: Value) -> str:
        base = self.fixed.geometry.base
        if isinstance(address, int) or not base:
            return str(address if isinstance(address, str) else address - base)
        name = self.fresh()
        self.emit(f"{name} = {address} - {base}")
        if address in self.aligned:
            self.aligned[name] = self.aligned[address]
        return name

    def _inside(self, place: str, count: int) -> str:
        geometry = self.fixed.geometry
        lowest = "" if geometry.base == 0 else "0 <= "
        return f"{lowest}{place} <= {geometry.size - count}"

    def _slowly(self, text: str) -> None:
        self.synchronize(1)
        self.within(text)
        self.within("q = R.check")

    def _even(self, name: Value | None, count: int) -> bool:
        """Whether an address is known to be a multiple of `count`."""
        return self.aligned.get(str(name), 1) % count == 0 and self.fixed.geometry.base % count == 0

    def _read(self, place: str, count: int, virtual: Translated | None) -> str:
        """The source that reads `count` units of RAM; "" where there is no fast way."""
        if count == 1:
            return f"cells[{place}]"
        if self.unit != 8 or count not in VIEWS:
            return ""
        viewed = not self.big and sys.byteorder == "little"
        shift = count.bit_length() - 1
        if viewed and self._even(virtual.address if virtual is not None else place, count):
            return f"M{count}[{place} >> {shift}]"
        if virtual is not None:
            return ""
        bytes_ = f"int.from_bytes(cells[{place}:{place} + {count}], {order(self.big)!r})"
        return f"M{count}[{place} >> {shift}] if not {place} & {count - 1} else {bytes_}" if viewed else bytes_

    def store(self, address: Value | Translated, width: int, value: Value, bits: int) -> None:
        """Store `bits` at a physical address of `width` bits."""
        count = bits // self.unit
        if self.setting is None:
            self.emit(f"R.store({self._bounded(self.plain(address), width)}, {count}, {value})")
            return
        self.slow = True
        pages = self.setting.geometry.page_shift
        if isinstance(address, Translated):
            even = self._even(address.address, count)
            place = self.fresh()
            if write := self._write(place, count, value, even=even):
                value = self.atom(value) if len(str(value)) > 20 else value
                write = self._write(place, count, value, even=even)
                guard = self.fresh()
                self.emit("try:")
                self.within(
                    f"{place} = {address.address} + T{address.table}[{address.address} >> {self.setting.pages}]"
                )
                self.within(f"{guard} = quiet[{place} >> {pages}]")
                self.emit("except KeyError:")
                self.within(f"{guard} = 0")
                self.emit(f"if {guard}:")
                self.within(write)
                self.emit("else:")
                self._slowly(f"R.store_virtual(F{address.table}, S, {address.address}, {count}, {value})")
                return
            address = self.plain(address)
        address = self.atom(self._bounded(address, width))
        value = self.atom(value)
        place = self._place(address)
        even = count == 1 or self._even(place, count)
        if not (write := self._write(place, count, value, even=True)):
            self.synchronize()
            self.emit(f"R.store({address}, {count}, {value})")
            self.emit("q = R.check")
            return
        aligned = "" if even else f" and not {place} & {count - 1}"
        self.emit(f"if {self._inside(place, count)}{aligned} and quiet[{place} >> {pages}]:")
        self.within(write)
        self.emit("else:")
        self._slowly(f"R.store({address}, {count}, {value})")

    def _write(self, place: str, count: int, value: Value, *, even: bool) -> str:
        """The source that writes `count` units of one page of RAM; "" where there is no fast way."""
        if count == 1:
            return f"cells[{place}] = {value}"
        if self.unit != 8 or count not in VIEWS or not even:
            return ""
        if not self.big and sys.byteorder == "little":
            return f"M{count}[{place} >> {count.bit_length() - 1}] = {value}"
        return f"cells[{place}:{place} + {count}] = ({value}).to_bytes({count}, {order(self.big)!r})"
