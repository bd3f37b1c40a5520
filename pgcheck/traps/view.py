"""What a trap table shows whoever looks at it: rows that end alike together, causes by their shortest names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgcheck.checker.traps.reading import mode_name
from pgcheck.checker.traps.registers import Register, knobs, registers
from pgcheck.checker.traps.table import Arrival, Ending, RowTraps, Traps, When
from pgcheck.checker.traps.ways import Cause, Way
from pgcheck.isa.machine.claims import COMPLETES
from pgcheck.isa.machine.machine import Machine
from pgcheck.reports.grouping import counted_names, grouped_names

FEW = 12  # rows that are named each
SHORT = 40  # characters of the condition of completion that is not called the rest


@dataclass(frozen=True, slots=True)
class Line:
    """A way to end, in words, and when."""

    what: str
    when: str


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that end alike: by modes that are alike, the ways to end."""

    rows: tuple[str, ...]
    modes: tuple[tuple[tuple[str, ...], tuple[Line, ...]], ...]

    @property
    def size(self) -> int:
        """Ways to end, of all groups of modes."""
        return sum(len(ways) for _, ways in self.modes)

    @property
    def plain(self) -> bool:
        """Whether they complete, always and everywhere."""
        return all(lines == (Line(COMPLETES, ""),) for _, lines in self.modes)


