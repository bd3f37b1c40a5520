"""Decode and encode: operands to units and back, by the steps of the encodings.

Law: for operands o with P_enc(o), decoding `encode(o)` gives o. The reverse is false: prefixes may be repeated or in another order,
and ignored bits may be set; the length of what was decoded counts the units that were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import islice
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.encoding.encoding import Decode, Encoding, Slot
from pgcheck.isa.terms import OPERATORS, Term, knownbits

Operands = Mapping[str, int]
Predicate = Callable[[Operands], int]
MOST_TRIED: Final = 4096


@lru_cache(maxsize=65536)
def compiled(term: Term) -> Predicate:
    """`term` as a function of its variables' values by text; a Boolean gives 0 or 1."""
    args = term.args
    match term.op:
        case "const":
            result = term.value
            return lambda o: result
        case "var":
            name = term.name.text
            return lambda o: o[name]
        case "eq" if args[1].is_constant and args[0].op == "var":
            name, wanted = args[0].name.text, args[1].value
            return lambda o: o[name] == wanted
    functions = [compiled(a) for a in args]
    match term.op, functions:
        case "land", [first, second]:
            return lambda o: first(o) and second(o)
        case "lor", [first, second]:
            return lambda o: first(o) or second(o)
        case "lnot", [first]:
            return lambda o: not first(o)
        case "eq", [first, second]:
            return lambda o: first(o) == second(o)
        case "ite", [guard, first, second]:
            return lambda o: first(o) if guard(o) else second(o)
    python, width, widths, data = OPERATORS[term.op].python, term.width, tuple(a.width for a in args), term.data
    if len(functions) == 1:
        inner = functions[0]
        return lambda o: python(width, widths, data, inner(o))
    left, right = functions
    return lambda o: python(width, widths, data, left(o), right(o))


