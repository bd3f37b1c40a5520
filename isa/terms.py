"""Hash-consed terms: the expression node of the intermediate form and of every formula.

A term is `(op, width, args, data)`. Width 0 is Boolean, width n > 0 is a bit vector of n bits and `ARRAY` is an array with a
`shape` of (index width, element width). Two equal terms are the same object. `OPERATORS` gives each operator's meaning on Python
integers and its name in SMT-LIB side by side; folding, evaluation, digests and printing are walks over the same node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

ARRAY: Final = -1


class Term:
    """A node. Compare with `is`; make with `constant`, `variable`, `array`, `apply`, `node` or `mk`."""

    __slots__ = ("op", "width", "args", "data", "shape", "_digest")
    op: str
    width: int
    args: tuple[Term, ...]
    data: Hashable
    shape: tuple[int, int] | None
    _digest: bytes | None

    def __repr__(self) -> str:
        return show(self)

    def __reduce__(self) -> tuple[Callable[..., Term], tuple[object, ...]]:
        return (_intern, (self.op, self.width, self.args, self.data, self.shape))

    @property
    def name(self) -> str:
        """The name of a variable, array or function symbol."""
        assert isinstance(self.data, str)
        return self.data

    @property
    def value(self) -> int:
        """The value of a constant; 0 or 1 for a Boolean."""
        assert isinstance(self.data, int)
        return self.data

    @property
    def is_constant(self) -> bool:
        return self.op == "const"


_table: dict[tuple[object, ...], Term] = {}


def _intern(op: str, width: int, args: tuple[Term, ...], data: Hashable, shape: tuple[int, int] | None) -> Term:
    key = (op, width, args, data, shape)
    term = _table.get(key)
    if term is None:
        term = Term()
        term.op, term.width, term.args, term.data, term.shape, term._digest = op, width, args, data, shape, None
        _table[key] = term
    return term


def mask(width: int) -> int:
    """The largest unsigned value of `width` bits."""
    return (1 << width) - 1


def signed(width: int, value: int) -> int:
    """The two's complement reading of an unsigned `value` of `width` bits."""
    return value - (1 << width) if value >> (width - 1) & 1 else value


@dataclass(frozen=True, slots=True)
class Operator:
    """A row of the operator table: `python(width, argument widths, data, *values)` and the SMT-LIB function."""

    python: Callable[..., int]
    smtlib: str


def _udiv(w: int, ws: tuple[int, ...], d: Hashable, a: int, b: int) -> int:
    return a // b if b else mask(w)


def _urem(w: int, ws: tuple[int, ...], d: Hashable, a: int, b: int) -> int:
    return a % b if b else a


def _sdiv(w: int, ws: tuple[int, ...], d: Hashable, a: int, b: int) -> int:
    x, y = signed(w, a), signed(w, b)
    if not y:
        return 1 if x < 0 else mask(w)
    q = abs(x) // abs(y)
    return (q if (x < 0) == (y < 0) else -q) & mask(w)


def _srem(w: int, ws: tuple[int, ...], d: Hashable, a: int, b: int) -> int:
    x, y = signed(w, a), signed(w, b)
    if not y:
        return a
    r = abs(x) % abs(y)
    return (-r if x < 0 else r) & mask(w)


