"""The loop from trap to trap: the guest runs, what traps is done on its own state by the same code, and it runs on.

An instruction that traps is run again by its handler with the guest's values of the monitor's leaves in place of the monitor's; where it ends in an exit, that is delivered there. Nobody is
asked meanwhile (`@refused`): what needs Python is undone, and left for it as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgcheck.isa.terms import Term
from pgcheck.models.generated.program import program_of
from pgcheck.models.native.lowering.builder import Value
from pgcheck.models.native.lowering.code import Code
from pgcheck.models.native.lowering.layout import HASHED
from pgcheck.models.native.lowering.llvm import CONVENTION, Body
from pgcheck.models.native.lowering.plan import Plan, Request, Status, Unsupported
from pgcheck.models.native.lowering.text import module
from pgcheck.models.native.monitored.split import Apart, Run, Split

NAME: Final = "monitored"
_LEFT, _UNDONE, _ON = "0", "1", "2"
"""What became of an exit: it is for Python as it is, or once its handling is undone; or the guest goes on."""
_REFUSED: Final = f"""define internal i32 @refused(i32 %request, i64 %a, i64 %b) {{
  %asked = icmp ne i32 %request, {int(Request.CUT)}
  %failed = zext i1 %asked to i32
  ret i32 %failed
}}
"""
_WIDEST: Final = 8
_SAVED: Final = "tlb", "host", "clock", "ticks"


class LoopBody(Body):
    """The loop's function: besides what a builder has, words that lie together, handlers and functions whose addresses are known."""

    def at(self, offset: int) -> Value:
        return self._at(offset)

    def beside(self, offset: Value) -> Value:
        """A place that is kept apart."""
        whole = self.op("add", 64, self.read(self.layout.header["monitor"]), offset)
        return self._value(f"getelementptr i8, ptr %st, i64 {whole}")

    def load_words(self, pointer: Value, count: int) -> Value:
        return self._value(f"load <{count} x i64>, ptr {pointer}, align 8")

    def store_words(self, pointer: Value, count: int, value: Value) -> None:
        self._emit(f"store <{count} x i64> {value}, ptr {pointer}, align 8")

    def differ(self, count: int, first: Value, second: Value) -> Value:
        """Whether words differ."""
        found = self._value(f"xor <{count} x i64> {first}, {second}")
        whole = self._value(f"bitcast <{count} x i64> {found} to i{64 * count}")
        return self._value(f"icmp ne i{64 * count} {whole}, 0")

    def load(self, pointer: Value) -> Value:
        return self._value(f"load i64, ptr {pointer}, align 8")

    def store(self, pointer: Value, value: Value) -> None:
        self._emit(f"store i64 {value}, ptr {pointer}, align 8")

    def run(self, handler: Value, record: Value, pc: Value, left: Value) -> None:
        """Have a handler run, with a record that lies at a byte of native memory."""
        rec = self._value(f"getelementptr i8, ptr %st, i64 {record}")
        code = self._value(f"inttoptr i64 {handler} to ptr")
        self._emit(f"call {CONVENTION} void {code}(ptr %st, ptr {rec}, i64 {pc}, i64 {left})")

    def asked(self, function: Value) -> Value:
        """Call a native function that the host could call; whether it failed."""
        code = self._value(f"inttoptr i64 {function} to ptr")
        failed = self._value(f"call i32 {code}(ptr %st)")
        return self._value(f"icmp ne i32 {failed}, 0")

    def here(self, name: str) -> None:
        """Call a function of this module that the host could call."""
        self._value(f"call i32 @{name}(ptr %st)")

    def refused(self) -> Value:
        """The address of what refuses whatever the host is asked."""
        return "ptrtoint (ptr @refused to i64)"


