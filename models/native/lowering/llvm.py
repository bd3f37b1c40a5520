"""The builder's LLVM emitter: one function as text of LLVM's language. What it makes is given to LLVM by `linking.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pgcheck.models.native.lowering.builder import Resize, Value
from pgcheck.models.native.lowering.layout import HASHED, Layout, Place, Region, field_size
from pgcheck.models.native.lowering.plan import Unsupported
from pgcheck.models.native.lowering.text import LONG, returned, typed

Kind = Literal["function", "export", "handler"]
HANDLER: Final = "(ptr %st, ptr %rec, i64 %pc, i64 %left)"
CONVENTION: Final = "preserve_nonecc"
"""How handlers call each other: their arguments are in registers that a call keeps, and they save none."""
_CONDITIONS: Final = {"eq": "eq", "ult": "ult", "ule": "ule", "slt": "slt", "sle": "sle"}
_WEIGHTS: Final = {"": "", "then": ", !prof !1", "else": ", !prof !0"}
MOST_LINES: Final = 1 << 15
"""Of a function: several times as many as any of a shipped specification has."""


@dataclass(slots=True)
class _Scope:
    """A body within another: where its results are left, and whether its end is reached."""

    label: str
    results: tuple[tuple[int, Value], ...]
    joined: bool = False


@dataclass(slots=True)
class _Fork:
    """A branch that is being written; `joined`: its end is reached from somewhere. One that is itself never reached has no labels."""

    orelse: str
    end: str
    joined: bool = False
    turned: bool = False


class Body:
    """A function of LLVM's, as `Builder` describes it."""

    def __init__(
        self,
        layout: Layout,
        kind: Kind,
        name: str,
        parameters: Sequence[int],
        results: Sequence[int],
        linkage: Literal["internal", "hidden"] = "internal",
    ) -> None:
        self.layout, self.kind, self.name = layout, kind, name
        self.parameters, self.results = tuple(parameters), tuple(results)
        self.linkage = linkage
        self._entry: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        self._open, self._told = True, False
        self._forks: list[_Fork] = []
        self._scopes: list[_Scope] = []

    @property
    def text(self) -> str:
        """The definition."""
        if self.kind == "function":
            given = ", ".join(["ptr %st", *(f"{typed(w)} %p{i}" for i, w in enumerate(self.parameters))])
            head = f"define {self.linkage} fastcc {returned(self.results)} @{self.name}({given}) nounwind"
        elif self.kind == "export":
            head = f"define i32 @{self.name}(ptr %st) nounwind"
        else:
            head = f"define {self.linkage} {CONVENTION} void @{self.name}{HANDLER} nounwind"
        body = "\n".join([*self._entry, "  br label %start", "start:", *self._lines])
        return f"{head} {{\n{body}\n}}\n"

    # ---- writing

    def _name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _emit(self, line: str) -> None:
        if self._open:
            self._lines.append(f"  {line}")
            if len(self._lines) > MOST_LINES and not self._told:
                self._told = True
                raise Unsupported

    def _value(self, text: str) -> Value:
        name = self._name()
        self._emit(f"{name} = {text}")
        return name

    def _begin(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self._open = True

    def _end(self, line: str) -> None:
        self._emit(line)
        self._open = False

    # ---- values

    def constant(self, width: int, value: int) -> Value:
        return str(value) if width else ("true" if value else "false")

    def op(self, op: str, width: int, a: Value, b: Value) -> Value:
        if op in ("udiv", "urem", "sdiv", "srem") and width > LONG:
            return self._divided(op, width, a, b)
        return self._value(f"{op} {typed(width)} {a}, {b}")

    def _divided(self, op: str, width: int, a: Value, b: Value) -> Value:
        """A division of many bits: of magnitudes, where there are signs."""
        whole, negative = f"{{{typed(width)}, {typed(width)}}}", "false"
        if op.startswith("s"):
            signs = [self.compare("slt", width, v, "0") for v in (a, b)]
            negative = self.op("xor", 0, *signs) if op == "sdiv" else signs[0]
            a, b = (self._negated(width, sign, v) for sign, v in zip(signs, (a, b), strict=True))
        found = self._value(f"call {whole} @divide{width}({typed(width)} {a}, {typed(width)} {b})")
        result = self._value(f"extractvalue {whole} {found}, {int(op.endswith('rem'))}")
        return self._negated(width, negative, result)

    def _negated(self, width: int, guard: Value, a: Value) -> Value:
        return self.select(width, guard, self.op("sub", width, "0", a), a)

    def compare(self, op: str, width: int, a: Value, b: Value) -> Value:
        return self._value(f"icmp {_CONDITIONS[op]} {typed(width)} {a}, {b}")

    def resize(self, how: Resize, width: int, to: int, a: Value) -> Value:
        if typed(width) == typed(to):
            return a
        return self._value(f"{how} {typed(width)} {a} to {typed(to)}")

    def reversed(self, width: int, a: Value) -> Value:
        return self._value(f"call {typed(width)} @llvm.bswap.{typed(width)}({typed(width)} {a})")

    def select(self, width: int, guard: Value, a: Value, b: Value) -> Value:
        return self._value(f"select i1 {guard}, {typed(width)} {a}, {typed(width)} {b}")

    # ---- variables and control

    def variable(self, width: int) -> Value:
        name = self._name()
        self._entry.append(f"  {name} = alloca {typed(width)}")
        return name

    def get(self, width: int, variable: Value) -> Value:
        return self._value(f"load {typed(width)}, ptr {variable}")

    def put(self, width: int, variable: Value, value: Value) -> None:
        self._emit(f"store {typed(width)} {value}, ptr {variable}")

    def branch(self, guard: Value, rare: Literal["", "then", "else"] = "") -> None:
        if not self._open:
            self._forks.append(_Fork("", ""))
            return
        self._count += 1
        then, fork = f"t{self._count}", _Fork(f"e{self._count}", f"j{self._count}")
        self._end(f"br i1 {guard}, label %{then}, label %{fork.orelse}{_WEIGHTS[rare]}")
        self._forks.append(fork)
        self._begin(then)

    def otherwise(self) -> None:
        fork = self._forks[-1]
        fork.turned = True
        if fork.end:
            self._leave(fork)
            self._begin(fork.orelse)

    def join(self) -> None:
        if not self._forks[-1].turned:
            self.otherwise()
        fork = self._forks.pop()
        if fork.end:
            self._leave(fork)
            if fork.joined:
                self._begin(fork.end)

    def _leave(self, fork: _Fork) -> None:
        fork.joined |= self._open
        self._end(f"br label %{fork.end}")

    def loop(self) -> str:
        self._count += 1
        label = f"l{self._count}"
        self._end(f"br label %{label}")
        self._begin(label)
        return label

    def again(self, label: str, guard: Value) -> None:
        self._count += 1
        self._end(f"br i1 {guard}, label %{label}, label %o{self._count}")
        self._begin(f"o{self._count}")

    def inline(self, results: Sequence[int]) -> None:
        self._count += 1
        self._scopes.append(_Scope(f"s{self._count}", tuple((w, self.variable(w)) for w in results)))

    def close(self) -> list[Value]:
        scope = self._scopes.pop()
        if scope.joined:
            self._begin(scope.label)
        return [self.get(width, variable) for width, variable in scope.results]

    def finish(self, values: Sequence[tuple[int, Value]] = ()) -> None:
        if self._scopes:
            scope = self._scopes[-1]
            for (width, variable), (_, value) in zip(scope.results, values, strict=True):
                self.put(width, variable, value)
            scope.joined |= self._open
            self._end(f"br label %{scope.label}")
            return
        if self.kind == "handler":
            self._end("br label %done")
            return
        if self.kind == "export":
            at = 0
            for width, value in values:
                self.write(Place(self.layout.value.at + at, width), value)
                at += Place(0, width).bits // 8
            self._end("ret i32 0")
            return
        whole, last = returned(self.results), "{i1 false" + "".join(f", {typed(w)} undef" for w in self.results) + "}"
        for i, (width, value) in enumerate(values):
            last = self._value(f"insertvalue {whole} {last}, {typed(width)} {value}, {i + 1}")
        self._end(f"ret {whole} {last}")

    def fail(self) -> None:
        if self.kind == "handler":
            self._end("br label %failed")
        elif self.kind == "export":
            self._end("ret i32 1")
        else:
            undefined = "".join(f", {typed(w)} undef" for w in self.results)
            self._end(f"ret {returned(self.results)} {{i1 true{undefined}}}")

    def begin(self, label: Literal["done", "failed", "slow"]) -> None:
        """What a handler does after `finish`, after `fail`, or after `slowly`."""
        self._begin(label)

    def call(self, name: str, args: Sequence[tuple[int, Value]], results: Sequence[int]) -> list[Value]:
        given = ", ".join(["ptr %st", *(f"{typed(w)} {v}" for w, v in args)])
        whole = returned(results)
        found = self._value(f"call fastcc {whole} @{name}({given})")
        return [self._value(f"extractvalue {whole} {found}, {i}") for i in range(len(results) + 1)]

    # ---- how an instruction ends

    def follow(self, pc: Value, left: Value) -> None:
        record = self._value(f"getelementptr i8, ptr %rec, i64 {self.layout.record}")
        self._go(record, pc, left)

    def _go(self, record: Value, pc: Value, left: Value) -> None:
        self._tail(self._value(f"load ptr, ptr {record}, align 8"), record, pc, left)

    def _tail(self, handler: str, record: Value, pc: Value, left: Value) -> None:
        self._emit(f"musttail call {CONVENTION} void {handler}(ptr %st, ptr {record}, i64 {pc}, i64 {left})")
        self._end("ret void")

    def become(self, handler: str) -> None:
        """Have the record run a handler from now on."""
        self._emit(f"store ptr @{handler}, ptr %rec, align 8")
        self.tail(handler)

    def tail(self, handler: str) -> None:
        """Run the instruction by another handler."""
        self._tail(f"@{handler}", "%rec", "%pc", "%left")

    def slowly(self) -> None:
        self._end("br label %slow")

    def link(self, pc: Value, left: Value) -> None:
        record = self._value(f"load ptr, ptr {self._at(self.layout.link, '%rec')}, align 8")
        self.branch(self._value(f"icmp eq ptr {record}, null"), "then")
        self._tail("@link", "%rec", pc, left)
        self.join()
        self._go(record, pc, left)

    def jump(self, pc: Value, left: Value, linked: bool = False) -> None:
        index = self.op("lshr", 64, pc, str(self.layout.pc_shift))
        index = self.op("and", 64, index, str((1 << HASHED) - 1))
        place = self.op("add", 64, self.op("shl", 64, index, "4"), self.read(self.layout.header["hash"]))
        entry = self._value(f"getelementptr i8, ptr %st, i64 {place}")
        tag = self._value(f"load i64, ptr {entry}, align 8")
        self.branch(self.compare("eq", 64, tag, pc), "else")
        second = self._value(f"getelementptr i8, ptr {entry}, i64 8")
        offset = self._value(f"load i64, ptr {second}, align 8")
        record = self._value(f"getelementptr i8, ptr %st, i64 {offset}")
        if linked:
            self._emit(f"store ptr {record}, ptr {self._at(self.layout.link, '%rec')}, align 8")
        self._go(record, pc, left)
        self.join()

    def stop(self, status: int, pc: Value, left: Value) -> None:
        self._tail(f"@stop{status}", "%rec", pc, left)

    def stopped(self, status: int, pc: Place) -> None:
        """The body of what `stop` goes to."""
        base, here = self._value("ptrtoint ptr %st to i64"), self._value("ptrtoint ptr %rec to i64")
        header = self.layout.header
        self.write(header["record"], self.op("sub", 64, here, base))
        self.write(header["left"], "%left")
        self.write(header["status"], str(status))
        self.write(pc, self.resize("trunc", 64, pc.width, "%pc"))
        self._end("ret void")

    def entered(self, pc: Place) -> None:
        """The body that begins with the record `record` of the header."""
        at = self.read(self.layout.header["record"])
        record = self._value(f"getelementptr i8, ptr %st, i64 {at}")
        handler = self._value(f"load ptr, ptr {record}, align 8")
        here = self.resize("zext", pc.width, 64, self.read(pc))
        left = self.read(self.layout.header["left"])
        self._emit(f"call {CONVENTION} void {handler}(ptr %st, ptr {record}, i64 {here}, i64 {left})")
        self._end("ret i32 0")

    # ---- memory

    def _at(self, offset: int, base: str = "%st") -> Value:
        return self._value(f"getelementptr i8, ptr {base}, i64 {offset}")

    def read(self, place: Place) -> Value:
        found = self._value(f"load {typed(place.bits)}, ptr {self._at(place.at)}, align 8")
        return self.resize("trunc", place.bits, place.width or 1, found)

    def write(self, place: Place, value: Value) -> None:
        whole = self.resize("zext", place.width or 1, place.bits, value)
        self._emit(f"store {typed(place.bits)} {whole}, ptr {self._at(place.at)}, align 8")

    def _cell(self, region: Region, index: Value) -> Value:
        inside = self.op("and", 64, index, str((1 << region.bits) - 1))
        offset = self.op("mul", 64, inside, str(region.size))
        return self._value(f"getelementptr i8, ptr {self._at(region.at)}, i64 {offset}")

    def _ram(self, index: Value) -> Value:
        """A cell of RAM, which lies elsewhere."""
        inside = self.op("and", 64, index, self.read(self.layout.header["ram_mask"]))
        offset = self.op("mul", 64, inside, str(self.layout.ram.size))
        return self._value(
            f"getelementptr i8, ptr %st, i64 {self.op('add', 64, offset, self.read(self.layout.header['ram']))}"
        )

    def element(self, region: Region, index: Value) -> Value:
        cell = self._cell(region, index)
        found = self._value(f"load {typed(8 * region.size)}, ptr {cell}, align {min(region.size, 8)}")
        return self.resize("trunc", 8 * region.size, region.width or 1, found)

    def put_element(self, region: Region, index: Value, value: Value) -> None:
        cell = self._cell(region, index)
        whole = self.resize("zext", region.width or 1, 8 * region.size, value)
        self._emit(f"store {typed(8 * region.size)} {whole}, ptr {cell}, align {min(region.size, 8)}")

    def physical(self, index: Value, width: int) -> Value:
        ram = self.layout.ram
        cell = self._ram(index)
        kept = width if ram.size == 1 else 8 * ram.size
        return self.resize("trunc", kept, width, self._value(f"load {typed(kept)}, ptr {cell}, align 1"))

    def put_physical(self, index: Value, width: int, value: Value) -> None:
        ram = self.layout.ram
        cell = self._ram(index)
        kept = width if ram.size == 1 else 8 * ram.size
        whole = self.resize("zext", width, kept, value)
        self._emit(f"store {typed(kept)} {whole}, ptr {cell}, align 1")

    def field(self, offset: int, width: int) -> Value:
        kept = 8 * field_size(width or 1)
        found = self._value(f"load {typed(kept)}, ptr {self._at(offset, '%rec')}, align 1")
        return self.resize("trunc", kept, width or 1, found)

    def put_field(self, offset: int, width: int, value: Value) -> None:
        kept = 8 * field_size(width or 1)
        whole = self.resize("zext", width or 1, kept, value)
        self._emit(f"store {typed(kept)} {whole}, ptr {self._at(offset, '%rec')}, align 1")

    def cell(self, offset: Value, width: int) -> Value:
        bits = Place(0, width).bits
        found = self._value(
            f"load {typed(bits)}, ptr {self._value(f'getelementptr i8, ptr %st, i64 {offset}')}, align 8"
        )
        return self.resize("trunc", bits, width or 1, found)

    def put_cell(self, offset: Value, width: int, value: Value) -> None:
        bits = Place(0, width).bits
        whole = self.resize("zext", width or 1, bits, value)
        self._emit(
            f"store {typed(bits)} {whole}, ptr {self._value(f'getelementptr i8, ptr %st, i64 {offset}')}, align 8"
        )

    def outside(self, request: int, a: Value, b: Value) -> Value:
        host = self._value(f"load ptr, ptr {self._at(self.layout.header['host'].at)}, align 8")
        failed = self._value(f"call i32 {host}(i32 {request}, i64 {a}, i64 {b})")
        return self.compare("eq", 32, failed, "1")
