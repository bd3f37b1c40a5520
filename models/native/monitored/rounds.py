"""Guests that take turns on one processor, without Python in between: what each shares with it is parked while the others run."""

from __future__ import annotations

from typing import Final

from pgcheck.models.native.lowering.builder import Value
from pgcheck.models.native.lowering.layout import HASHED
from pgcheck.models.native.lowering.plan import Plan, Status
from pgcheck.models.native.monitored.loop import NAME, Loop, LoopBody
from pgcheck.models.native.monitored.split import Split

ROUNDS: Final = "rounds"
COUNT, AT, LEFT, QUANTUM, NOW, TURNS, FIRST = range(7)
"""Words of the table of turns: how many guests there are, whose turn it is, how many rounds are left, how many steps a turn has, the processor's clock, how many turns
were begun, and the first guest's place."""


class Rounds(Loop):
    """Writes the loop, and the turns of guests on it. A turn in which something is left to do for Python is the last, and is not parked."""

    def __init__(self, plan: Plan, split: Split, exits: int) -> None:
        super().__init__(plan, split, exits)
        self.turns = LoopBody(plan.layout, "export", ROUNDS, (), ())

    @property
    def others(self) -> tuple[str, ...]:
        return (self._rounds(),)

    def _word(self, number: int) -> Value:
        """The place of a word of the table of turns."""
        b = self.b
        return b.op("add", 64, b.read(self.layout.header["turns"]), str(8 * number))

    def _rounds(self) -> str:
        self.b = b = self.turns
        header = self.layout.header
        top = b.loop()
        at = b.cell(self._word(AT), 64)
        place = b.op("add", 64, self._word(FIRST), b.op("shl", 64, at, "3"))
        b.write(header["monitor"], b.cell(place, 64))
        b.inline((0,))
        self._turn()
        (on,) = b.close()
        b.branch(on)
        following = b.op("add", 64, at, "1")
        last = b.compare("eq", 64, following, b.cell(self._word(COUNT), 64))
        b.put_cell(self._word(AT), 64, b.select(64, last, "0", following))
        left = b.op("sub", 64, b.cell(self._word(LEFT), 64), b.resize("zext", 1, 64, last))
        b.put_cell(self._word(LEFT), 64, left)
        b.join()
        b.again(top, b.op("and", 0, on, b.compare("ult", 64, "0", b.cell(self._word(LEFT), 64))))
        b.finish()
        return b.text

    def _stops(self, guard: Value) -> None:
        self.b.branch(guard, "then")
        self.b.finish([(0, "false")])
        self.b.join()

    def _turn(self) -> None:
        """One turn of the guest whose place is set; whether the next one's may begin."""
        b, header, apart = self.b, self.layout.header, self.apart
        quantum, now = b.cell(self._word(QUANTUM), 64), b.cell(self._word(NOW), 64)
        b.put_cell(self._word(TURNS), 64, b.op("add", 64, b.cell(self._word(TURNS), 64), "1"))
        self.copy(apart.shared, apart.parked, None)
        self.copy(apart.own, apart.real, None)
        if self.split.keys:
            row = b.load(b.beside(str(apart.row)))
            for k, name in enumerate(("hash", "tlb")):
                b.write(header[name], b.load(b.beside(self._cell(row, apart.keyed + apart.place + k))))
        for name, value in (("left", quantum), ("handled", "0"), ("check", "0"), ("translating", "0")):
            b.write(header[name], value)
        b.write(header["clock"], b.op("add", 64, now, quantum))
        ends = b.beside(str(apart.ends))
        b.store(ends, b.op("add", 64, b.load(ends), quantum))
        pc = b.resize("zext", self.pc.width, 64, b.read(self.pc))
        index = b.op("and", 64, b.op("lshr", 64, pc, str(self.layout.pc_shift)), str((1 << HASHED) - 1))
        entry = b.op("add", 64, b.op("shl", 64, index, "4"), b.read(header["hash"]))
        b.write(header["status"], str(int(Status.MISSED)))
        self._stops(b.op("xor", 0, b.compare("eq", 64, b.cell(entry, 64), pc), "true"))
        b.write(header["record"], b.cell(b.op("add", 64, entry, "8"), 64))
        b.here(NAME)
        left, handled = b.read(header["left"]), b.read(header["handled"])
        taken = b.op("sub", 64, quantum, left)
        b.put_cell(self._word(NOW), 64, b.op("add", 64, now, b.op("sub", 64, taken, handled)))
        for place, more in ((apart.taken, taken), (apart.handled, handled)):
            b.store(b.beside(str(place)), b.op("add", 64, b.load(b.beside(str(place))), more))
        b.write(header["handled"], "0")
        spent = b.compare("eq", 64, b.read(header["status"]), str(int(Status.SPENT)))
        ends_ = b.op("and", 0, spent, b.compare("eq", 64, left, "0"))
        self._stops(b.op("xor", 0, ends_, "true"))
        self._stops(self._lost())
        self.copy(apart.shared, None, apart.parked)
        b.finish([(0, "true")])