class Loop:
    """Writes the loop of a plan and a split. Raises Unsupported."""

    def __init__(self, plan: Plan, split: Split, exits: int) -> None:
        self.plan, self.split, self.layout = plan, split, plan.layout
        self.machine = plan.machine
        self.apart = Apart(plan.machine, plan.layout, split, exits)
        self.exits = exits
        self.b = LoopBody(plan.layout, "export", NAME, (), ())
        self.pc = plan.layout.scalars[self.machine.state.pc]
        shared = {n for n in plan.layout.scalars if n not in split.own} | {
            n for n in plan.layout.arrays if n not in split.own
        }
        pending = program_of(plan.machine, plan.ports).pending
        self.asks = bool(pending & shared)
        self.always = bool(plan.facts.terms([split.direct]).reads & shared)
        self.context = tuple(n for n in plan.context if n in shared)

    @property
    def text(self) -> str:
        """The module."""
        b = self.b
        top = b.loop()
        record = b.read(self.layout.header["record"])
        here = b.resize("zext", self.pc.width, 64, b.read(self.pc))
        b.run(b.cell(record, 64), record, here, b.read(self.layout.header["left"]))
        b.inline((8,))
        self._exit()
        (became,) = b.close()
        b.again(top, b.compare("eq", 8, became, _ON))
        b.finish()
        return _REFUSED + module([b.text, *self.others])

    @property
    def others(self) -> tuple[str, ...]:
        """What else is in the module."""
        return ()

    def _ends(self, guard: Value, how: str = _LEFT) -> None:
        b = self.b
        b.branch(guard, "then")
        b.finish([(8, how)])
        b.join()

    def _exit(self) -> None:
        """What native code came back with."""
        b, header, apart = self.b, self.layout.header, self.apart
        self._ends(b.op("xor", 0, b.compare("eq", 64, b.read(header["status"]), str(int(Status.EXIT))), "true"))
        odd = b.op("or", 64, b.read(header["translating"]), b.read(header["check"]))
        self._ends(b.op("xor", 0, b.compare("eq", 64, odd, "0"), "true"))
        number, left = b.read(header["exit"]), b.read(header["left"])
        self._ends(b.op("xor", 0, b.compare("ult", 64, number, str(self.exits)), "true"))
        self._ends(b.compare("eq", 64, self._entry(number, 0), "0"))
        record = b.read(header["record"])
        slot = b.op("udiv", 64, b.op("sub", 64, record, str(self.layout.records.at)), str(self.layout.record))
        handler = self._table(apart.handlers, slot)
        self._ends(b.compare("eq", 64, handler, "0"))
        self._ends(self._lost())
        saved = [b.read(header[name]) for name in _SAVED]
        now = b.op("sub", 64, b.op("add", 64, b.load(b.beside(str(apart.ends))), b.read(header["handled"])), left)
        b.write(header["clock"], b.op("add", 64, now, "1"))
        b.write(header["ticks"], b.load(b.beside(str(apart.ticks))))
        self.copy(apart.shared, None, apart.before)
        self.copy(apart.arguments, None, apart.given)
        self.copy(apart.own, apart.virtual, None)
        b.store(b.beside(str(apart.left)), left)
        b.write(header["exit"], "-1")
        b.write(header["answered"], "0")
        b.write(header["host"], b.refused())
        b.inline((8,))
        self._done(record, handler, slot)
        (became,) = b.close()
        for name, value in zip(_SAVED, saved, strict=True):
            b.write(header[name], value)
        undone = b.compare("eq", 8, became, _UNDONE)
        b.branch(undone, "then")
        self.copy(apart.shared, apart.before, None)
        self.copy(apart.arguments, apart.given, None)
        self.copy(apart.own, apart.real, None)
        for name, value in (("record", record), ("left", left), ("exit", number), ("status", str(int(Status.EXIT)))):
            b.write(header[name], value)
        b.write(header["translating"], "0")
        b.write(header["check"], "0")
        b.finish([(8, _LEFT)])
        b.join()
        left = b.op("sub", 64, left, "1")
        b.write(header["left"], left)
        b.write(header["handled"], b.op("add", 64, b.read(header["handled"]), "1"))
        self._goes_on(left, became)

    def _lost(self) -> Value:
        """Whether the monitor's leaves are not as it has set them."""
        b, found = self.b, "false"
        for at, first, count in _pieces(self.apart.own):
            mine = b.load_words(b.beside(str(self.apart.real + 8 * first)), count)
            found = b.op("or", 0, found, b.differ(count, b.load_words(b.at(at), count), mine))
        return found

    # ---- on the guest's own state

    def _done(self, record: Value, handler: Value, slot: Value) -> None:
        """Run the instruction, deliver where it ended, and see what the guest goes on under: with the guest's leaves in place."""
        b, header, apart = self.b, self.layout.header, self.apart
        b.run(handler, record, b.resize("zext", self.pc.width, 64, b.read(self.pc)), "1")
        status, counted = b.read(header["status"]), b.variable(64)
        ended = b.compare("eq", 64, status, str(int(Status.EXIT)))
        completed = [b.compare("eq", 64, status, str(int(s))) for s in (Status.SPENT, Status.CHECK)]
        self._ends(b.op("xor", 0, b.op("or", 0, ended, b.op("or", 0, *completed)), "true"), _UNDONE)
        b.put(64, counted, str(apart.emulated))
        b.branch(ended)
        self._delivered()
        b.put(64, counted, str(apart.reflected))
        b.join()
        resumed = b.variable(0)
        last = b.compare("eq", 64, b.load(b.beside(str(apart.left))), "1")
        b.put(0, resumed, "true" if self.asks else last)
        quiet = "false" if self.always else b.compare("eq", 64, b.read(header["check"]), "0")
        b.branch(b.op("or", 0, last, quiet))
        b.otherwise()
        self._looked(resumed)
        b.join()
        b.write(header["check"], "0")
        self._count(b.get(64, counted), slot)
        self.copy(apart.own, None, apart.virtual)
        self.copy(apart.own, apart.real, None)
        b.finish([(8, b.select(8, b.get(0, resumed), _LEFT, _ON))])

    def _delivered(self) -> None:
        """Deliver the exit of the exit record, where it can be."""
        b, header, apart = self.b, self.layout.header, self.apart
        self._ends(b.compare("eq", 64, b.load(b.beside(str(apart.reflects))), "0"), _UNDONE)
        self._ends(b.op("xor", 0, b.compare("eq", 64, b.read(header["translating"]), "0"), "true"), _UNDONE)
        number = b.read(header["exit"])
        self._ends(b.op("xor", 0, b.compare("ult", 64, number, str(self.exits)), "true"), _UNDONE)
        entry = self._entry(number, 1)
        self._ends(b.compare("eq", 64, entry, "0"), _UNDONE)
        b.write(header["next"], b.resize("zext", self.pc.width, 64, b.read(self.pc)))
        self._ends(b.asked(entry), _UNDONE)
        b.write(self.pc, b.resize("trunc", 64, self.pc.width, b.read(header["next"])))
        firmware = self.machine.platform.firmware
        if firmware is not None:
            self._ends(self._holds(firmware.when), _UNDONE)

    def _looked(self, resumed: Value) -> None:
        """Whether the guest does not simply go on: its interrupts, whether it runs on the processor, and under what."""
        b, apart, split = self.b, self.apart, self.split
        rule = self.machine.code.interrupt
        asked = () if rule is None else ((rule.pending, apart.pending), (rule.waiting, apart.waiting))
        for name, place in asked:
            if name:
                failed = b.asked(b.load(b.beside(str(place))))
                said = b.compare("eq", 64, b.cell(str(self.layout.value.at), 64), "0")
                stops = b.op("or", 0, failed, b.op("xor", 0, said, "true"))
                b.put(0, resumed, b.op("or", 0, b.get(0, resumed), stops))
        if split.direct.op != "const":
            b.put(0, resumed, b.op("or", 0, b.get(0, resumed), b.op("xor", 0, self._holds(split.direct), "true")))
        for name, kept in (*((n, apart.virtual) for n in split.held), *((n, apart.before) for n in self.context)):
            for k, at in enumerate(apart.words[name]):
                old = b.load(b.beside(str(kept + 8 * (apart.first[name] + k))))
                same = b.compare("eq", 64, b.load(b.at(at)), old)
                b.put(0, resumed, b.op("or", 0, b.get(0, resumed), b.op("xor", 0, same, "true")))
        b.branch(b.get(0, resumed))
        b.otherwise()
        if split.keys:
            self._turned(resumed)
        b.join()

    def _turned(self, resumed: Value) -> None:
        """Find what the guest runs under, where that has changed."""
        b, apart = self.b, self.apart
        row = b.variable(64)
        current = b.load(b.beside(str(apart.row)))
        b.branch(self._keyed(current))
        b.otherwise()
        b.put(64, row, "0")
        loop, found = b.loop(), b.variable(0)
        here = b.get(64, row)
        inside = b.compare("ult", 64, here, b.load(b.beside(str(apart.rows))))
        b.put(0, found, b.op("and", 0, inside, self._keyed(here)))
        goes = b.op("and", 0, inside, b.op("xor", 0, b.get(0, found), "true"))
        b.put(64, row, b.op("add", 64, here, b.resize("zext", 1, 64, goes)))
        b.again(loop, goes)
        b.branch(b.get(0, found))
        self._become(b.get(64, row))
        b.otherwise()
        b.put(0, resumed, "true")
        b.join()
        b.join()

    def _become(self, row: Value) -> None:
        b, apart = self.b, self.apart
        turns = b.op("add", 64, b.load(b.beside(str(apart.turns))), "1")
        b.store(b.beside(str(apart.turns)), turns)
        b.store(b.beside(str(apart.row)), row)
        b.store(b.beside(self._cell(row, apart.keyed + apart.place + 2)), turns)
        moved = "false"
        for k, name in enumerate(self.split.placed):
            value = b.load(b.beside(self._cell(row, apart.keyed + k)))
            place = b.beside(str(apart.real + 8 * apart.first[name]))
            moved = b.op("or", 0, moved, b.op("xor", 0, b.compare("eq", 64, b.load(place), value), "true"))
            b.store(place, value)
        count = b.beside(str(apart.moved))
        b.store(count, b.op("add", 64, b.load(count), b.resize("zext", 1, 64, moved)))

    def _keyed(self, row: Value) -> Value:
        """Whether a row is that of the guest's leaves."""
        b, found = self.b, "true"
        for k, name in enumerate(self.split.keys):
            same = b.compare("eq", 64, b.load(b.at(self.apart.words[name][0])), b.load(b.beside(self._cell(row, k))))
            found = b.op("and", 0, found, same)
        return found

    def _holds(self, term: Term) -> Value:
        effects = self.plan.facts.terms([term])
        if effects.volatile or effects.free or effects.loads or effects.stores or effects.writes:
            raise Unsupported
        code = Code(self.plan, self.b, False, _none)
        code.heaviest = 1 << 16
        return code.root(term)

    # ---- on the processor again

    def _goes_on(self, left: Value, became: Value) -> None:
        """Go on at PC, if there is a record of it and steps are left; what the guest runs under may be another row's."""
        b, header, apart = self.b, self.layout.header, self.apart
        if self.split.keys:
            row = b.load(b.beside(str(apart.row)))
            for k, name in enumerate(("hash", "tlb")):
                b.write(header[name], b.load(b.beside(self._cell(row, apart.keyed + apart.place + k))))
        ends = b.op("or", 0, b.compare("eq", 64, left, "0"), b.compare("eq", 8, became, _LEFT))
        b.write(header["status"], str(int(Status.RESUMED)))
        self._ends(ends)
        pc = b.resize("zext", self.pc.width, 64, b.read(self.pc))
        index = b.op("and", 64, b.op("lshr", 64, pc, str(self.layout.pc_shift)), str((1 << HASHED) - 1))
        entry = b.op("add", 64, b.op("shl", 64, index, "4"), b.read(header["hash"]))
        b.write(header["status"], str(int(Status.MISSED)))
        self._ends(b.op("xor", 0, b.compare("eq", 64, b.cell(entry, 64), pc), "true"))
        b.write(header["record"], b.cell(b.op("add", 64, entry, "8"), 64))
        b.finish([(8, _ON)])

    # ---- words

    def _entry(self, exit_: Value, which: int) -> Value:
        offset = self.b.op("add", 64, self.b.op("shl", 64, exit_, "4"), str(self.apart.exits + 8 * which))
        return self.b.load(self.b.beside(offset))

    def _cell(self, row: Value, number: int) -> Value:
        offset = self.b.op("mul", 64, row, str(8 * self.apart.wide))
        return self.b.op("add", 64, offset, str(self.apart.table + 8 * number))

    def _table(self, table: int, slot: Value) -> Value:
        return self.b.load(self.b.beside(self.b.op("add", 64, self.b.op("shl", 64, slot, "3"), str(table))))

    def _count(self, table: Value, slot: Value) -> None:
        """Count what was done at a record, and keep which they are."""
        b, apart = self.b, self.apart
        both = b.op("or", 64, self._table(apart.emulated, slot), self._table(apart.reflected, slot))
        b.branch(b.compare("eq", 64, both, "0"), "then")
        touched = b.load(b.beside(str(apart.touched)))
        b.store(b.beside(b.op("add", 64, b.op("shl", 64, touched, "3"), str(apart.slots))), slot)
        b.store(b.beside(str(apart.touched)), b.op("add", 64, touched, "1"))
        b.join()
        place = b.beside(b.op("add", 64, b.op("shl", 64, slot, "3"), table))
        b.store(place, b.op("add", 64, b.load(place), "1"))

    def copy(self, runs: Sequence[Run], source: int | None, target: int | None) -> None:
        """Copy words between native memory (None) and what is kept apart."""
        b = self.b
        for at, first, count in _pieces(runs):
            ends = [b.at(at) if p is None else b.beside(str(p + 8 * first)) for p in (source, target)]
            b.store_words(ends[1], count, b.load_words(ends[0], count))


def _pieces(runs: Sequence[Run]) -> list[Run]:
    """Runs of a power of two of words, and of few."""
    found: list[Run] = []
    for at, first, count in runs:
        while count:
            size = min(_WIDEST, 1 << count.bit_length() - 1)
            found.append((at, first, size))
            at, first, count = at + 8 * size, first + size, count - size
    return found


def _none(name: str, tracked: bool) -> str:
    raise Unsupported
