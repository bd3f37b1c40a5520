"""Statements of IDL-core: type checking and lowering to the intermediate form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pgcheck.isa.errors import Text, did_you_mean
from pgcheck.isa.expressions import Array, Expressions, Scope, Value, csr_name, extraction, local, resize, resize_value
from pgcheck.isa.ir import (
    BUILTIN_EXITS, Bind, Block, Do, Function, If, Raise, Return, SetElement, SetLeaf, SetLocal, SetNext, Statement, Store,
)  # fmt: skip
from pgcheck.isa.syntax import Item, Tree
from pgcheck.isa.program import Declaration, Elsewhere, Program, Refusal, instance_name
from pgcheck.isa.state import Entry
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, node, variable
from pgcheck.isa.types import Bitfield, Bits, Struct, Tuple, Type, Void, is_scalar, scalars, width_of

MAX_TRIPS = 4096
MAX_STATEMENTS = 200_000


class Statements:
    """Lowers the statements of one body; a refused statement is reported and lowering goes on with the next."""

    def __init__(self, program: Program, scope: Scope, result: Type) -> None:
        self.program, self.scope, self.result = program, scope, result
        self.budget = MAX_STATEMENTS

    @property
    def expressions(self) -> Expressions:
        return Expressions(self.program, self.scope)

    def block(self, items: Sequence[Item]) -> Block:
        """The statements of a block, in a scope of its own."""
        outer = self.scope
        self.scope = outer.child()
        lowered = tuple(s for item in items for s in self.statement(item))
        self.scope = outer
        return lowered

    def statement(self, item: Item) -> Block:
        try:
            return self.lowered(item)
        except Refusal as refusal:
            self.program.problems.add(refusal.problem(self.scope.text))
        except Elsewhere as elsewhere:
            self.program.problems.add(elsewhere.problem)
        return ()

    def lowered(self, item: Item) -> Block:
        assert not isinstance(item, str)
        self.budget -= 1
        if self.budget < 0:
            raise Refusal(item, "this body unrolls to too many statements", expected=f"at most {MAX_STATEMENTS}")
        form = _FORMS.get(item.data)
        if form is None:
            raise Refusal(item, f"{item.data.replace('_', ' ')} is not a statement of IDL-core")
        return form(self, item)

    # ---- declarations and control

    def declare(self, tree: Tree) -> Block:
        type_tree, name, *rest = tree.children
        assert not isinstance(type_tree, str)
        if rest and not isinstance(rest[0], str) and rest[0].data == "dimension":
            raise Refusal(tree, "local arrays are not part of IDL-core", hint="use several variables")
        type_ = self.program.type_of(type_tree, self.scope.constants)
        if str(name) in self.scope.operands:
            raise Refusal(tree, f"'{name}' is an operand of this instruction")
        if not rest:
            lowered = self.scope.declare(str(name), type_)
            return tuple(SetLocal(t.name[2:], constant(t.width, 0)) for t in local(lowered, type_))
        if is_scalar(type_):
            value = self.expressions.convert(self.expressions.value(rest[0]), type_, rest[0], f"`{name}`")
            return (SetLocal(self.scope.declare(str(name), type_), value.term),)
        before, value = self.aggregate(rest[0], type_)
        targets = local(self.scope.declare(str(name), type_), type_)
        return (*before, *(SetLocal(t.name[2:], v) for t, v in zip(targets, value.terms, strict=True)))

    def aggregate(self, item: Item, type_: Type) -> tuple[Block, Value]:
        """A struct or tuple value: a call that binds its results, or a variable."""
        if not isinstance(item, str) and item.data in ("call", "templated"):
            return self.bound_call(item, type_)
        value = self.expressions.value(item)
        if value.type != type_:
            raise Refusal(item, "this value does not fit", found=str(value.type), expected=str(type_))
        return (), value

    def bound_call(self, item: Tree, type_: Type | None) -> tuple[Block, Value]:
        name, values, args = self.callee(item)
        if name not in self.program.declarations:
            value = self.expressions.value(item)
            return (), value
        function, terms, result = self.expressions.arguments(item, name, values, args)
        if type_ is not None and result != type_:
            raise Refusal(item, "this value does not fit", found=str(result), expected=str(type_))
        names = self.scope.declare("result", result)
        held = local(names, result)
        return (Bind(tuple(t.name[2:] for t in held), function, terms),), Value(held, result)

    def callee(self, item: Tree) -> tuple[str, tuple[int, ...], list[Item]]:
        if item.data == "call":
            return str(item.children[0]), (), item.children[1:]
        name = str(item.children[0])[:-1]
        declaration = self.program.declarations.get(name)
        count = len(declaration.template) if declaration is not None else 1
        values = tuple(self.expressions.constant(t) for t in item.children[1 : 1 + count])
        return name, values, item.children[1 + count :]

    def declare_many(self, tree: Tree) -> Block:
        type_tree, *names = tree.children
        assert not isinstance(type_tree, str)
        type_ = self.program.type_of(type_tree, self.scope.constants)
        terms = [t for name in names for t in local(self.scope.declare(str(name), type_), type_)]
        return tuple(SetLocal(t.name[2:], constant(t.width, 0)) for t in terms)

    def branch(self, tree: Tree) -> Block:
        arms = [
            (self.expressions.truth(condition), self.block(block.children))
            for condition, block in zip(tree.children[::2], tree.children[1::2], strict=False)
            if isinstance(block, Tree)
        ]
        last = tree.children[-1] if len(tree.children) % 2 else None
        result = self.block(last.children) if isinstance(last, Tree) else ()
        for condition, then in reversed(arms):
            result = conditional(condition, then, result)
        return result

    def guarded(self, tree: Tree) -> Block:
        condition = self.expressions.truth(tree.children[1])
        return conditional(condition, self.lowered(tree.children[0]), ())

    def loop(self, tree: Tree) -> Block:
        start, test, step, body = tree.children
        if isinstance(start, str) or start.data != "declare" or isinstance(body, str):
            raise Refusal(tree, "a loop declares its counter", expected="for (U32 i = 0; i < 4; i++) {..}")
        name = str(start.children[1])
        if len(start.children) < 3:
            raise Refusal(start, "the counter needs a first value")
        value, outer, result = self.expressions.constant(start.children[2]), self.scope, list[Statement]()
        self.scope = outer.child()
        self.scope.locals.pop(name, None)
        for _ in range(MAX_TRIPS + 1):
            self.scope.constants[name] = value
            condition = self.expressions.truth(test)
            if not condition.is_constant:
                raise Refusal(test, "a loop needs a constant number of trips", hint="bound it, and test inside")
            if condition is FALSE:
                self.scope = outer
                return tuple(result)
            result += self.block(body.children)
            if self.budget < 0:
                raise Refusal(tree, "this body unrolls to too many statements", expected=f"at most {MAX_STATEMENTS}")
            value = self.stepped(step, name, value)
        raise Refusal(tree, f"this loop has more than {MAX_TRIPS} trips")

    def stepped(self, step: Item, name: str, value: int) -> int:
        assert not isinstance(step, str)
        target = step.children[0]
        if isinstance(target, str) or target.data != "name" or str(target.children[0]) != name:
            raise Refusal(step, f"the step changes `{name}`", expected=f"{name}++")
        match step.data:
            case "increment":
                return value + 1
            case "decrement":
                return (value - 1) & 0xFFFFFFFF
            case _:
                return self.expressions.constant(step.children[1])

    def ret(self, tree: Tree) -> Block:
        items = tree.children
        expected = self.result
        if isinstance(expected, Void):
            if items:
                raise Refusal(tree, "there is no value to return here")
            return (Return(()),)
        if isinstance(expected, Tuple) and len(items) == len(expected.members):
            values = [self.expressions.convert(self.expressions.value(i), t, i) for i, t in zip(items, expected.members, strict=True)]
            return (Return(tuple(v.term for v in values)),)
        if len(items) != 1:
            raise Refusal(tree, "this returns another number of values", found=str(len(items)), expected=str(expected))
        if is_scalar(expected):
            value = self.expressions.convert(self.expressions.value(items[0]), expected, items[0], "the result")
            return (Return(value.terms),)
        before, value = self.aggregate(items[0], expected)
        return (*before, Return(value.terms))

    # ---- calls

    def call(self, tree: Tree) -> Block:
        name, values, args = self.callee(tree)
        if name in BUILTIN_EXITS:
            note = ""
            if args and not isinstance(args[0], str) and args[0].data == "string":
                note = str(args[0].children[0])[1:-1]
            elif args:
                raise Refusal(tree, f"{name} takes a reason in quotes")
            return (Raise(name, (), note),)
        if name == "write_physical_memory":
            width = self.expressions.memory_width(tree, values)
            if len(args) != 2:
                raise Refusal(tree, "write_physical_memory takes an address and a value")
            value = self.expressions.convert(self.expressions.bits(args[1]), Bits(width), args[1])
            return (Store(self.expressions.address(args[0]), value.term),)
        if name not in self.program.declarations:
            value = self.expressions.value(tree)
            return (Do(value.term),)
        function, terms, result = self.expressions.arguments(tree, name, values, args)
        if name in self.program.terminators:
            return (Raise(function, terms),)
        parts = scalars(result)
        if len(parts) > 1:
            return (Bind((None,) * len(parts), function, terms),)
        return (Do(node("call", width_of(parts[0][1]) if parts else 0, *terms, data=function)),)

    # ---- assignment

    def assign(self, tree: Tree) -> Block:
        target, item = tree.children
        type_ = self.target_type(target)
        if type_ is not None and not is_scalar(type_):
            before, value = self.aggregate(item, type_)
            return (*before, *self.store(target, value, item))
        return self.store(target, self.expressions.value(item), item)

    def target_type(self, target: Item) -> Type | None:
        """The type of a whole variable or entry; None for a part of one."""
        if isinstance(target, str) or target.data != "name":
            return None
        name = str(target.children[0])
        if name in self.scope.locals:
            return self.scope.locals[name][1]
        entry = self.program.entries.get(name)
        return entry.type if entry is not None and not entry.size else None

    def assign_many(self, tree: Tree) -> Block:
        *targets, item = tree.children
        if isinstance(item, str) or item.data not in ("call", "templated"):
            raise Refusal(tree, "several variables are set by a call")
        before, value = self.bound_call(item, None)
        if not isinstance(value.type, Tuple) or len(value.type.members) != len(targets):
            raise Refusal(item, "this call gives another number of values", found=str(value.type), expected=str(len(targets)))
        result = list(before)
        for target, term, type_ in zip(targets, value.terms, value.type.members, strict=True):
            if not isinstance(target, str) and target.data == "nothing":
                continue
            result += self.store_name(str(target), Value((term,), type_), target)
        return tuple(result)

    def increment(self, tree: Tree) -> Block:
        return self.adjust(tree, "add")

    def decrement(self, tree: Tree) -> Block:
        return self.adjust(tree, "sub")

    def adjust(self, tree: Tree, operator: str) -> Block:
        value = self.expressions.bits(tree.children[0])
        width = width_of(value.type)
        return self.store(tree.children[0], Value((node(operator, width, value.term, constant(width, 1)),), value.type), tree)

    def store(self, target: Item, value: Value, item: Item) -> Block:
        """The statements that set the place `target`."""
        assert not isinstance(target, str)
        match target.data:
            case "name":
                return self.store_name(str(target.children[0]), value, item, target)
            case "csr":
                return self.store_name(csr_name(target.children[0]), value, item, target)
            case "pc":
                entry = next(e for e in self.program.entries.values() if e.pc)
                return (SetNext(self.expressions.convert(value, entry.type, item, "$pc").term),)
            case "csr_member":
                name = csr_name(target.children[0])
                return self.store_member(target, self.entry_named(name, target), None, str(target.children[1]), value, item)
            case "member":
                return self.store_field(target, value, item)
            case "index":
                return self.store_index(target, value, item)
            case "range":
                return self.store_range(target, value, item)
        raise Refusal(target, "this cannot be assigned to")

    def entry_named(self, name: str, item: Item) -> Entry:
        entry = self.program.entries.get(name)
        if entry is None:
            raise Refusal(item, f"no state '{name}'", hint=did_you_mean(name, self.program.entries))
        return entry

    def store_name(self, name: str, value: Value, item: Item, target: Item | None = None) -> Block:
        if name in self.scope.locals:
            lowered, type_ = self.scope.locals[name]
            value = self.expressions.convert(value, type_, item, f"`{name}`")
            return tuple(SetLocal(t.name[2:], v) for t, v in zip(local(lowered, type_), value.terms, strict=True))
        if name in self.scope.operands or name in self.scope.constants or name in self.program.params:
            raise Refusal(target or item, f"'{name}' cannot be assigned to", hint="declare a variable")
        if name not in self.program.entries:
            known = [*self.scope.locals, *self.program.entries]
            raise Refusal(target or item, f"no '{name}' here", hint=did_you_mean(name, known))
        entry = self.program.entries[name]
        if entry.size:
            raise Refusal(target or item, f"{name} is an array", hint="give an index")
        return self.scatter(entry, None, self.expressions.convert(value, entry.type, item, f"`{name}`"))

    def scatter(self, entry: Entry, index: Term | None, value: Value) -> Block:
        """Write an entry whole: each leaf gets its bits; constants stay."""
        if entry.pc:
            return (SetNext(value.term),)
        if len(entry.parts) == 1 or isinstance(entry.type, Struct):
            pairs = zip(entry.parts, value.terms, strict=True)
            return tuple(set_leaf(p.leaf, index, t) for p, t in pairs if p.leaf)
        held = self.scope.declare("whole", entry.type)
        whole = variable(value.term.width, "l." + held)
        writes = (set_leaf(p.leaf, index, extraction(whole, p.high, p.low)) for p in entry.parts if p.leaf)
        return (SetLocal(held, value.term), *writes)

    def store_member(
        self, target: Item, entry: Entry, index: Term | None, name: str, value: Value, item: Item
    ) -> Block:
        part = entry.part(name)
        if part is None:
            known = [p.leaf.partition(".")[2] for p in entry.parts]
            raise Refusal(target, f"{entry.name} has no '{name}'", hint=did_you_mean(name, known))
        type_ = entry.type.members[name] if isinstance(entry.type, Struct) else Bits(part.high - part.low + 1)
        term = self.expressions.convert(value, type_, item, f"`{entry.name}.{name}`").term
        return (set_leaf(part.leaf, index, term),) if part.leaf else ()

    def store_field(self, target: Tree, value: Value, item: Item) -> Block:
        base, name = target.children[0], str(target.children[1])
        assert not isinstance(base, str)
        if base.data == "name":
            variable_name = str(base.children[0])
            if variable_name in self.scope.locals:
                lowered, type_ = self.scope.locals[variable_name]
                if isinstance(type_, Struct):
                    if name not in type_.members:
                        raise Refusal(target, f"{type_} has no '{name}'", hint=did_you_mean(name, type_.members))
                    term = self.expressions.convert(value, type_.members[name], item, f"`{name}`").term
                    return (SetLocal(f"{lowered}.{name}", term),)
            else:
                return self.store_member(target, self.entry_named(variable_name, base), None, name, value, item)
        if base.data == "index":
            array = self.expressions.any(base.children[0])
            if isinstance(array, Array):
                index = self.expressions.array_index(array.entry, base.children[1])
                return self.store_member(target, array.entry, index, name, value, item)
        old = self.expressions.value(base)
        if not isinstance(old.type, Bitfield) or name not in old.type.ranges:
            raise Refusal(target, f"{old.type} has no field '{name}'")
        high, low = old.type.ranges[name]
        return self.store_bits(base, old, high, low, value, item)

    def store_index(self, target: Tree, value: Value, item: Item) -> Block:
        base, place = target.children
        array = self.expressions.any(base)
        if isinstance(array, Array):
            index = self.expressions.array_index(array.entry, place)
            return self.scatter(array.entry, index, self.expressions.convert(value, array.entry.type, item))
        old = self.expressions.as_bits(array, base)
        bit = self.expressions.bits(place)
        if bit.term.is_constant:
            if bit.term.value >= width_of(old.type):
                raise Refusal(place, f"bit {bit.term.value} is beyond {old.type}")
            return self.store_bits(base, old, bit.term.value, bit.term.value, value, item)
        width = width_of(old.type)
        distance = resize_value(bit, width)
        one = node("shl", width, constant(width, 1), distance)
        new = self.expressions.convert(value, Bits(1), item).term
        cleared = node("and", width, old.term, node("not", width, one))
        set_bit = node("or", width, cleared, node("shl", width, resize(new, width, False), distance))
        return self.store(base, Value((set_bit,), Bits(width)), item)

    def store_range(self, target: Tree, value: Value, item: Item) -> Block:
        old = self.expressions.bits(target.children[0])
        high, low = self.expressions.bounds(target, width_of(old.type))
        return self.store_bits(target.children[0], old, high, low, value, item)

    def store_bits(self, base: Item, old: Value, high: int, low: int, value: Value, item: Item) -> Block:
        """Replace bits high to low of the place `base`, whose value is `old`."""
        width = width_of(old.type)
        term = self.expressions.convert(value, Bits(high - low + 1), item).term
        if low:
            term = node("concat", term.width + low, term, extraction(old.term, low - 1, 0))
        if high < width - 1:
            term = node("concat", width, extraction(old.term, width - 1, high + 1), term)
        return self.store(base, Value((term,), Bits(width)), item)


def conditional(condition: Term, then: Block, orelse: Block) -> Block:
    """Both branches are checked; one whose condition is constant is all that stays."""
    if condition.is_constant:
        return then if condition is TRUE else orelse
    return (If(condition, then, orelse),) if then or orelse or condition.args else ()


def set_leaf(leaf: str, index: Term | None, value: Term) -> Statement:
    return SetLeaf(leaf, value) if index is None else SetElement(leaf, index, value)


def lower_function(program: Program, declaration: Declaration, values: tuple[int, ...]) -> Function:
    """The body of a function for given template values."""
    parameters, result = program.signature(declaration.name, values)
    scope = Scope(declaration.text, dict(zip(declaration.template, values, strict=True)))
    names: list[tuple[str, int]] = []
    for (_, name), type_ in zip(declaration.parameters, parameters, strict=True):
        names += [(t.name[2:], t.width) for t in local(scope.declare(name, type_), type_)]
    body = Statements(program, scope, result).block(declaration.body.children)
    widths = tuple(width_of(t) for _, t in scalars(result))
    return Function(instance_name(declaration.name, values), tuple(names), widths, body)


def lower_body(
    program: Program, text: Text, operands: Mapping[str, Bits], encoding_width: int, result: Type
) -> Block:
    """The body of an instruction over its operands."""
    tree = program.parsed(text, "body")
    if tree is None:
        return ()
    scope = Scope(text, operands=operands, encoding_width=encoding_width)
    return Statements(program, scope, result).block(tree.children)


Form = Callable[[Statements, Tree], Block]
_FORMS: Mapping[str, Form] = {
    "declare": Statements.declare, "declare_many": Statements.declare_many, "if": Statements.branch,
    "guarded": Statements.guarded, "for": Statements.loop, "return": Statements.ret, "call": Statements.call,
    "templated": Statements.call, "assign": Statements.assign, "assign_many": Statements.assign_many,
    "increment": Statements.increment, "decrement": Statements.decrement,
}  # fmt: skip
