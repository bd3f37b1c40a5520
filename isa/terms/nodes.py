"""Hash-consed nodes of terms.

A node is `(op, width, args, data)`. Width 0 is Boolean, width n > 0 is a bit vector of n bits and `ARRAY` is an array
with a `shape` of (index width, element width). Two equal nodes are the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from pgcheck.isa.terms.names import FREE, LOCAL, OPERAND, PARAMETER, STATE, Name

ARRAY: Final = -1
SHOWN: Final = 7


class Term:
    """A node. Compare with `is`; make with `constant`, `variable`, `array`, `apply`, `node` or `mk`.

    `height` counts the nodes on the longest way down; `digest` is for `walks.digest`. `mentions` has the bits (`mentioned`) of all names in it:
    what has none of a name's bits does not depend on it.
    """

    __slots__ = ("args", "data", "digest", "height", "mentions", "op", "shape", "width")
    op: str
    width: int
    args: tuple[Term, ...]
    data: Hashable
    shape: tuple[int, int] | None
    height: int
    mentions: int
    digest: bytes | None

    def __repr__(self) -> str:
        return show(self)

    def __reduce__(self) -> tuple[Callable[..., Term], tuple[object, ...]]:
        return (intern, (self.op, self.width, self.args, self.data, self.shape))

    @property
    def name(self) -> Name:
        """What a variable, an array or an uninterpreted function stands for."""
        assert isinstance(self.data, Name)
        return self.data

    @property
    def free(self) -> Name | None:
        """What a free variable or array stands for; None for every other node."""
        return self.data if isinstance(self.data, Name) and self.op != "uf" else None

    @property
    def leaf(self) -> str | None:
        """The leaf of a specification's state that the node is, of no copy; None for every other node."""
        name = self.free
        return name.text if name is not None and name.space == STATE and not name.copy else None

    @property
    def about(self) -> str:
        """The function that is called, the leaf that is read, or the site of a choice."""
        assert isinstance(self.data, str)
        return self.data

    @property
    def value(self) -> int:
        """The value of a constant; 0 or 1 for a Boolean."""
        assert isinstance(self.data, int)
        return self.data

    @property
    def bounds(self) -> tuple[int, int]:
        """The high and low bit of an extract."""
        assert isinstance(self.data, tuple)
        high, low = self.data
        assert isinstance(high, int) and isinstance(low, int)
        return high, low

    @property
    def array_sort(self) -> tuple[int, int]:
        """The widths of an array's index and of its elements."""
        assert self.shape is not None
        return self.shape

    @property
    def is_constant(self) -> bool:
        return self.op == "const"


LEAVES: Final = 256  # bits of `mentions` for the leaves of state
OTHERS: Final = 128  # and for all other names
_leaves: dict[str, int] = {}
_others: dict[tuple[str, str], int] = {}
_table: dict[tuple[object, ...], Term] = {}


def mentioned(space: str, text: str) -> int:
    """The bit of all names of a text in a space, whichever instance or copy: names share one where there are more of them than bits."""
    if space == STATE:
        return 1 << _leaves.setdefault(text, len(_leaves)) % LEAVES
    return 1 << LEAVES + _others.setdefault((space, text), len(_others)) % OTHERS


def intern(op: str, width: int, args: tuple[Term, ...], data: Hashable, shape: tuple[int, int] | None = None) -> Term:
    """The node with these parts, as written."""
    key = (op, width, args, data, shape)
    term = _table.get(key)
    if term is None:
        term = Term()
        term.op, term.width, term.args, term.data, term.shape, term.digest = op, width, args, data, shape, None
        height, mentions = 0, mentioned(data.space, data.text) if isinstance(data, Name) else 0
        for a in args:
            height, mentions = max(height, a.height), mentions | a.mentions
        term.height, term.mentions = height + 1, mentions
        _table[key] = term
    return term


def mask(width: int) -> int:
    """The largest unsigned value of `width` bits."""
    return (1 << width) - 1


def signed(width: int, value: int) -> int:
    """The two's complement reading of an unsigned `value` of `width` bits."""
    return value - (1 << width) if value >> (width - 1) & 1 else value


def constant(width: int, value: int) -> Term:
    """The constant `value` modulo 2**width; width 0 makes a Boolean."""
    return intern("const", width, (), value & mask(width) if width else int(bool(value)), None)


TRUE: Final = constant(0, 1)
FALSE: Final = constant(0, 0)


def _named(name: Name | str) -> Name:
    return Name(FREE, name) if isinstance(name, str) else name


def variable(width: int, name: Name | str) -> Term:
    """A free variable; a plain text is its name in no space."""
    return intern("var", width, (), _named(name), None)


def operand(width: int, name: str) -> Term:
    """An operand of an instruction."""
    return variable(width, Name(OPERAND, name))


def local(width: int, name: str) -> Term:
    """A variable of a body."""
    return variable(width, Name(LOCAL, name))


def parameter(width: int, name: str) -> Term:
    """A parameter of a function that is looked at by itself."""
    return variable(width, Name(PARAMETER, name))


def array(index: int, element: int, name: Name | str) -> Term:
    """A free array from bit vectors of `index` bits to bit vectors of `element` bits (1 for a Boolean leaf)."""
    return intern("array", ARRAY, (), _named(name), (index, element))


def renamed(term: Term, name: Name) -> Term:
    """The free variable or array of another name and the same sort."""
    return intern(term.op, term.width, (), name, term.shape)


def constant_array(index: int, element: int, value: int) -> Term:
    """An array whose every element is `value`."""
    return intern("karray", ARRAY, (), value & mask(element), (index, element))


def apply(width: int, name: Name | str, *args: Term) -> Term:
    """An application of the uninterpreted function `name`."""
    return intern("uf", width, args, _named(name), None)


def distinct_offsets(a: Term, b: Term) -> bool:
    """Whether two addresses differ by a constant that is not zero."""
    if a is b or a.width != b.width:
        return False
    base_a, off_a = (a.args[0], a.args[1].value) if a.op == "add" and a.args[1].op == "const" else (a, 0)
    base_b, off_b = (b.args[0], b.args[1].value) if b.op == "add" and b.args[1].op == "const" else (b, 0)
    if base_a.op == "const" and base_b.op == "const":
        return (base_a.value + off_a - base_b.value - off_b) & mask(a.width) != 0
    return base_a is base_b and (off_a - off_b) & mask(a.width) != 0


def show(term: Term, depth: int = 0) -> str:
    """A short reading of a term for people: its upper `SHOWN` levels, without widths."""
    if term.op == "const":
        return f"{term.value:#x}" if term.width else ("true" if term.value else "false")
    if term.op in ("var", "array"):
        return str(term.name)
    if depth >= SHOWN:
        return "..."
    data = "" if term.data is None else f"[{term.data}]"
    return f"({term.op}{data} {' '.join(show(a, depth + 1) for a in term.args)})"
