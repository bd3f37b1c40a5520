"""The words of a report: what verdicts, sensitivities and differences are called, and values as people read them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.result import StateValue, Witness
from pgcheck.checker.values import NOTHING, Configuration, Mismatch, Sensitivity
from pgcheck.isa.machine.choices import MIRROR, Choice, Fields

WIDTH = 80

# One line each; the order is that of a report.
VERDICTS = {
    "hole": "the real machine goes on in user mode and the guest can tell",
    "unknown": "not decided",
    "timing": "only clocks tell: the guest sees real time",
    "conditional": "no hole under the configuration",
    "trap-mediated": "sensitive, but whenever it matters it traps into the monitor",
    "privileged": "traps in user mode, completes in supervisor mode",
    "intentional": "always traps: a request to the supervisor",
    "innocuous": "does the same on the real and on the virtual machine",
}
KINDS = {"ctl": "changes", "beh": "reveals", "trs": "traps by", "tks": "kind of trap by"}
STARTS = {"S": "from supervisor mode", "U": "from user mode", "SU": "between the two modes"}


def sensitivities(found: Iterable[Sensitivity]) -> str:
    """All sensitivities of an instruction in a phrase: `changes interrupt, mode; reveals mode`."""
    roles: dict[str, dict[str, None]] = {}
    for one in found:
        roles.setdefault(KINDS.get(one.kind, one.kind), {})[one.role] = None
    return "; ".join(f"{kind} {', '.join(found)}" for kind, found in roles.items())


def number(value: int) -> str:
    """A value as it is read best: small ones decimal, others hexadecimal."""
    return str(value) if -1 <= value < 10 else hex(value)


def configuration(chosen: Configuration | None) -> str:
    """A configuration as `A = 0, B = the guest's`; a table as `NAME answering {P: 0}`."""
    chosen = chosen or NOTHING
    leaves = (f"{n} = {_choice(v)}" for n, v in sorted(chosen.leaves.items()))
    return ", ".join((*leaves, *(_response(n, f) for n, f in sorted(chosen.tables.items())))) or "nothing fixed"


def _choice(value: Choice) -> str:
    return "the guest's" if value == MIRROR else number(value)


def _response(table: str, fields: Fields | None) -> str:
    if fields is None:
        return f"{table} as the guest's"
    return f"{table} answering {{{', '.join(f'{k}: {number(v)}' for k, v in fields.items())}}}"


def hidden(addresses: Sequence[tuple[int, int]] | None) -> str:
    """Which addresses of a guest's pages of the monitor's own take (None: it is not known), as a sentence."""
    if addresses is None:
        return "Which addresses of a guest's the monitor's own pages hide is not known."
    if not addresses:
        return "No address of a guest's is hidden by a page of the monitor's own."
    shown = ", ".join(f"{first:#x} to {last:#x}" for first, last in addresses)
    return f"Pages of the monitor's own hide a guest's addresses {shown}: what a guest does there, the monitor does for it."


REST: Final = -1


@dataclass(frozen=True, slots=True)
class Place:
    """One cell of state: a leaf, or an element of an array (REST: all that are not given)."""

    leaf: str
    index: int | None = None

    def __str__(self) -> str:
        if self.index is None:
            return self.leaf
        return f"{self.leaf}[{'*' if self.index == REST else number(self.index)}]"


def cells(values: Mapping[str, StateValue]) -> dict[Place, int]:
    """State by single cells."""
    flat: dict[Place, int] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {Place(name, i): v for i, v in value.items()}
        else:
            flat[Place(name)] = value
    return flat


def value_of(values: Mapping[Place, int], place: Place) -> int:
    """What a cell holds: what is not given is the array's other elements, or 0."""
    return values.get(place, values.get(Place(place.leaf, REST), 0))


def ending(name: str) -> str:
    """How a step ended, from the name of its exit."""
    ends = {
        "next": "goes on",
        "halt": "halts",
        "unpredictable": "does something unpredictable",
        "unmodelled": "runs into what the specification leaves out",
        "translation fault": "faults in translation",
    }
    return ends.get(name, f"traps: {name}")


def difference(witness: Witness, seen: Mismatch) -> str:
    """A mismatch that a witness shows, as a sentence without its full stop."""
    virtual = cells(witness.virtual), cells(witness.virtual_after)
    real = cells(witness.real), cells(witness.real_after)
    match seen.way:
        case "trap":
            return f"the virtual machine {ending(witness.virtual_exit)}, the real one {ending(witness.real_exit)}"
        case "virtual":
            return f"{_change(seen.place, *virtual)} on the virtual machine, and the monitor does not learn of it"
        case "real":
            return f"{_change(seen.place, *real)} on the real machine, which is the monitor's own"
        case "general" | "mirror":
            return _apart(seen.place, virtual[1], real[1])
        case "assumed":
            return f"the real machine ends in a state that `{seen.place}` does not allow"
        case "payload":
            return f"both trap by {seen.place}, with different arguments"
        case way:
            return f"the real machine {ending(way)}"


def _touched(leaf: str, *states: Mapping[Place, int]) -> list[Place]:
    places = dict.fromkeys(place for state in states for place in state if place.leaf == leaf)
    return [p for p in places if len({value_of(s, p) for s in states}) > 1]


def _change(leaf: str, before: Mapping[Place, int], after: Mapping[Place, int]) -> str:
    for cell in _touched(leaf, before, after):
        return f"{cell} goes from {number(value_of(before, cell))} to {number(value_of(after, cell))}"
    return f"{leaf} changes"


def _apart(leaf: str, virtual: Mapping[Place, int], real: Mapping[Place, int]) -> str:
    for cell in _touched(leaf, virtual, real):
        here, there = number(value_of(virtual, cell)), number(value_of(real, cell))
        return f"{cell} becomes {here} on the virtual machine, {there} on the real one"
    return f"{leaf} differs afterwards"


def units(values: Iterable[int], bits: int) -> str:
    """The units of an instruction in hexadecimal digits."""
    return " ".join(f"{v:0{-(-bits // 4)}x}" for v in values)


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 hole`, `2 holes`."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def wrapped(text: str, indent: str, first: str | None = None) -> list[str]:
    """The text in lines of at most 80 columns."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