OPERATORS: Final[Mapping[str, Operator]] = {
    "add": Operator(lambda w, ws, d, a, b: (a + b) & mask(w), "bvadd"),
    "sub": Operator(lambda w, ws, d, a, b: (a - b) & mask(w), "bvsub"),
    "mul": Operator(lambda w, ws, d, a, b: (a * b) & mask(w), "bvmul"),
    "udiv": Operator(_udiv, "bvudiv"),
    "urem": Operator(_urem, "bvurem"),
    "sdiv": Operator(_sdiv, "bvsdiv"),
    "srem": Operator(_srem, "bvsrem"),
    "and": Operator(lambda w, ws, d, a, b: a & b, "bvand"),
    "or": Operator(lambda w, ws, d, a, b: a | b, "bvor"),
    "xor": Operator(lambda w, ws, d, a, b: a ^ b, "bvxor"),
    "not": Operator(lambda w, ws, d, a: a ^ mask(w), "bvnot"),
    "neg": Operator(lambda w, ws, d, a: -a & mask(w), "bvneg"),
    "shl": Operator(lambda w, ws, d, a, b: (a << b) & mask(w) if b < w else 0, "bvshl"),
    "lshr": Operator(lambda w, ws, d, a, b: a >> b if b < w else 0, "bvlshr"),
    "ashr": Operator(lambda w, ws, d, a, b: (signed(w, a) >> min(b, w)) & mask(w), "bvashr"),
    "concat": Operator(lambda w, ws, d, a, b: (a << ws[1]) | b, "concat"),
    "extract": Operator(lambda w, ws, d, a: (a >> d[1]) & mask(w), "(_ extract {0} {1})"),
    "zext": Operator(lambda w, ws, d, a: a, "(_ zero_extend {0})"),
    "sext": Operator(lambda w, ws, d, a: signed(ws[0], a) & mask(w), "(_ sign_extend {0})"),
    "eq": Operator(lambda w, ws, d, a, b: int(a == b), "="),
    "ult": Operator(lambda w, ws, d, a, b: int(a < b), "bvult"),
    "ule": Operator(lambda w, ws, d, a, b: int(a <= b), "bvule"),
    "slt": Operator(lambda w, ws, d, a, b: int(signed(ws[0], a) < signed(ws[1], b)), "bvslt"),
    "sle": Operator(lambda w, ws, d, a, b: int(signed(ws[0], a) <= signed(ws[1], b)), "bvsle"),
    "land": Operator(lambda w, ws, d, a, b: a & b, "and"),
    "lor": Operator(lambda w, ws, d, a, b: a | b, "or"),
    "lnot": Operator(lambda w, ws, d, a: 1 - a, "not"),
    "ite": Operator(lambda w, ws, d, c, a, b: a if c else b, "ite"),
}


def constant(width: int, value: int) -> Term:
    """The constant `value` modulo 2**width; width 0 makes a Boolean."""
    return _intern("const", width, (), value & mask(width) if width else int(bool(value)), None)


TRUE: Final = constant(0, 1)
FALSE: Final = constant(0, 0)


def variable(width: int, name: str) -> Term:
    """A free variable."""
    return _intern("var", width, (), name, None)


def array(index: int, element: int, name: str) -> Term:
    """A free array from bit vectors of `index` bits to bit vectors of `element` bits (1 for a Boolean leaf)."""
    return _intern("array", ARRAY, (), name, (index, element))


def constant_array(index: int, element: int, value: int) -> Term:
    """An array whose every element is `value`."""
    return _intern("karray", ARRAY, (), value & mask(element), (index, element))


def apply(width: int, name: str, *args: Term) -> Term:
    """An application of the uninterpreted function `name`."""
    return _intern("uf", width, args, name, None)


def node(op: str, width: int, *args: Term, data: Hashable = None, shape: tuple[int, int] | None = None) -> Term:
    """A node as written: only folded when every argument is a constant, so that no effect in an argument is lost."""
    row = OPERATORS.get(op)
    if row is not None and all(a.op == "const" for a in args):
        return constant(width, row.python(width, tuple(a.width for a in args), data, *(a.value for a in args)))
    return _intern(op, width, args, data, shape)


def select(memory: Term, index: Term) -> Term:
    """The element of array `memory` at `index`."""
    assert memory.shape is not None
    return mk("select", memory.shape[1], memory, index)


def store(memory: Term, index: Term, value: Term) -> Term:
    """The array `memory` with `value` at `index`."""
    return _intern("store", ARRAY, (memory, index, value), None, memory.shape)


def distinct_offsets(a: Term, b: Term) -> bool:
    """Whether two addresses differ by a constant that is not zero."""
    if a is b or a.width != b.width:
        return False
    base_a, off_a = (a.args[0], a.args[1].value) if a.op == "add" and a.args[1].op == "const" else (a, 0)
    base_b, off_b = (b.args[0], b.args[1].value) if b.op == "add" and b.args[1].op == "const" else (b, 0)
    if base_a.op == "const" and base_b.op == "const":
        return (base_a.value + off_a - base_b.value - off_b) & mask(a.width) != 0
    return base_a is base_b and (off_a - off_b) & mask(a.width) != 0


