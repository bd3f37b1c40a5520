"""Statements of IDL-core: type checking and lowering to the intermediate form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from pgcheck.isa.files.errors import Text
from pgcheck.isa.idl.calls import address, arguments, memory_width
from pgcheck.isa.idl.expressions import Expressions, signature, type_of
from pgcheck.isa.idl.places import Given, store, store_name
from pgcheck.isa.idl.program import Declaration, Program, instance_name
from pgcheck.isa.idl.scopes import Scope, Value, local
from pgcheck.isa.idl.types import Bits, Tuple, Type, Void, is_scalar, scalars, width_of
from pgcheck.isa.parsing.refusal import Elsewhere, Refusal
from pgcheck.isa.parsing.syntax import Item, Tree
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, node
from pgcheck.isa.terms.ir import BUILTIN_EXITS, Bind, Block, Do, Function, If, Raise, Return, SetLocal, Statement, Store

MAX_TRIPS: Final = 4096


class Statements:
    """Lowers the statements of one body; a refused statement is reported and lowering goes on with the next."""

    def __init__(self, program: Program, scope: Scope, result: Type) -> None:
        self.program, self.scope, self.result = program, scope, result

    @property
    def expressions(self) -> Expressions:
        return Expressions(self.program, self.scope)

    def block(self, tree: Tree) -> Block:
        """The statements of a block, in a scope of its own."""
        outer = self.scope
        self.scope = outer.child()
        try:
            return tuple(s for item in tree.constructs for s in self.statement(item))
        finally:
            self.scope = outer

    def statement(self, item: Tree) -> Block:
        try:
            return self.lowered(item)
        except Refusal as refusal:
            self.program.problems.add(refusal.problem(self.scope.text))
        except Elsewhere as elsewhere:
            self.program.problems.add(elsewhere.problem)
        except RecursionError:
            deep = Refusal(item, "this is nested too deep", hint="give parts of it names: variables, functions")
            self.program.problems.add(deep.problem(self.scope.text))
        return ()

    def lowered(self, item: Tree) -> Block:
        self.scope.budget.spend(item, 1)
        form = _FORMS.get(item.data)
        if form is None:
            raise Refusal(item, f"{item.data.replace('_', ' ')} is not a statement of IDL-core")
        return form(self, item)

    # ---- declarations and control

    def declare(self, tree: Tree) -> Block:
        _, name, *rest = tree.children
        if rest and not isinstance(rest[0], str) and rest[0].data == "dimension":
            raise Refusal(tree, "local arrays are not part of IDL-core", hint="use several variables")
        type_ = type_of(self.program, tree.construct(0), self.scope.constants)
        if str(name) in self.scope.operands:
            raise Refusal(tree, f"'{name}' is an operand of this instruction")
        if not rest:
            lowered = self.scope.declare(str(name), type_)
            return tuple(SetLocal(t.name.text, constant(t.width, 0)) for t in local(lowered, type_))
        if is_scalar(type_):
            value = self.expressions.convert(self.expressions.value(rest[0]), type_, rest[0], f"`{name}`")
            return (SetLocal(self.scope.declare(str(name), type_), value.term),)
        before, value = self.aggregate(rest[0], type_)
        targets = local(self.scope.declare(str(name), type_), type_)
        return (*before, *(SetLocal(t.name.text, v) for t, v in zip(targets, value.terms, strict=True)))

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
        function, terms, result = arguments(self.expressions, item, name, values, args)
        if type_ is not None and result != type_:
            raise Refusal(item, "this value does not fit", found=str(result), expected=str(type_))
        names = self.scope.declare("result", result)
        held = local(names, result)
        return (Bind(tuple(t.name.text for t in held), function, terms),), Value(held, result)

    def callee(self, item: Tree) -> tuple[str, tuple[int, ...], list[Item]]:
        if item.data == "call":
            return str(item.children[0]), (), item.children[1:]
        name = str(item.children[0])[:-1]
        declaration = self.program.declarations.get(name)
        count = len(declaration.template) if declaration is not None else 1
        values = tuple(self.expressions.constant(t) for t in item.children[1 : 1 + count])
        return name, values, item.children[1 + count :]

    def declare_many(self, tree: Tree) -> Block:
        type_ = type_of(self.program, tree.construct(0), self.scope.constants)
        terms = [t for name in tree.children[1:] for t in local(self.scope.declare(str(name), type_), type_)]
        return tuple(SetLocal(t.name.text, constant(t.width, 0)) for t in terms)

    def branch(self, tree: Tree) -> Block:
        arms = [
            (self.expressions.truth(tree.children[k]), self.block(tree.construct(k + 1)))
            for k in range(0, len(tree.children) - 1, 2)
        ]
        result = self.block(tree.construct(-1)) if len(tree.children) % 2 else ()
        for condition, then in reversed(arms):
            result = conditional(condition, then, result)
        return result

    def guarded(self, tree: Tree) -> Block:
        condition = self.expressions.truth(tree.children[1])
        return conditional(condition, self.lowered(tree.construct(0)), ())

    def loop(self, tree: Tree) -> Block:
        start = tree.construct(0)
        if start.data != "declare":
            raise Refusal(tree, "a loop declares its counter", expected="for (U32 i = 0; i < 4; i++) {..}")
        if len(start.children) != 3:
            raise Refusal(start, "the counter needs a first value")
        counter, (_, name, first) = start.construct(0), start.children
        if not isinstance(type_of(self.program, counter, self.scope.constants), Bits):
            raise Refusal(counter, "a loop counts in bits", expected="U32")
        outer = self.scope
        self.scope = outer.child()
        self.scope.locals.pop(str(name), None)
        try:
            return tuple(self.unrolled(tree, str(name), self.expressions.constant(first)))
        finally:
            self.scope = outer

    def unrolled(self, tree: Tree, name: str, value: int) -> list[Statement]:
        """The trips of a loop, up to the first that has a problem."""
        test, step, body = tree.children[1], tree.construct(2), tree.construct(3)
        result: list[Statement] = []
        for _ in range(MAX_TRIPS + 1):
            self.scope.budget.spend(tree, 1)
            self.scope.constants[name] = value
            condition = self.expressions.truth(test)
            if not condition.is_constant:
                raise Refusal(test, "a loop needs a constant number of trips", hint="bound it, and test inside")
            problems = len(self.program.problems)
            if condition is FALSE:
                return result
            result += self.block(body)
            value = self.stepped(step, name, value)
            if len(self.program.problems) > problems:
                return result
        raise Refusal(tree, f"this loop has more than {MAX_TRIPS} trips")

    def stepped(self, step: Tree, name: str, value: int) -> int:
        target = step.children[0]
        if isinstance(target, str) or target.data != "name" or str(target.children[0]) != name:
            raise Refusal(step, f"the step changes `{name}`", expected=f"{name}++")
        match step.data:
            case "increment":
                return value + 1
            case "decrement":
                return (value - 1) & 0xFFFFFFFF
            case _:
                return Expressions(self.program, replace(self.scope, sized=False)).constant(step.children[1])

    def ret(self, tree: Tree) -> Block:
        items = tree.children
        expected = self.result
        if isinstance(expected, Void):
            if items:
                raise Refusal(tree, "there is no value to return here")
            return (Return(()),)
        if isinstance(expected, Tuple) and len(items) == len(expected.members):
            values = [
                self.expressions.convert(self.expressions.value(i), t, i)
                for i, t in zip(items, expected.members, strict=True)
            ]
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
            width = memory_width(self.expressions, tree, values)
            if len(args) != 2:
                raise Refusal(tree, "write_physical_memory takes an address and a value")
            value = self.expressions.convert(self.expressions.bits(args[1]), Bits(width), args[1])
            return (Store(address(self.expressions, args[0]), value.term),)
        if name not in self.program.declarations:
            value = self.expressions.value(tree)
            return (Do(value.term),)
        function, terms, result = arguments(self.expressions, tree, name, values, args)
        if name in self.program.terminators:
            return (Raise(function, terms),)
        parts = scalars(result)
        if len(parts) > 1:
            return (Bind((None,) * len(parts), function, terms),)
        return (Do(node("call", width_of(parts[0][1]) if parts else 0, *terms, data=function)),)

    # ---- assignment

    def assign(self, tree: Tree) -> Block:
        target, item = tree.construct(0), tree.children[1]
        type_ = self.target_type(target)
        if type_ is not None and not is_scalar(type_):
            before, value = self.aggregate(item, type_)
            return (*before, *store(self.expressions, target, Given(value, item)))
        return store(self.expressions, target, Given(self.expressions.value(item), item))

    def target_type(self, target: Tree) -> Type | None:
        """The type of a whole variable or entry; None for a part of one."""
        if target.data != "name":
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
            raise Refusal(
                item, "this call gives another number of values", found=str(value.type), expected=str(len(targets))
            )
        result = list(before)
        for target, term, type_ in zip(targets, value.terms, value.type.members, strict=True):
            if not isinstance(target, str) and target.data == "nothing":
                continue
            result += store_name(self.expressions, str(target), Given(Value((term,), type_), target), target)
        return tuple(result)

    def increment(self, tree: Tree) -> Block:
        return self.adjust(tree, "add")

    def decrement(self, tree: Tree) -> Block:
        return self.adjust(tree, "sub")

    def adjust(self, tree: Tree, operator: str) -> Block:
        value = self.expressions.bits(tree.children[0])
        width = width_of(value.type)
        changed = Value((node(operator, width, value.term, constant(width, 1)),), value.type)
        return store(self.expressions, tree.construct(0), Given(changed, tree))


def conditional(condition: Term, then: Block, orelse: Block) -> Block:
    """Both branches are checked; one whose condition is constant is all that stays."""
    if condition.is_constant:
        return then if condition is TRUE else orelse
    return (If(condition, then, orelse),) if then or orelse or condition.args else ()


def lower_function(program: Program, declaration: Declaration, values: tuple[int, ...]) -> Function:
    """The body of a function for given template values."""
    parameters, result = signature(program, declaration.name, values)
    scope = Scope(declaration.text, dict(zip(declaration.template, values, strict=True)))
    names: list[tuple[str, int]] = []
    for (_, name), type_ in zip(declaration.parameters, parameters, strict=True):
        names += [(t.name.text, t.width) for t in local(scope.declare(name, type_), type_)]
    body = Statements(program, scope, result).block(declaration.body)
    program.sizes[instance_name(declaration.name, values)] = scope.budget.spent
    widths = tuple(width_of(t) for _, t in scalars(result))
    return Function(instance_name(declaration.name, values), tuple(names), widths, body)


def lower_functions(program: Program) -> None:
    """Lower every declared function that needs no template values, so that all errors show."""
    for name, declaration in list(program.declarations.items()):
        if not declaration.template:
            try:
                program.lower(name, ())
            except Elsewhere as elsewhere:
                program.problems.add(elsewhere.problem)
            except Refusal as refusal:
                program.problems.add(refusal.problem(declaration.text))


def lower_body(program: Program, text: Text, operands: Mapping[str, Value], encoding_width: int, result: Type) -> Block:
    """The body of an instruction over the values of its operands."""
    tree = program.parsed(text, "body")
    if tree is None:
        return ()
    scope = Scope(text, operands=operands, encoding_width=encoding_width)
    return Statements(program, scope, result).block(tree)


Form = Callable[[Statements, Tree], Block]
_FORMS: Final[Mapping[str, Form]] = {
    "declare": Statements.declare, "declare_many": Statements.declare_many, "if": Statements.branch,
    "guarded": Statements.guarded, "for": Statements.loop, "return": Statements.ret, "call": Statements.call,
    "templated": Statements.call, "assign": Statements.assign, "assign_many": Statements.assign_many,
    "increment": Statements.increment, "decrement": Statements.decrement,
}  # fmt: skip
