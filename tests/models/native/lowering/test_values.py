"""Every operator of terms, lowered, gives what the operator table says, on edge values of many widths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pgcheck.isa.terms import OPERATORS, Name, Term, mask, node
from pgcheck.isa.terms import operand as operand_
from pgcheck.isa.terms.names import OPERAND
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native import linking
from pgcheck.models.native.lowering.code import Code
from pgcheck.models.native.lowering.llvm import Body
from pgcheck.models.native.lowering.plan import Plan
from pgcheck.models.native.lowering.text import module
from pgcheck.models.native.lowering.values import Values
from pgcheck.models.native.mirror import Mirror
from tests.specifications import machine

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")

WIDTHS = (1, 2, 7, 8, 32, 36, 63, 64, 65, 72, 128, 144)
ALIKE = ("add", "sub", "mul", "udiv", "urem", "sdiv", "srem", "and", "or", "xor", "shl", "lshr", "ashr")
COMPARED = ("eq", "ult", "ule", "slt", "sle")
EXTENDED = ((1, 8), (8, 9), (33, 64), (36, 72), (64, 65), (65, 144))


def terms() -> Iterator[Term]:
    """Every operator, over operands `a` and `b`."""
    for width in WIDTHS:
        a, b = operand_(width, "a"), operand_(width, "b")
        yield from (node(op, width, a, b) for op in ALIKE)
        yield from (node(op, 0, a, b) for op in COMPARED)
        yield from (node(op, width, a) for op in ("not", "neg"))
        yield node("ite", width, operand_(0, "c"), a, b)
        yield node("concat", 2 * width, a, b)
        yield node("concat", width + 3, operand_(3, "d"), a)
        for high, low in {(width - 1, 0), (width - 1, width // 2), (width // 2, width // 3)}:
            yield node("extract", high - low + 1, a, data=(high, low))
    for small, large in EXTENDED:
        yield from (node(op, large, operand_(small, "a")) for op in ("zext", "sext"))
    p, q = operand_(0, "c"), operand_(0, "e")
    yield from (node("land", 0, p, q), node("lor", 0, p, q), node("lnot", 0, p), node("eq", 0, p, q))


def edges(width: int) -> tuple[int, ...]:
    """Values of a width at which something changes."""
    top = mask(width or 1)
    found = {0, 1, 2, top, top - 1, top >> 1, (top >> 1) + 1, width, width - 1, width + 1, 0xA5A5A5A5A5A5A5A5A5A5 & top}
    return tuple(sorted(v & top for v in found))


Compute = Callable[[int, int, int], int]


def made(all_terms: list[Term]) -> list[Compute]:
    """Each term as native code of its operands' values."""
    described = machine("pg74")
    plan = Plan(described, frozenset())
    texts = []
    for k, term in enumerate(all_terms):
        body = Body(plan.layout, "export", f"t{k}", (), ())
        code = Code(plan, body, False, lambda name, tracked: name)
        for leaf, place in zip(free(term), plan.layout.arguments * 2, strict=False):
            code.names[Name(OPERAND, leaf.name.text)] = body.read(replace(place, width=leaf.width))
        body.finish([(term.width, code.root(term))])
        texts.append(body.text)
    linked = linking.Linked(linking.compiled(module(texts), 1))
    ram = Ram(0, 1024, 32, True)
    mirror = Mirror(plan.layout, Bus(ram, (), 32, True, 10), ram, plan.watched)
    return [computed(linked, mirror, k, term) for k, term in enumerate(all_terms)]


def free(term: Term) -> list[Term]:
    return list(dict.fromkeys(a for a in term.args))


def computed(linked: linking.Linked, mirror: Mirror, number: int, term: Term) -> Compute:
    run = linked.function(f"t{number}")
    places = [replace(p, width=t.width) for t, p in zip(free(term), mirror.layout.arguments, strict=False)]
    result = replace(mirror.layout.value, width=term.width)

    def call(*values: int) -> int:
        for place, value in zip(places, values, strict=False):
            mirror.put(place, value)
        assert run(mirror.address) == 0
        return mirror.number(result)

    return call


def wrong(all_terms: list[Term]) -> list[object]:
    """Where native code and the operator table differ."""
    found: list[object] = []
    for term, compute in zip(all_terms, made(all_terms), strict=True):
        widths, python = tuple(a.width for a in term.args), OPERATORS[term.op].python
        first, second = edges(widths[0]), edges(widths[1]) if len(widths) > 1 else (0,)
        third = edges(widths[2]) if len(widths) > 2 else (0,)
        cases = [(a, b, c) for a in first for b in second for c in third[:4]]
        for case in cases:
            values = case[: len(widths)]
            expected = python(term.width, widths, term.data, *values)
            if compute(*values) != expected:
                found.append((term, values, expected))
    return found


def test_every_operator_gives_what_the_table_says() -> None:
    tried = list(terms())
    assert {t.op for t in tried} == OPERATORS.keys()
    assert wrong(tried) == []


@pytest.mark.parametrize("op", ["shl", "lshr", "ashr"])
def test_a_shift_that_is_not_guarded_is_found(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = lambda self, op, width, a, amount: self.b.op(op, width, a, self.b.op("and", width, amount, self.b.constant(width, 7)))  # noqa: E731  # fmt: skip
    monkeypatch.setattr(Values, "shift", plain)
    assert wrong([t for t in terms() if t.op == op])


def test_a_quotient_of_another_convention_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    divide = Values.divide
    unsigned = lambda self, op, width, a, b: divide(self, op.replace("s", "u", 1), width, a, b)  # noqa: E731
    monkeypatch.setattr(Values, "divide", unsigned)
    assert wrong([t for t in terms() if t.op in ("sdiv", "srem")])