@dataclass(frozen=True, slots=True)
class Delivered:
    """Causes that are delivered alike from some modes; `where` is a clause for each arrival."""

    causes: tuple[str, ...]
    modes: tuple[str, ...]
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """What control state does: in some modes, the trap, by comparisons of it, of these rows."""

    modes: tuple[str, ...]
    what: str
    when: tuple[str, ...]
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that end in the same ways, whenever each of them comes: how many, their names, and by modes that are alike the ways."""

    count: int
    names: str
    modes: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    @property
    def plain(self) -> bool:
        """Whether they complete, always and everywhere."""
        return all(ways == (COMPLETES,) for _, ways in self.modes)


@dataclass(frozen=True, slots=True)
class _Named:
    id: str
    name: str


@dataclass(frozen=True)
class View:
    """A table with its machine, and what is to be shown of it: `listed` are the rows that stand in blocks, `folded` says that kinds of them are shown first."""

    machine: Machine
    table: Traps
    listed: tuple[RowTraps, ...]
    folded: bool = False

    def mode(self, value: int) -> str:
        return mode_name(self.machine, value)

    @property
    def modes(self) -> tuple[str, ...]:
        return tuple(map(self.mode, self.table.modes))

    def causes(self) -> dict[Cause, str]:
        """The shortest name of each cause that is no other's."""
        every = {c for r in self.table.rows for es in r.endings.values() for e in es for c in e.way.causes}
        every |= {c for c, _ in self.table.delivered}
        short = {c: ", ".join(c.members) or c.function for c in every}
        said = Counter(short.values())
        return {c: name if said[name] == 1 else str(c) for c, name in short.items()}

    def blocks(self) -> Iterator[Block]:
        """Rows that end alike, in the order of the first of each."""
        names = self.causes()
        alike: dict[tuple[tuple[tuple[str, ...], tuple[Line, ...]], ...], list[str]] = {}
        for row in self.listed:
            said: dict[tuple[Line, ...], list[str]] = {}
            for mode, endings in row.endings.items():
                said.setdefault(tuple(lines(endings, names)), []).append(self.mode(mode))
            alike.setdefault(tuple((tuple(modes), what) for what, modes in said.items()), []).append(row.id)
        yield from (Block(tuple(rows), modes) for modes, rows in alike.items())

    def kinds(self) -> Iterator[Kind]:
        """Rows that end in the same ways, in the order of the first of each."""
        names = self.causes()
        alike: dict[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...], list[RowTraps]] = {}
        for row in self.listed:
            said: dict[tuple[str, ...], list[str]] = {}
            for mode, endings in row.endings.items():
                ways = dict.fromkeys(called(e.way, names) for e in endings)
                said.setdefault(tuple(sorted(ways, key=lambda way: way != COMPLETES)), []).append(self.mode(mode))
            alike.setdefault(tuple((tuple(modes), ways) for ways, modes in said.items()), []).append(row)
        yield from (Kind(len(rows), self._mnemonics(rows), modes) for modes, rows in alike.items())

    def _mnemonics(self, rows: Sequence[RowTraps]) -> str:
        """Rows as reports name them: a few with what tells them apart, many by their mnemonics alone."""
        named = [_Named(row.id, self.machine.instruction(row.instruction).name) for row in rows]
        return grouped_names(named) if len(named) <= FEW else counted_names(named)

    def deliveries(self) -> Iterator[Delivered]:
        """How traps are delivered, causes and modes that are alike together."""
        names = self.causes()
        from_modes: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for (cause, mode), arrivals in self.table.delivered.items():
            where = tuple(self.arrived(arrivals))
            from_modes.setdefault((names[cause], where), []).append(self.mode(mode))
        causes: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for (name, where), modes in from_modes.items():
            causes.setdefault((tuple(modes), where), []).append(name)
        yield from (Delivered(tuple(many), modes, where) for (modes, where), many in causes.items())

    def arrived(self, arrivals: Sequence[Arrival]) -> Iterator[str]:
        """A clause for each arrival; those of which the specification's function decides in one."""
        named = [a for a in arrivals if a.when.status == "named"]
        for one in arrivals:
            if one not in named:
                yield f"{self.place(one)} {clause(one.when)}".rstrip()
        if named:
            said = [self.place(a) for a in named]
            words = ", ".join(said[:-1]) + " or " + said[-1] if len(said) > 1 else said[0]
            yield f"{words}, as {' and '.join(sorted({f for a in named for f in a.when.through}))} says"

    def place(self, arrival: Arrival) -> str:
        """Where a delivery leads."""
        match arrival:
            case Arrival(mode=int() as mode):
                return f"to {self.mode(mode)}"
            case Arrival(nested="unmodelled"):
                return "nowhere that is modelled"
            case _:
                return f"to {arrival.nested}"

    def named(self, rows: Sequence[str]) -> tuple[str, ...]:
        """Rows by their names; those of a register by its own."""
        names = self.machine.decoding.csr_names
        about = {r.id: names[r.register] for r in self.table.rows if r.register is not None}
        return tuple(dict.fromkeys(about.get(row, row) for row in rows))

    @property
    def registers(self) -> tuple[Register, ...]:
        return tuple(registers(self.machine, self.table))

    def knobs(self) -> Mapping[str, tuple[Use, ...]]:
        """Control leaves that traps hang on, each with what it does."""
        names, found = self.causes(), dict[str, dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]]]()
        for knob in knobs(self.table):
            key = called(knob.way, names), knob.when, self.named(knob.rows)
            found.setdefault(knob.leaf, {}).setdefault(key, []).append(self.mode(knob.mode))
        return {leaf: tuple(Use(tuple(modes), *key) for key, modes in uses.items()) for leaf, uses in found.items()}

    def admitted(self, register: Register) -> dict[str, list[str]]:
        """What a register admits, with the modes in which it does."""
        names, alike = self.causes(), dict[str, list[str]]()
        for mode in self.table.modes:
            read, written = register.read[mode], register.written[mode]
            refused = " or ".join(called(way, names) for way in register.refused[mode])
            if read != written:
                parts = (("read", read), ("written", written))
                said = ", ".join(f"{word}{_if(when)}" for word, when in parts if when != "never")
            else:
                said = f"neither ({refused})" if read == "never" else "read and written" + _if(read)
            alike.setdefault(said, []).append(self.mode(mode))
        return alike

    def tables(self) -> Iterator[tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]]:
        """What stands in the page besides the rows: tables with a title, the heads of columns, and lines."""
        led = [(", ".join(d.causes), ", ".join(d.modes), "; ".join(d.where)) for d in self.deliveries()]
        if led:
            yield "Where traps are delivered", ("trap", "from", "where"), led
        admitted = [(r.name, *self._by_mode(r)) for r in self.registers]
        if admitted:
            yield "Registers", ("register", *self.modes), admitted
        used = [
            (leaf, ", ".join(u.modes), u.what, ", ".join(u.when) or "named", ", ".join(u.rows))
            for leaf, uses in self.knobs().items()
            for u in uses
        ]
        if used:
            yield "Trap knobs", ("leaf", "mode", "trap", "with", "rows"), used

    def _by_mode(self, register: Register) -> tuple[str, ...]:
        said = {mode: what for what, modes in self.admitted(register).items() for mode in modes}
        return tuple(said[mode] for mode in self.modes)


def _if(when: str) -> str:
    return {"always": "", "for some operands": " for some operands"}.get(when, f" if {when}")


def lines(endings: Sequence[Ending], names: Mapping[Cause, str]) -> Iterator[Line]:
    """The ways to end of a row in a mode, completion last."""
    for ending in sorted(endings, key=lambda e: e.way.what == COMPLETES):
        rest = (
            ending.way.what == COMPLETES
            and len(endings) > 1
            and (len(ending.when.brief) > SHORT or ending.when.status != "proved")
        )
        yield Line(called(ending.way, names), "otherwise" if rest else clause(ending.when))


def called(way: Way, names: Mapping[Cause, str]) -> str:
    """A way to end by the shortest names of its causes."""
    return " or ".join(dict.fromkeys(names.get(c, str(c)) for c in way.causes)) or way.what


def clause(when: When) -> str:
    """A condition as the end of a sentence."""
    match when.status:
        case "proved":
            return "" if when.always else f"if {when.brief}"
        case "named":
            about = ", ".join(leaf for leaf, _ in when.about)
            return f"as {', '.join(when.through)} {'says' if len(when.through) == 1 else 'say'}" + (
                f" ({about})" if about else ""
            )
        case _:
            return f"(not decided: {when.text})"
