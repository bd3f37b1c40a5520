"""Tier 0: a threaded interpreter made of a whole specification, each instruction a function that goes on with the next one's record.

A record is what was decoded: the handler's address, the length, the operands. Records of instructions that stand one behind the other lie so
too; an address is looked up in a table of records after a jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pgcheck.isa.machine.machine import Instruction
from pgcheck.isa.terms import Name, mask
from pgcheck.isa.terms.ir import Block
from pgcheck.isa.terms.names import OPERAND
from pgcheck.models.native.code import Code, store_name
from pgcheck.models.native.layout import fields
from pgcheck.models.native.llvm import Body, Kind, module
from pgcheck.models.native.plan import Plan, Status, Unsupported

OPERANDS: Final = 16
"""Where the operands begin in a record; the handler is at 0, the length at 8."""
UNFILLED: Final = "unfilled"
SEEK: Final = "seek"
OUTSIDE: Final = "outside"


@dataclass(frozen=True, slots=True)
class Written:
    """The text of an interpreter, the handlers in the order of its table, and the exits by their numbers.

    `left_out` are the instructions that have no code: the host runs them.
    """

    text: str
    handlers: tuple[str, ...]
    exits: tuple[tuple[str, str, tuple[int, ...]], ...]
    left_out: tuple[str, ...]


class Writer:
    """Writes the interpreter of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.machine, self.layout = plan, plan.machine, plan.layout
        self.pc = self.layout.scalars[self.machine.state.pc]
        self.texts: dict[str, str] = {}
        self._todo: list[tuple[str, bool]] = []
        self._broken: set[str] = set()
        self._calls: dict[str, set[str]] = {}
        self._here = ""

    def written(self) -> Written:
        """The whole interpreter. Raises Unsupported where what every step needs cannot be made."""
        handlers = [UNFILLED, SEEK, OUTSIDE]
        self._stops()
        for count in self.layout.limits:
            body = self._body("function", store_name(count), (64, count * self.machine.state.memory_unit))
            Code(self.plan, body, False, self._wanted).slow_store(count)
            self.texts[body.name] = body.text
        code = self.machine.code
        for name in (code.fetch, *self._asked(), *code.exits):
            self._export(name, tracked=name == code.fetch)
        for i, instruction in enumerate((*self.machine.instructions, code.undefined)):
            self._handler(f"h{i}", instruction)
            handlers.append(f"h{i}")
        self._functions()
        lost = self._lost()
        needed = [self._export_name(n) for n in (code.fetch, *self._asked(), *code.exits)]
        if lost & {*needed}:
            raise Unsupported
        instructions = (*self.machine.instructions, code.undefined)
        left_out = tuple(x.id for i, x in enumerate(instructions) if f"h{i}" in lost)
        table = [OUTSIDE if h in lost else h for h in handlers]
        texts = [t for n, t in self.texts.items() if n not in lost]
        entries = ", ".join(f"ptr @{h}" for h in table)
        texts.append(f"@handlers = constant [{len(table)} x ptr] [{entries}]\n")
        return Written(module(texts), tuple(table), tuple(self.plan.exits), left_out)

    def _body(self, kind: Kind, name: str, parameters: Sequence[int] = (), results: Sequence[int] = ()) -> Body:
        return Body(self.layout, kind, name, parameters, results)

    def _asked(self) -> tuple[str, ...]:
        rule = self.machine.code.interrupt
        return () if rule is None else tuple(filter(None, (rule.pending, rule.waiting)))

    # ---- functions

    def _wanted(self, name: str, tracked: bool) -> str:
        made = f"{'g' if tracked else 'f'}{self.plan.functions[name]}"
        self._calls.setdefault(self._here, set()).add(made)
        if made not in self.texts and (name, tracked) not in self._todo:
            self._todo.append((name, tracked))
        return made

    def _functions(self) -> None:
        while self._todo:
            name, tracked = self._todo.pop()
            made = f"{'g' if tracked else 'f'}{self.plan.functions[name]}"
            if made not in self.texts:
                function = self.machine.code.functions[name]
                widths = [w for _, w in function.parameters]
                body = self._body("function", made, widths, function.results)
                code = Code(self.plan, body, tracked, self._wanted)
                for i, (parameter, width) in enumerate(function.parameters):
                    code.variables[parameter] = width, body.variable(width)
                    body.put(width, code.variables[parameter][1], f"%p{i}")
                self._write(body, code, function.body, function.results)

    def _write(self, body: Body, code: Code, block: Block, results: Sequence[int]) -> None:
        self._here = body.name
        try:
            code.run(block, results)
        except (Unsupported, RecursionError):
            self._broken.add(body.name)
        self.texts[body.name] = body.text

    def _lost(self) -> set[str]:
        """What has no code, because something in it or in what it calls has none."""
        lost = set(self._broken)
        while True:
            more = {n for n, called in self._calls.items() if called & lost} - lost
            if not more:
                return lost
            lost |= more

    def _export_name(self, name: str) -> str:
        return exported(self.plan, name)

    def _export(self, name: str, tracked: bool) -> None:
        """A function for the host: arguments and results in their places."""
        function = self.machine.code.functions[name]
        body = self._body("export", self._export_name(name))
        self._here = body.name
        header = self.layout.header
        body.write(header["fresh"], "1")
        places = zip(function.parameters, self.layout.arguments, strict=False)
        args = [(width, body.read(replace(place, width=width))) for (_, width), place in places]
        failed, *found = body.call(self._wanted(name, tracked), args, function.results)
        body.branch(failed, "then")
        body.fail()
        body.join()
        body.finish(list(zip(function.results, found, strict=True)))
        self.texts[body.name] = body.text

    # ---- instructions

    def _handler(self, name: str, instruction: Instruction) -> None:
        plan, layout, body = self.plan, self.layout, self._body("handler", name)
        code = Code(plan, body, False, self._wanted)
        pc = plan.machine.state.leaves[plan.machine.state.pc]
        offsets, _ = fields(b.width for b in instruction.operands.values())
        code.names = {
            Name(OPERAND, n): body.field(OPERANDS + offset, b.width)
            for (n, b), offset in zip(instruction.operands.items(), offsets, strict=True)
        }
        code.length = body.resize("zext", 32, 64, body.field(8, 32))
        code.encoding = instruction.encoding_term
        following = body.op("and", 64, body.op("add", 64, "%pc", code.length), str(signed64(mask(pc.width))))
        effects = plan.facts.block(instruction.body)
        if effects.moves:
            body.write(layout.header["next"], following)
        here = body.resize("trunc", 64, pc.width, "%pc")
        code.here = "" if pc.name in effects.writes else here
        if plan.checks(instruction.body) or effects.free or not code.here or plan.called(instruction.body, pc.name):
            body.write(self.pc, here)
            body.write(layout.header["left"], "%left")
            body.write(layout.header["fresh"], "1")
        self._write(body, code, instruction.body, ())
        body.begin("done")
        left = body.op("sub", 64, "%left", "1")
        goes = body.read(layout.header["next"]) if effects.moves else following
        if plan.checks(instruction.body):
            changed = body.compare("eq", 64, body.read(layout.header["check"]), "0")
            body.branch(changed, "then")
            body.otherwise()
            body.stop(Status.CHECK, goes, left)
            body.join()
        body.branch(body.compare("sle", 64, left, "0"), "then")
        body.stop(Status.SPENT, goes, left)
        body.join()
        if effects.moves:
            body.branch(body.compare("eq", 64, goes, following))
            body.follow(goes, left)
            body.join()
            body.jump(goes, left)
            body.stop(Status.MISSED, goes, left)
        else:
            body.follow(goes, left)
        body.begin("failed")
        body.stop(Status.EXIT, "%pc", "%left")
        self.texts[name] = body.text

    def _stops(self) -> None:
        """What leaves for the host, and the handlers of records that hold no instruction."""
        for status in Status:
            body = self._body("handler", f"stop{int(status)}")
            body.stopped(status, self.pc)
            self.texts[body.name] = body.text
        for name, status in ((UNFILLED, Status.UNFILLED), (OUTSIDE, Status.OUTSIDE), (SEEK, Status.MISSED)):
            body = self._body("handler", name)
            if name == SEEK:
                body.jump("%pc", "%left")
            body.stop(status, "%pc", "%left")
            self.texts[name] = body.text
        body = self._body("export", "enter")
        body.entered(self.pc)
        self.texts["enter"] = body.text


def signed64(value: int) -> int:
    """A number as the text of a constant of 64 bits may be written."""
    return value - (1 << 64) if value >> 63 else value


def exported(plan: Plan, name: str) -> str:
    """The native function that the host calls for a function of the specification."""
    return f"x{plan.functions[name]}"