def mk(op: str, width: int, *args: Term, data: Hashable = None) -> Term:
    """A simplified node: constant folding, identities, extraction pushed inwards; the meaning is that of `node`."""
    row = OPERATORS.get(op)
    if row is not None and all(a.op == "const" for a in args):
        return constant(width, row.python(width, tuple(a.width for a in args), data, *(a.value for a in args)))
    rule = _RULES.get(op)
    if rule is not None:
        simpler = rule(width, args, data)
        if simpler is not None:
            return simpler
    return _intern(op, width, args, data, args[1].shape if op == "ite" else None)


def _fold_ite(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    g, x, y = a
    if g is TRUE or x is y:
        return x
    if g is FALSE:
        return y
    if g.op == "lnot":
        return ite(g.args[0], y, x)
    if w == 0:
        if x is TRUE:
            return lor(g, y)
        if y is FALSE:
            return land(g, x)
        if x is FALSE:
            return land(lnot(g), y)
        if y is TRUE:
            return lor(lnot(g), x)
    if x.op == "ite" and x.args[0] is g:
        return ite(g, x.args[1], y)
    if y.op == "ite" and y.args[0] is g:
        return ite(g, x, y.args[2])
    if y.op == "ite" and y.args[1] is x:
        return ite(lor(g, y.args[0]), x, y.args[2])
    if x.op == "concat" and y.op == "concat" and x.args[0].width == y.args[0].width and (
        x.args[0] is y.args[0] or x.args[1] is y.args[1]
    ):
        return mk("concat", w, ite(g, x.args[0], y.args[0]), ite(g, x.args[1], y.args[1]))
    return None


def _fold_land(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x is FALSE or y is FALSE or _opposite(x, y):
        return FALSE
    if x is TRUE or x is y:
        return y
    if y is TRUE:
        return x
    if y.op == "land" and (y.args[0] is x or y.args[1] is x):
        return y
    if x.op == "land" and (x.args[0] is y or x.args[1] is y):
        return x
    if x.op == "land" and (_opposite(x.args[0], y) or _opposite(x.args[1], y)):
        return FALSE
    if x.op == "eq" and y.op == "eq" and x.args[0] is y.args[0] and x.args[1].is_constant and y.args[1].is_constant:
        return FALSE
    return None


def _fold_lor(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x is TRUE or y is TRUE or _opposite(x, y):
        return TRUE
    if x is FALSE or x is y:
        return y
    if y is FALSE:
        return x
    if y.op == "lor" and (y.args[0] is x or y.args[1] is x):
        return y
    if x.op == "lor" and (x.args[0] is y or x.args[1] is y):
        return x
    return None


def _opposite(x: Term, y: Term) -> bool:
    return (x.op == "lnot" and x.args[0] is y) or (y.op == "lnot" and y.args[0] is x)


def _fold_lnot(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    return a[0].args[0] if a[0].op == "lnot" else None


def _fold_eq(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x is y:
        return TRUE
    if x.is_constant:
        x, y = y, x
    if y.is_constant:
        if x.width == 0:
            return x if y.value else lnot(x)
        if x.op == "ite":
            left, right = x.args[1], x.args[2]
            if left.is_constant or right.is_constant:
                return ite(x.args[0], eq(left, y), eq(right, y))
        if x.op == "concat":
            low = x.args[1].width
            return land(
                eq(x.args[0], constant(x.args[0].width, y.value >> low)), eq(x.args[1], constant(low, y.value))
            )
        if x.op == "zext":
            inner = x.args[0]
            return FALSE if y.value >> inner.width else eq(inner, constant(inner.width, y.value))
        if x.op == "add" and x.args[1].is_constant:
            return eq(x.args[0], constant(x.width, y.value - x.args[1].value))
    if x is a[0]:
        return None
    return _intern("eq", 0, (x, y), None, None)


def _fold_extract(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x = a[0]
    hi, lo = d  # type: ignore[misc]  # data of an extract is the pair (high, low)
    if w == x.width:
        return x
    if x.op == "extract":
        base = x.data[1]  # type: ignore[index]  # as above
        return extract(x.args[0], hi + base, lo + base)
    if x.op == "concat":
        low = x.args[1].width
        if hi < low:
            return extract(x.args[1], hi, lo)
        if lo >= low:
            return extract(x.args[0], hi - low, lo - low)
        return mk("concat", w, extract(x.args[0], hi - low, 0), extract(x.args[1], low - 1, lo))
    if x.op == "zext":
        low = x.args[0].width
        if hi < low:
            return extract(x.args[0], hi, lo)
        if lo >= low:
            return constant(w, 0)
        return zext(extract(x.args[0], low - 1, lo), w)
    if x.op == "sext" and hi < x.args[0].width:
        return extract(x.args[0], hi, lo)
    if x.op in ("and", "or", "xor"):
        return mk(x.op, w, extract(x.args[0], hi, lo), extract(x.args[1], hi, lo))
    if x.op == "not":
        return mk("not", w, extract(x.args[0], hi, lo))
    if x.op in ("add", "sub", "mul") and lo == 0:
        return mk(x.op, w, extract(x.args[0], hi, 0), extract(x.args[1], hi, 0))
    if x.op == "ite":
        return ite(x.args[0], extract(x.args[1], hi, lo), extract(x.args[2], hi, lo))
    return None


def _fold_concat(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x.is_constant and x.value == 0:
        return zext(y, w)
    if x.op == "extract" and y.op == "extract" and x.args[0] is y.args[0]:
        (xh, xl), (yh, yl) = x.data, y.data  # type: ignore[misc]  # as in _fold_extract
        if xl == yh + 1:
            return extract(x.args[0], xh, yl)
    if x.op == "extract" and x.args[0] is y and x.data == (x.args[0].width - 1, y.width):
        return None
    return None


def _fold_extend(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    return a[0] if a[0].width == w else None


def _fold_zext(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    if a[0].op == "zext":
        return zext(a[0].args[0], w)
    return _fold_extend(w, a, d)


def _neutral(op: str, w: int, a: tuple[Term, ...]) -> Term | None:
    x, y = a
    if y.is_constant and y.value == 0:
        return x
    if x.is_constant:
        return y if x.value == 0 else mk(op, w, y, x)
    return None


def _fold_add(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if y.is_constant and x.op == "add" and x.args[1].is_constant:
        return mk("add", w, x.args[0], constant(w, x.args[1].value + y.value))
    return _neutral("add", w, a)


def _fold_sub(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x is y:
        return constant(w, 0)
    if y.is_constant:
        return mk("add", w, x, constant(w, -y.value))
    return None


def _fold_or(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    if a[0] is a[1]:
        return a[0]
    if any(x.is_constant and x.value == mask(w) for x in a):
        return constant(w, mask(w))
    return _neutral("or", w, a)


def _fold_xor(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    return constant(w, 0) if a[0] is a[1] else _neutral("xor", w, a)


def _fold_and(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x is y:
        return x
    if x.is_constant:
        x, y = y, x
    if y.is_constant:
        if y.value == 0:
            return y
        if y.value == mask(w):
            return x
        kept = _split_mask(x, y.value)
        if kept is not None:
            return kept
    return None


def _split_mask(x: Term, bits: int) -> Term | None:
    """`x & bits` for a contiguous run of ones, as an extract between zeros, so that field accesses cancel."""
    low = (bits & -bits).bit_length() - 1
    high = bits.bit_length() - 1
    if bits != mask(high + 1) ^ mask(low):
        return None
    middle = extract(x, high, low)
    lower = mk("concat", high + 1, middle, constant(low, 0)) if low else middle
    return zext(lower, x.width)


def _fold_shift(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    return a[0] if a[1].is_constant and a[1].value == 0 else None


def _fold_shl(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, n = a
    if n.is_constant:
        if n.value == 0:
            return x
        if n.value >= w:
            return constant(w, 0)
        return mk("concat", w, extract(x, w - 1 - n.value, 0), constant(n.value, 0))
    return None


def _fold_lshr(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, n = a
    if n.is_constant:
        if n.value == 0:
            return x
        if n.value >= w:
            return constant(w, 0)
        return zext(extract(x, w - 1, n.value), w)
    return None


def _fold_less(strict: bool) -> Callable[[int, tuple[Term, ...], Hashable], Term | None]:
    def fold(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
        x, y = a
        if x is y:
            return FALSE if strict else TRUE
        if strict and y.is_constant and y.value == 0:
            return FALSE
        if not strict and (x.is_constant and x.value == 0 or y.is_constant and y.value == mask(y.width)):
            return TRUE
        if strict and y.is_constant and y.value == 1:
            return eq(x, constant(x.width, 0))
        if not strict and y.is_constant and y.value == 0:
            return eq(x, y)
        if x.op == "ite" and y.is_constant and x.args[1].is_constant and x.args[2].is_constant:
            op = "ult" if strict else "ule"
            return ite(x.args[0], mk(op, 0, x.args[1], y), mk(op, 0, x.args[2], y))
        return None

    return fold


def _fold_select(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    memory, index = a
    start = memory
    while memory.op == "store":
        if memory.args[1] is index:
            return memory.args[2]
        if not distinct_offsets(memory.args[1], index):
            break
        memory = memory.args[0]
    if memory.op == "karray":
        return constant(w, memory.value)
    if memory.op == "ite":
        return ite(memory.args[0], select(memory.args[1], index), select(memory.args[2], index))
    return None if memory is start else _intern("select", w, (memory, index), None, None)


_RULES: Final[Mapping[str, Callable[[int, tuple[Term, ...], Hashable], Term | None]]] = {
    "ite": _fold_ite, "land": _fold_land, "lor": _fold_lor, "lnot": _fold_lnot, "eq": _fold_eq,
    "extract": _fold_extract, "concat": _fold_concat, "zext": _fold_zext, "sext": _fold_extend,
    "add": _fold_add, "sub": _fold_sub, "or": _fold_or, "xor": _fold_xor, "and": _fold_and,
    "shl": _fold_shl, "lshr": _fold_lshr, "ashr": _fold_shift, "ult": _fold_less(True), "ule": _fold_less(False),
    "select": _fold_select,
}  # fmt: skip


def lnot(a: Term) -> Term:
    return mk("lnot", 0, a)


def land(a: Term, b: Term) -> Term:
    return mk("land", 0, a, b)


def lor(a: Term, b: Term) -> Term:
    return mk("lor", 0, a, b)


def eq(a: Term, b: Term) -> Term:
    return mk("eq", 0, a, b)


def ite(g: Term, a: Term, b: Term) -> Term:
    return mk("ite", a.width, g, a, b)


def extract(a: Term, high: int, low: int) -> Term:
    """Bits `high` down to `low` of `a`."""
    return mk("extract", high - low + 1, a, data=(high, low))


def zext(a: Term, width: int) -> Term:
    return mk("zext", width, a)


def conjunction(terms: Iterable[Term]) -> Term:
    """The conjunction of `terms`, TRUE if there are none."""
    result = TRUE
    for term in terms:
        result = land(result, term)
    return result


def disjunction(terms: Iterable[Term]) -> Term:
    """The disjunction of `terms`, FALSE if there are none."""
    result = FALSE
    for term in terms:
        result = lor(result, term)
    return result


def walk(roots: Iterable[Term]) -> Iterator[Term]:
    """Every node under `roots` once, arguments before their users, in a fixed order."""
    seen: set[Term] = set()
    stack: list[tuple[Term, bool]] = [(r, False) for r in roots][::-1]
    while stack:
        term, done = stack.pop()
        if done:
            yield term
        elif term not in seen:
            seen.add(term)
            stack.append((term, True))
            stack.extend((a, False) for a in reversed(term.args))


Rewriter = Callable[[Term, tuple[Term, ...]], Term | None]


def rewrite(roots: Iterable[Term], replace: Rewriter, memo: dict[Term, Term] | None = None) -> list[Term]:
    """Rebuild `roots` bottom up; `replace(node, new arguments)` gives the new node, or None to keep its operator."""
    memo = {} if memo is None else memo
    roots = list(roots)
    for root in roots:
        if root in memo:
            continue
        stack = [root]
        while stack:
            term = stack[-1]
            if term in memo:
                stack.pop()
                continue
            missing = [a for a in term.args if a not in memo]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            args = tuple(memo[a] for a in term.args)
            new = replace(term, args)
            memo[term] = rebuild(term, args) if new is None else new
    return [memo[r] for r in roots]


def rebuild(term: Term, args: tuple[Term, ...]) -> Term:
    """`term` with other arguments, simplified."""
    if args == term.args:
        return term
    if term.op == "store":
        return store(*args)
    if term.op in OPERATORS or term.op == "select":
        return mk(term.op, term.width, *args, data=term.data)
    return _intern(term.op, term.width, args, term.data, term.shape)


def substitute(roots: Iterable[Term], leaves: Mapping[Term, Term], memo: dict[Term, Term] | None = None) -> list[Term]:
    """Rebuild `roots` with variables and arrays replaced as `leaves` says."""
    return rewrite(roots, lambda t, _: leaves.get(t) if not t.args else None, memo)


def digest(roots: Iterable[Term]) -> str:
    """A hexadecimal blake2b digest of a list of terms, the same in every process."""
    roots = list(roots)
    for term in walk(roots):
        if term._digest is None:
            head = repr((term.op, term.width, term.data, term.shape)).encode()
            parts = b"".join(a._digest or b"" for a in term.args)
            term._digest = hashlib.blake2b(head + parts, digest_size=16).digest()
    return hashlib.blake2b(b"".join(r._digest or b"" for r in roots), digest_size=16).hexdigest()


ArrayValue = tuple[Term, Mapping[int, int]]


def evaluate(
    roots: Iterable[Term],
    leaf: Callable[[Term], int],
    element: Callable[[Term, int], int],
    function: Callable[[str, tuple[int, ...], int], int],
) -> list[int]:
    """The values of `roots` (no array among them) without a solver.

    `leaf` gives variables, `element(array, index)` the elements of free arrays, `function(name, arguments, width)` uninterpreted functions.
    """
    roots = list(roots)
    value: dict[Term, int] = {}
    arrays: dict[Term, ArrayValue] = {}
    for term in walk(roots):
        match term.op:
            case "const":
                value[term] = term.value
            case "var":
                value[term] = leaf(term)
            case "array" | "karray":
                arrays[term] = (term, {})
            case "store":
                base, overlay = arrays[term.args[0]]
                arrays[term] = (base, {**overlay, value[term.args[1]]: value[term.args[2]]})
            case "select":
                base, overlay = arrays[term.args[0]]
                index = value[term.args[1]]
                if index in overlay:
                    value[term] = overlay[index]
                else:
                    value[term] = base.value if base.op == "karray" else element(base, index)
            case "uf":
                value[term] = function(term.name, tuple(value[a] for a in term.args), term.width)
            case "ite" if term.width == ARRAY:
                arrays[term] = arrays[term.args[1] if value[term.args[0]] else term.args[2]]
            case op:
                row = OPERATORS[op]
                widths = tuple(a.width for a in term.args)
                value[term] = row.python(term.width, widths, term.data, *(value[a] for a in term.args))
    return [value[r] for r in roots]


def show(term: Term, depth: int = 0) -> str:
    """A short reading of a term for people."""
    if term.op == "const":
        return f"{term.value:#x}" if term.width else ("true" if term.value else "false")
    if term.op in ("var", "array"):
        return term.name
    if depth > 6:
        return "..."
    data = "" if term.data is None else f"[{term.data}]"
    return f"({term.op}{data} {' '.join(show(a, depth + 1) for a in term.args)})"
