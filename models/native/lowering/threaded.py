"""Tier 0: a threaded interpreter made of a whole specification, each instruction a function that goes on with the next one's record.

A record is what was decoded: the handler's address, the length, the operands. Records of instructions that stand one behind the other lie so
too; an address is looked up in a table of records after a jump.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pgcheck.isa.machine.machine import Instruction
from pgcheck.isa.terms.ir import Block, Function
from pgcheck.models.native.lowering.accesses import load_name
from pgcheck.models.native.lowering.code import Code, store_name
from pgcheck.models.native.lowering.fields import Fields
from pgcheck.models.native.lowering.instruction import (
    InstructionCode,
    Means,
    Outlined,
    QuickCode,
    QuickFunction,
    record,
)
from pgcheck.models.native.lowering.llvm import Body, Kind
from pgcheck.models.native.lowering.plan import Plan, Status, Unsupported
from pgcheck.models.native.lowering.text import module
from pgcheck.models.native.lowering.values import Frame
from pgcheck.models.native.lowering.walking import FORGET, LINES, miss_name

MOST_TEXT: Final = 1 << 25
"""Of an interpreter: more takes the back end minutes."""
RARE: Final = re.compile(r"(sh|h|f)\d+")
"""The names of what is not made fast: whole instructions, what only they call, and what fills records."""
MOST_OUTLINED: Final = 1200
"""Lines of a function that does what another mostly does: what is longer is not done often."""
UNFILLED: Final = "unfilled"
SEEK: Final = "seek"
OUTSIDE: Final = "outside"
EMPTIED: Final = "emptied"
"""What the host calls to have the soft TLB forget all."""


@dataclass(frozen=True, slots=True)
class Written:
    """The two texts of an interpreter, what runs often and the rest, the handlers in the order of its table, and the exits by their numbers.

    `left_out` are the instructions that have no code: the host runs them.
    """

    texts: tuple[str, str]
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
        self._quickly: dict[str, Outlined | None] = {}

    def written(self) -> Written:
        """The whole interpreter. Raises Unsupported where what every step needs cannot be made."""
        handlers = [UNFILLED, SEEK, OUTSIDE]
        self._stops()
        unit = self.machine.state.memory_unit
        for count in self.layout.limits:
            self._native(store_name(count), (64, count * unit), (), partial(Code.slow_store, count=count))
            self._native(load_name(count), (64,), (count * unit,), partial(Code.slow_load, count=count))
        self._native(FORGET, (), (), Code.forget)
        self._native(LINES, (), (), Code.lines)
        for walk in self.plan.walks.values():
            function = self.machine.code.functions[walk.function]
            widths = (*(w for _, w in function.parameters), 64, 64)
            name = miss_name(self.plan, walk.function)
            self._here = name
            tracked = self._wanted(walk.function, True)
            self._native(name, widths, function.results, partial(Code.miss, found=walk, tracked=tracked))
        code = self.machine.code
        for name in (code.fetch, *self._asked(), *code.exits, *self._others()):
            self._export(name, tracked=name == code.fetch)
        instructions = (*self.machine.instructions, code.undefined)
        for i, instruction in enumerate(instructions):
            self._whole(f"sh{i}", instruction)
        self._functions()  # what fills the soft TLB comes first: what only looks there has to look for the same
        handlers += [self._handler(i, instruction) for i, instruction in enumerate(instructions)]
        self._functions()
        lost = self._lost()
        needed = [self._export_name(n) for n in (code.fetch, *self._asked(), *code.exits)]
        if lost & {*needed}:
            raise Unsupported
        left_out = tuple(x.id for x, h in zip(instructions, handlers[3:], strict=True) if h in lost)
        table = [OUTSIDE if h in lost else h for h in handlers]
        texts = {n: t for n, t in self.texts.items() if n not in lost}
        if sum(map(len, texts.values())) > MOST_TEXT:
            raise Unsupported
        entries = ", ".join(f"ptr @{h}" for h in table)
        asked = self._reached([n for n in texts if n.startswith("x")])
        rare = {n: t for n, t in texts.items() if RARE.fullmatch(n) and n not in asked}
        often = {n: t for n, t in texts.items() if n not in rare}
        made = module([*often.values(), f"@handlers = constant [{len(table)} x ptr] [{entries}]\n"], rare)
        return Written((made, module([*rare.values()], often)), tuple(table), tuple(self.plan.exits), left_out)

    def _body(self, kind: Kind, name: str, parameters: Sequence[int] = (), results: Sequence[int] = ()) -> Body:
        return Body(self.layout, kind, name, parameters, results, "hidden")

    def _native(
        self, name: str, parameters: Sequence[int], results: Sequence[int], write: Callable[[Code], None]
    ) -> None:
        body = self._body("function", name, parameters, results)
        write(Code(self.plan, body, False, self._wanted))
        self.texts[name] = body.text

    def _asked(self) -> tuple[str, ...]:
        rule = self.machine.code.interrupt
        return () if rule is None else tuple(filter(None, (rule.pending, rule.waiting)))

    def _others(self) -> tuple[str, ...]:
        """What else is called from outside: translation, lookups of tables, firmware, the delivery of an interrupt."""
        code, above = self.machine.code, self.machine.platform.firmware
        names = ["" if code.translation is None else code.translation.function, *code.tables]
        names.append("" if above is None else above.call)
        names.append("" if code.interrupt is None else code.interrupt.deliver)
        known = {code.fetch, *self._asked(), *code.exits, ""}
        return tuple(dict.fromkeys(name for name in names if name not in known))

    # ---- functions

    def _wanted(self, name: str, tracked: bool) -> str:
        made = f"{'g' if tracked else 'f'}{self.plan.functions[name]}"
        self._calls.setdefault(self._here, set()).add(made)
        if made not in self.texts and (name, tracked) not in self._todo:
            self._todo.append((name, tracked))
        return made

    def _outlined(self, name: str) -> Outlined | None:
        """What a function mostly does as a function; None where that would do nothing, or cannot be written."""
        made = outlined_name(self.plan.functions[name])
        if made not in self._quickly:
            self._quickly[made] = None  # one that calls itself is not
            here, self._here = self._here, made
            self._quickly[made] = self._quick_function(made, self.machine.code.functions[name])
            self._here = here
        found = self._quickly[made]
        if found is not None:
            self._calls.setdefault(self._here, set()).add(made)
        return found

    def _quick_function(self, made: str, function: Function) -> Outlined | None:
        effects = self.plan.facts.function(function.name)
        if effects.moves or self.machine.state.pc in effects.reads:
            return None
        body, code = self._defined("function", made, function)
        quick = QuickFunction(self.plan, body, self._wanted, self._outlined)
        quick.frame = code
        try:
            quick.run(function.body, function.results)
        except (Unsupported, RecursionError):
            return None
        if "{i1 false" not in body.text or body.text.count("\n") > MOST_OUTLINED:
            return None
        self.texts[made] = body.text
        return Outlined(made, quick.left, quick.changed)

    def _defined(self, kind: Kind, name: str, function: Function) -> tuple[Body, Frame]:
        """A body with the parameters of a function as its locals."""
        body, frame = self._body(kind, name, [w for _, w in function.parameters], function.results), Frame()
        for i, (parameter, width) in enumerate(function.parameters):
            frame.variables[parameter] = width, body.variable(width)
            body.put(width, frame.variables[parameter][1], f"%p{i}")
        return body, frame

    def _functions(self) -> None:
        while self._todo:
            name, tracked = self._todo.pop()
            made = f"{'g' if tracked else 'f'}{self.plan.functions[name]}"
            if made not in self.texts:
                function = self.machine.code.functions[name]
                body, frame = self._defined("function", made, function)
                code = Code(self.plan, body, tracked, self._wanted)
                code.frame = frame
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

    def _reached(self, names: Sequence[str]) -> set[str]:
        """Functions with all that they call."""
        found, waiting = set[str](), [*names]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._calls.get(name, ())
        return found

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

    def _handler(self, number: int, instruction: Instruction) -> str:
        """Write what an instruction mostly does; what its records run at first."""
        first, slow, held = f"h{number}", f"sh{number}", record(instruction, self.layout.link)
        quick = self._quick(f"rh{number}", slow, instruction, held)
        if quick is None:
            return slow
        self._calls.setdefault(first, set()).update((slow, quick.body.name) if quick.left else (quick.body.name,))
        body = self._body("handler", first)
        quick.filled(body, held)
        self.texts[first] = body.text
        if not quick.left:
            del self.texts[slow]
        return first

    def _whole(self, name: str, instruction: Instruction) -> None:
        body = self._body("handler", name)
        code = InstructionCode(self.plan, body, instruction, self._wanted, None)
        self._write(body, code, instruction.body, ())
        code.ended()
        self.texts[name] = body.text

    def _quick(self, name: str, slow: str, instruction: Instruction, held: Fields) -> QuickCode | None:
        """What an instruction mostly does; None where that cannot be written without calls."""
        body = self._body("handler", name)
        self._here = name
        try:
            code = QuickCode(self.plan, body, instruction, Means(self._wanted, self._outlined), held)
            code.run(instruction.body, ())
        except (Unsupported, RecursionError):
            return None
        if "br label %done" not in body.text:
            return None
        code.ended(slow if code.left else "")
        self.texts[name] = body.text
        return code

    def _stops(self) -> None:
        """What leaves for the host, and the handlers of records that hold no instruction."""
        for status in Status:
            body = self._body("handler", f"stop{int(status)}")
            body.stopped(status, self.pc)
            self.texts[body.name] = body.text
        body = self._body("handler", "link")
        body.jump("%pc", "%left", linked=True)
        body.stop(Status.MISSED, "%pc", "%left")
        self.texts[body.name] = body.text
        for name, status in ((UNFILLED, Status.UNFILLED), (OUTSIDE, Status.OUTSIDE), (SEEK, Status.MISSED)):
            body = self._body("handler", name)
            if name == SEEK:
                body.jump("%pc", "%left")
            body.stop(status, "%pc", "%left")
            self.texts[name] = body.text
        body = self._body("export", EMPTIED)
        body.call(FORGET, (), ())
        body.finish()
        self.texts[body.name] = body.text
        body = self._body("export", "enter")
        body.entered(self.pc)
        self.texts["enter"] = body.text


def exported(plan: Plan, name: str) -> str:
    """The native function that the host calls for a function of the specification."""
    return f"x{plan.functions[name]}"


def outlined_name(number: int) -> str:
    """The native function that does what a function of the specification mostly does."""
    return f"q{number}"