@dataclass(frozen=True, slots=True)
class Decoded:
    """An instruction found in the units it was read from; `operands` has every operand of its encoding, `length` is in units of PC."""

    id: str
    operands: dict[str, int]
    length: int
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A slot made ready: `simple` is (low bit, mask) when the operand is one run of bits without extension."""

    name: str
    simple: tuple[int, int] | None
    slot: Slot


@dataclass(frozen=True, slots=True)
class _Reading:
    """A step made ready to read: literal (mask, value) per unit, and the demands that are known once it is read."""

    when: Predicate | None
    literals: tuple[tuple[int, int], ...]
    parts: tuple[_Part, ...]
    demands: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: str
    zeros: dict[str, int]
    rejected_prefixes: frozenset[str]
    early: tuple[Predicate, ...]
    readings: tuple[_Reading, ...]
    fixed: tuple[tuple[int, int], ...]
    least: int


@dataclass(frozen=True, slots=True)
class _Branch:
    """A node of the trie: bits of one unit that every candidate below fixes choose the next node."""

    index: int
    mask: int
    next: dict[int, _Branch | tuple[_Candidate, ...]]


def _gaps(node: _Branch | tuple[_Candidate, ...], path: dict[int, int]) -> Iterator[dict[int, int]]:
    """Units, by number, that lead where a trie has nothing, or to candidates that may all refuse them."""
    if not isinstance(node, _Branch):
        yield path
        return
    value, at = 0, path.get(node.index, 0)
    while value in node.next and value != node.mask:
        value = value - node.mask & node.mask
    if value not in node.next:
        yield path | {node.index: at | value}
    for value, below in node.next.items():
        yield from _gaps(below, path | {node.index: at | value})


def _fetched(units: Mapping[int, int], fetched: dict[int, int], number: int) -> int:
    return fetched.setdefault(number, units.get(number, 0))


class Decoder:
    """Finds the instruction that units hold, among encodings that do not overlap."""

    def __init__(self, encodings: Mapping[str, Encoding], decode: Decode) -> None:
        self.decode_rules = decode
        self._prefixes = {unit: (name, value) for name, row in decode.prefixes.items() for unit, value in row.items()}
        self._cells = decode.unit // decode.pc_unit
        self._encodings = encodings

    @cached_property
    def _root(self) -> _Branch | tuple[_Candidate, ...]:
        candidates = [_candidate(name, encoding) for name, encoding in self._encodings.items()]
        return _trie(sorted(candidates, key=lambda c: c.least), 0, 0)

    def undefined(self) -> tuple[int, ...]:
        """Units that no encoding accepts; none where what is tried is an instruction always."""
        for gap in islice(_gaps(self._root, {}), MOST_TRIED):
            fetched: dict[int, int] = {}
            if self.decode(partial(_fetched, gap, fetched)) is None:
                return tuple(fetched.values())
        return ()

    def decode(self, fetch: Callable[[int], int]) -> Decoded | None:
        """The instruction whose unit number k is `fetch(k)`, or None; fetches no unit that a shorter reading can do without.

        What `fetch` raises passes through.
        """
        units: list[int] = []
        found: dict[str, int] = {}
        most = self.decode_rules.max_length
        if self._prefixes:
            while True:
                if len(units) == most:
                    return None
                units.append(fetch(len(units)))
                if (prefix := self._prefixes.get(units[-1])) is None:
                    break
                found[prefix[0]] = prefix[1]
        start = max(len(units) - 1, 0)
        node = self._root
        while isinstance(node, _Branch):
            at = start + node.index
            while len(units) <= at:
                if at >= most:
                    return None
                units.append(fetch(len(units)))
            below = node.next.get(units[at] & node.mask)
            if below is None:
                return None
            node = below
        for candidate in node:
            if found and not candidate.rejected_prefixes.isdisjoint(found):
                continue
            operands = candidate.zeros | found if found else candidate.zeros.copy()
            if all(demand(operands) for demand in candidate.early):
                end = self._read(candidate, operands, units, start, fetch)
                if end is not None:
                    return Decoded(candidate.id, operands, end * self._cells, tuple(units[:end]))
        return None

    def _read(
        self, candidate: _Candidate, operands: dict[str, int], units: list[int], at: int, fetch: Callable[[int], int]
    ) -> int | None:
        """Read the steps of a candidate into `operands`; the index after its last unit, or None if they do not match."""
        most, join = self.decode_rules.max_length, self.decode_rules.join
        for reading in candidate.readings:
            if reading.when is not None and not reading.when(operands):
                continue
            first = at
            for mask, value in reading.literals:
                if len(units) <= at:
                    if at >= most:
                        return None
                    units.append(fetch(at))
                if units[at] & mask != value:
                    return None
                at += 1
            if reading.parts:
                word = units[first] if at == first + 1 else join(units[first:at])
                for part in reading.parts:
                    if part.simple is not None:
                        operands[part.name] = word >> part.simple[0] & part.simple[1]
                    else:
                        operands[part.name] = _gather(part.slot, word)
            for demand in reading.demands:
                if not demand(operands):
                    return None
        return at


def _gather(slot: Slot, word: int) -> int:
    value = 0
    for at, low, count in slot.pieces:
        value |= (word >> low & terms.mask(count)) << at
    if slot.signed and slot.top < slot.width:
        value = terms.signed(slot.top, value) & terms.mask(slot.width)
    return value


def _candidate(name: str, encoding: Encoding) -> _Candidate:
    decode = encoding.decode
    settled = {slot.name: i for i, step in enumerate(encoding.steps) for slot in step.slots}
    due: dict[int, list[Predicate]] = {}
    for demand in knownbits.conjuncts(encoding.when):
        variables = [v.name.text for v in terms.walk([demand]) if v.op == "var"]
        due.setdefault(max((settled.get(v, -1) for v in variables), default=-1), []).append(compiled(demand))
    readings: list[_Reading] = []
    for i, step in enumerate(encoding.steps):
        literals = tuple(zip(decode.split(step.mask, step.units), decode.split(step.value, step.units), strict=True))
        parts = tuple(_part(slot) for slot in step.slots)
        always = step.when is terms.TRUE
        demands = tuple(due.pop(i, ())) if always else ()
        readings.append(_Reading(None if always else compiled(step.when), literals, parts, demands))
    early = tuple(due.pop(-1, ()))
    if late := tuple(demand for i in sorted(due) for demand in due[i]):
        readings.append(_Reading(None, (), (), late))
    fixed: list[tuple[int, int]] = []
    for reading in readings:
        if reading.when is not None:
            break
        fixed += reading.literals
    zeros = dict.fromkeys(encoding.operands, 0)
    return _Candidate(
        name,
        zeros,
        frozenset(decode.prefixes) - set(encoding.prefixes),
        early,
        tuple(readings),
        tuple(fixed),
        len(fixed),
    )


def _part(slot: Slot) -> _Part:
    if len(slot.pieces) == 1 and not slot.shift and (slot.top == slot.width or not slot.signed):
        return _Part(slot.name, (slot.pieces[0][1], terms.mask(slot.pieces[0][2])), slot)
    return _Part(slot.name, None, slot)


def _trie(candidates: Sequence[_Candidate], index: int, used: int) -> _Branch | tuple[_Candidate, ...]:
    """The node for candidates that agree on all units below `index` and on the bits `used` of unit `index`.

    A unit beyond the first is looked at only when no candidate could fail, or end, before it.
    """
    if not candidates or any(len(c.fixed) <= index for c in candidates):
        return tuple(candidates)
    common = ~used
    for candidate in candidates:
        common &= candidate.fixed[index][0]
    if common:
        groups: dict[int, list[_Candidate]] = {}
        for candidate in candidates:
            groups.setdefault(candidate.fixed[index][1] & common, []).append(candidate)
        return _Branch(index, common, {value: _trie(group, index, used | common) for value, group in groups.items()})
    if len(candidates) > 1 and all(c.fixed[index][0] == used and not _checks_at(c, index) for c in candidates):
        return _trie(candidates, index + 1, 0)
    return tuple(candidates)


def _checks_at(candidate: _Candidate, index: int) -> bool:
    """Whether a demand is checked once the unit `index` has been read."""
    end = 0
    for reading in candidate.readings:
        end += len(reading.literals)
        if reading.demands and end == index + 1:
            return True
    return False


def is_canonical(encoding: Encoding, operands: Operands) -> bool:
    """Whether the operands (all of them) satisfy P_enc."""
    in_range = all(0 <= operands[name] <= terms.mask(o.width) for name, o in encoding.operands.items())
    return in_range and bool(compiled(encoding.canonical)(operands))


def completed(encoding: Encoding, operands: Operands) -> dict[str, int]:
    """The operands with those that are not given 0."""
    return {**dict.fromkeys(encoding.operands, 0), **operands}


def length(encoding: Encoding, operands: Operands) -> int:
    """How many units of PC the canonical encoding of operands (all of them) takes."""
    return compiled(encoding.length)(operands)


def encode(encoding: Encoding, operands: Operands) -> tuple[int, ...]:
    """The units of an instruction. Raises ValueError unless the operands are canonical."""
    wrong = sorted(set(operands) ^ set(encoding.operands))
    if wrong:
        raise ValueError(f"operands {', '.join(wrong)} are missing or unknown: expected {', '.join(encoding.operands)}")
    if not is_canonical(encoding, operands):
        raise ValueError(f"operands {dict(operands)} have no canonical encoding")
    units: list[int] = []
    for name in encoding.prefixes:
        if operands[name]:
            units.append(next(unit for unit, v in encoding.decode.prefixes[name].items() if v == operands[name]))
    for step in encoding.steps:
        if compiled(step.when)(operands):
            word = step.value
            for slot in step.slots:
                for at, low, count in slot.pieces:
                    word |= (operands[slot.name] >> at & terms.mask(count)) << low
            units += encoding.decode.split(word, step.units)
    return tuple(units)


def to_bytes(units: Sequence[int], decode: Decode) -> bytes:
    """Units as bytes, each in the order of the machine; ValueError unless units are whole bytes."""
    return b"".join(unit.to_bytes(_unit_bytes(decode), decode.order) for unit in units)


def from_bytes(data: bytes, decode: Decode) -> Iterator[int]:
    """The whole units that stand in `data`, a rest being ignored; ValueError unless units are whole bytes."""
    size = _unit_bytes(decode)
    return (int.from_bytes(data[i : i + size], decode.order) for i in range(0, len(data) - size + 1, size))


def _unit_bytes(decode: Decode) -> int:
    if decode.unit % 8:
        raise ValueError(f"units of {decode.unit} bits are not whole bytes")
    return decode.unit // 8
