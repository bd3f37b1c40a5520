"""Lines of Python, and what is known while they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, Term
from pgcheck.models.generated.facts import Facts
from pgcheck.models.generated.source import Value, is_atom

_MOST: Final = 4000


class TooLong(Exception):
    """The code is not worth its length."""


class Unsupported(Exception):
    """The instruction is left to the reference binding."""


@dataclass(frozen=True, slots=True)
class Goto:
    """Where an instruction goes on; turned into lines once its block knows which instruction follows."""

    next: Value


@dataclass(frozen=True, slots=True)
class Translated:
    """The result of a translation by table `table` that is still to be looked up for `address`, an atom."""

    address: Value
    table: int


@dataclass(frozen=True, slots=True)
class Geometry:
    """RAM as generated code knows it."""

    base: int
    size: int
    page_shift: int


@dataclass(frozen=True, slots=True)
class Setting:
    """What is fixed for a block: the values of leaves, and RAM.

    `pages` low bits of its argument number `address` are carried by translation; 0: that is not known.
    """

    context: Mapping[str, int | tuple[int, ...]]
    geometry: Geometry
    address: int = 0
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of the writing at one place: how many lines there are, and what is known."""

    lines: int
    known: Mapping[str, object]


_REPLACED: Final = (
    "limit",
    "names",
    "next",
    "memo",
    "shared",
    "slow",
    "sync",
    "numbered",
    "outside",
    "depth",
    "access",
)
_CHANGED: Final = ("aligned", "wrote", "tables", "arrays")


class Lines:
    """The lines written so far, with their depth, and the state of the writing.

    Generated code has `S` (the state), `R` (the runtime) and, in a block, `c` (the clock at its start), `q` (whether to leave the
    block after this instruction), `cells`, `quiet`, views of RAM and the tables of translations.
    """

    def __init__(
        self,
        facts: Facts,
        setting: Setting | None,
        ports: frozenset[str],
        python_name: Callable[[str], str],
        too_long: set[object],
    ) -> None:
        self.facts, self.machine, self.setting, self.python_name = facts, facts.machine, setting, python_name
        self.ports, self.too_long = ports, too_long
        machine: Machine = self.machine
        self.unit, self.big = machine.state.memory_unit, machine.state.big_endian
        self.bound = machine.state.address_width
        self.lines: list[tuple[int, str | Goto]] = []
        self.limit = _MOST
        self.depth = 1
        self.count = 0
        self.names: dict[Name, Value] = {}
        self.encoding = 0
        self.length: int | str = 0
        self.encoding_term: Term | None = None
        self.next: Value = 0
        self.access: str | None = None
        self.aligned: dict[str, int] = {}
        self.memo: dict[Term, Value] = {}
        self.shared: frozenset[Term] = frozenset()
        self.arrays: dict[str, str] = {}
        self.tables: dict[tuple[int, ...], int] = {}
        self.pc, self.k = 0, 0
        self.special = True
        self.situation = None if setting is None else tuple(setting.context.values())
        self.begin()

    def begin(self) -> None:
        """Forget what the previous instruction did."""
        self.wrote: set[str] = set()
        self.access = None
        self.slow = self.sync = self.numbered = self.outside = False

    def mark(self) -> Mark:
        """Where the writing is, to come back to."""
        known = {name: getattr(self, name) for name in _REPLACED}
        return Mark(len(self.lines), known | {name: copy(getattr(self, name)) for name in _CHANGED})

    def rewind(self, mark: Mark) -> None:
        """Unwrite all that was written since a mark."""
        del self.lines[mark.lines :]
        for name, value in mark.known.items():
            setattr(self, name, value)

    def emit(self, text: str | Goto) -> None:
        if len(self.lines) >= self.limit:
            raise TooLong
        self.lines.append((self.depth, text))

    def fresh(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def atom(self, value: Value | Translated) -> Value:
        """The value as a constant or a variable of its own."""
        plain = self.plain(value)
        if is_atom(plain):
            return plain
        name = self.fresh()
        self.emit(f"{name} = {plain}")
        return name

    def plain(self, value: Value | Translated) -> Value:
        if not isinstance(value, Translated):
            return value
        name = self.fresh()
        self.slow = True
        self.emit("try:")
        self.within(
            f"{name} = {value.address} + T{value.table}[{value.address} >> {self.fixed.pages}] + {self.fixed.geometry.base}"
        )
        self.emit("except KeyError:")
        self.synchronize(1)
        self.within(f"{name} = R.translated(F{value.table}, S, {value.address})")
        self.within("q = R.check")
        return name

    def within(self, text: str) -> None:
        self.depth += 1
        self.emit(text)
        self.depth -= 1

    def synchronize(self, deeper: int = 0) -> None:
        """Make the state's PC and the clock those of this instruction."""
        self.depth += deeper
        self.emit(f"S[{self.machine.state.pc!r}] = {self.pc}")
        self.emit(f"R.surroundings.clock = c + {self.k}")
        self.depth -= deeper

    @property
    def fixed(self) -> Setting:
        """What is fixed for the block that is written. Raises TypeError where a function is."""
        if self.setting is None:
            raise TypeError("nothing is fixed for a function")
        return self.setting

    def array(self, name: str) -> str:
        if self.setting is None:
            return f"S[{name!r}]"
        return self.arrays.setdefault(name, f"A{len(self.arrays)}")

    def end(self, function: str, args: Sequence[Value], note: str) -> None:
        """End the step with an exit."""
        payload = f"({', '.join(map(str, args))}{',' if args else ''})"
        if self.setting is not None:
            self.synchronize()
        access = self.access if self.access is not None else "None" if self.setting is not None else "R.access"
        self.emit(f"raise Ended(Exit({function!r}, {payload}, {note!r}, {access}))")
