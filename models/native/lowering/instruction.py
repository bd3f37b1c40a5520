"""The code of one instruction: what is done before the host is asked, and how the next one is reached."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.machine.machine import Instruction
from pgcheck.isa.terms import Name, Term, mask
from pgcheck.isa.terms.ir import Block
from pgcheck.isa.terms.names import OPERAND, STATE
from pgcheck.models.native.lowering.builder import Value
from pgcheck.models.native.lowering.code import Code
from pgcheck.models.native.lowering.fields import Fields
from pgcheck.models.native.lowering.layout import OPERANDS, Place, fields
from pgcheck.models.native.lowering.llvm import Body
from pgcheck.models.native.lowering.plan import Plan, Status, Unsupported
from pgcheck.models.native.lowering.walking import Wanted

QUICK: Final = 80
"""The most terms of a function that stands where it is called."""
OUTLINED: Final = 160
"""The most terms of a function that stands in one that instructions call."""
FOLLOWS, LINKED, JUMPS = 0, 1, 2
"""How execution goes on: behind the instruction, at an address that its record is linked to, or at any other."""


class InstructionCode(Code):
    """Writes the handler of an instruction, and what fills its record when that first runs."""

    def __init__(self, plan: Plan, body: Body, instruction: Instruction, wanted: Wanted, held: Fields | None) -> None:
        super().__init__(plan, body, False, wanted)
        self.body, self.instruction = body, instruction
        self.pc = plan.machine.state.leaves[plan.machine.state.pc]
        self.effects = plan.facts.block(instruction.body)
        widths = [b.width for b in instruction.operands.values()]
        offsets, _ = fields(widths)
        self._given = dict(zip(instruction.operands, zip(offsets, widths, strict=True), strict=True))
        self._can_ask = False
        self._begun(body, self)
        self.fields = held
        b = body
        self.following = b.op("and", 64, b.op("add", 64, "%pc", self.length), str(signed64(mask(self.pc.width))))
        self.synced, self.may, self.next, self.how = b.variable(0), b.variable(0), b.variable(64), b.variable(8)
        for width, variable in ((0, self.synced), (0, self.may), (8, self.how)):
            b.put(width, variable, b.constant(width, 0))
        b.put(64, self.next, self.following)
        if not self.here:
            b.write(self.layout.scalars[self.pc.name], b.resize("trunc", 64, self.pc.width, "%pc"))

    def _begun(self, body: Body, code: Code) -> None:
        """Have operands, length and PC at hand."""
        length = self.instruction.length
        code.names = {
            Name(OPERAND, n): body.field(OPERANDS + offset, width) for n, (offset, width) in self._given.items()
        }
        known = length.op == "const" and self.instruction.encoding is not None
        code.length = str(length.value) if known else body.resize("zext", 32, 64, body.field(8, 32))
        code.encoding = self.instruction.encoding_term
        code.here = "" if self.pc.name in self.effects.writes else body.resize("trunc", 64, self.pc.width, "%pc")

    def sync(self) -> None:
        b, header = self.b, self.layout.header
        b.branch(b.get(0, self.synced))
        b.otherwise()
        if self.here:
            b.write(self.layout.scalars[self.pc.name], self.here)
        b.write(header["left"], "%left")
        b.write(header["fresh"], "1")
        b.put(0, self.synced, b.constant(0, 1))
        b.join()

    def asked(self) -> None:
        self._can_ask = True
        self.b.put(0, self.may, self.b.constant(0, 1))

    def moved(self, value: Value, term: Term) -> None:
        fixed = self.fixed(term)
        linked = fixed is not None and self.fields is not None and self.fields.links(fixed)
        self.b.put(64, self.next, value)
        self.b.put(8, self.how, self.b.constant(8, LINKED if linked else JUMPS))

    def native(self, name: str, args: Sequence[tuple[int, Value]], results: Sequence[int], of: str = "") -> list[Value]:
        b, place = self.b, self.layout.header["next"]
        moves = of and self.plan.facts.function(of).moves
        if moves:
            b.write(place, b.get(64, self.next))
            b.put(8, self.how, b.constant(8, JUMPS))
        found = super().native(name, args, results, of)
        if moves:
            b.put(64, self.next, b.read(place))
        return found

    def ended(self, otherwise: str = "") -> None:
        """What stands behind the instruction; `otherwise` is the code for the paths that were given up."""
        b = self.body
        if otherwise:
            b.begin("slow")
            b.tail(otherwise)
        b.begin("done")
        self.completed()
        left, goes = b.op("sub", 64, "%left", "1"), b.get(64, self.next)
        if self.effects.moves:
            how = b.get(8, self.how)
            b.branch(b.compare("eq", 8, how, b.constant(8, LINKED)))
            self._goes(LINKED, goes, left)
            b.join()
            b.branch(b.compare("eq", 8, how, b.constant(8, JUMPS)))
            self._goes(JUMPS, goes, left)
            b.join()
        self._goes(FOLLOWS, self.following, left)
        b.begin("failed")
        b.stop(Status.EXIT, "%pc", "%left")

    def completed(self) -> None:
        """What is still to do where the instruction has completed."""

    def _goes(self, how: int, goes: Value, left: Value) -> None:
        b = self.body
        if self._can_ask:
            b.branch(b.get(0, self.may), "then")
            b.branch(b.compare("eq", 64, b.read(self.layout.header["check"]), "0"), "then")
            b.otherwise()
            b.stop(Status.CHECK, goes, left)
            b.join()
            b.join()
        b.branch(b.compare("eq", 64, left, "0"), "then")
        b.stop(Status.SPENT, goes, left)
        b.join()
        if how == LINKED:
            b.link(goes, left)
        elif how == JUMPS:
            b.jump(goes, left)
            b.stop(Status.MISSED, goes, left)
        else:
            b.follow(goes, left)

    def filled(self, body: Body, held: Fields) -> None:
        """The body that fills the fields of a record, and then runs it as this one."""
        code = Code(self.plan, body, False, self.wanted)
        self._begun(body, code)
        for (term, leaf, written), (offset, width) in held.held.items():
            value = code.value(term)
            if leaf:
                value = body.resize("trunc", 64, width, code.cell(leaf, code.whole(term.width, value), written))
            body.put_field(offset, width, value)
        body.put_field(self.layout.link, 64, body.constant(64, 0))
        body.become(self.body.name)


@dataclass(frozen=True, slots=True)
class Outlined:
    """A native function that does what one of the specification mostly does; `left` says that it may fail, and `acts` that it changes something."""

    name: str
    left: bool
    acts: bool


Outliner = Callable[[str], Outlined | None]
"""Of a function of the specification, if there is one."""


class Quick(Code):
    """Writes what is mostly done, where nothing asks the host: every other path is left before it has changed anything."""

    outlined: Outliner
    left = changed = False

    @abstractmethod
    def leave(self) -> None:
        """Begin anew in code that can do all."""

    def kind(self, name: str, steady: tuple[Term | None, ...]) -> tuple[int, tuple[Term | None, ...]] | None:
        return self.filled_kind(name, steady)

    def gave_up(self) -> bool:
        if self.changed:
            raise Unsupported
        self.left = True
        self.leave()
        return True

    def acted(self) -> None:
        self.changed = True

    def native(self, name: str, args: Sequence[tuple[int, Value]], results: Sequence[int], of: str = "") -> list[Value]:
        b, quick = self.b, self.outlined(of) if of else None
        if quick is None:
            return super().native(name, args, results, of)
        failed, *found = b.call(quick.name, args, results)
        if quick.left:
            b.branch(failed, "then")
            self.gave_up()
            b.join()
        if quick.acts:
            self.acted()
        self.memo = {}
        return found

    def _chosen(self, site: str, width: int) -> Value:
        """0: an instruction that chooses anything else is done by other code."""
        return self.b.constant(width, 0)

    def _either(self, then: Block, orelse: Block) -> None:
        before = self.changed
        self._block(then)
        after, self.changed = self.changed, before
        self.b.otherwise()
        self._block(orelse)
        self.changed |= after


class QuickFunction(Quick):
    """Writes a function that instructions call for what they mostly do. It knows neither PC nor what decides on the next instruction."""

    def __init__(self, plan: Plan, body: Body, wanted: Wanted, outlined: Outliner) -> None:
        super().__init__(plan, body, False, wanted)
        self.outlined, self.heaviest = outlined, OUTLINED

    def leave(self) -> None:
        self.b.fail()

    def now(self) -> Value:
        return ""

    def _watch(self, leaf: str) -> None:
        if leaf in self.plan.watched or leaf in self.plan.context:
            raise Unsupported


class QuickCode(Quick, InstructionCode):
    """Writes what an instruction mostly does."""

    def __init__(self, plan: Plan, body: Body, instruction: Instruction, means: Means, held: Fields) -> None:
        InstructionCode.__init__(self, plan, body, instruction, means.wanted, held)
        self.outlined, self.heaviest = means.outlined, QUICK
        if not self.here:
            raise Unsupported
        if self.effects.free:
            self._zeros()
        self._held = {leaf: (place.width, body.variable(place.width)) for leaf, place in self._late().items()}
        for leaf, (width, variable) in self._held.items():
            body.put(width, variable, body.read(self.layout.scalars[leaf]))

    def _zeros(self) -> None:
        b = self.b
        b.branch(b.compare("eq", 64, b.read(self.layout.header["zeros"]), self.number(0)), "then")
        self.gave_up()
        b.join()

    def _late(self) -> dict[str, Place]:
        """The leaves that are set at the end, so that until then every path may be left."""
        plan, scalars = self.plan, self.layout.scalars
        now = {*plan.watched, *plan.context, *plan.ports, *plan.outside, self.pc.name}
        return {leaf: scalars[leaf] for leaf in sorted(self.effects.writes) if leaf in scalars and leaf not in now}

    def _set_leaf(self, leaf: str, width: int, value: Value) -> None:
        if leaf in self._held:
            self.b.put(*self._held[leaf], value)
        else:
            super()._set_leaf(leaf, width, value)

    def _variable(self, term: Term) -> Value:
        held = self._held.get(term.name.text) if term.name.space == STATE else None
        return super()._variable(term) if held is None else self.b.get(*held)

    def native(self, name: str, args: Sequence[tuple[int, Value]], results: Sequence[int], of: str = "") -> list[Value]:
        if of:
            effects = self.plan.facts.function(of)
            if not self._held.keys().isdisjoint(effects.reads | effects.writes):
                raise Unsupported
        return super().native(name, args, results, of)

    def completed(self) -> None:
        for leaf, held in self._held.items():
            self.b.write(self.layout.scalars[leaf], self.b.get(*held))

    def leave(self) -> None:
        self.body.slowly()


@dataclass(frozen=True, slots=True)
class Means:
    """The native functions that there are: of any function of the specification, and of what one mostly does."""

    wanted: Wanted
    outlined: Outliner


def record(instruction: Instruction, end: int) -> Fields:
    """The fields of an instruction's record, which end at a byte."""
    return Fields(OPERANDS + fields(b.width for b in instruction.operands.values())[1], end)


def signed64(value: int) -> int:
    """A number as the text of a constant of 64 bits may be written."""
    return value - (1 << 64) if value >> 63 else value
