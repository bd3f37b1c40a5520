"""The words of a report: what verdicts, sensitivities and differences are called, and values as people read them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping

from pgcheck.checker.result import StateValue, Witness

WIDTH = 80

# One line each; the order is that of a report.
VERDICTS = {
    "hole": "the real machine goes on in user mode and the guest can tell",
    "unknown": "not decided",
    "conditional": "no hole under the configuration",
    "timing": "only clocks tell; closed by logical time",
    "trap-mediated": "sensitive, but whenever it matters it traps into the monitor",
    "privileged": "traps in user mode, completes in supervisor mode",
    "intentional": "always traps: a request to the supervisor",
    "innocuous": "does the same on the real and on the virtual machine",
}
KINDS = {"ctl": "changes", "beh": "reveals", "trs": "traps by", "tks": "kind of trap by"}
STARTS = {"S": "from supervisor mode", "U": "from user mode", "SU": "between the two modes"}
_SENSITIVITY = re.compile(r"(\w+)\[(.+)@(\w+)\]")


def sensitivity(text: str) -> tuple[str, str, str]:
    """Kind, role and start mode of `kind[role@start]`."""
    found = _SENSITIVITY.fullmatch(text)
    return (found[1], found[2], found[3]) if found else (text, "", "")


def sensitivities(texts: Iterable[str]) -> str:
    """All sensitivities of an instruction in a phrase: `changes interrupt, mode; reveals mode`."""
    roles: dict[str, dict[str, None]] = {}
    for kind, role, _ in map(sensitivity, texts):
        roles.setdefault(KINDS.get(kind, kind), {})[role] = None
    return "; ".join(f"{kind} {', '.join(found)}" for kind, found in roles.items())


def number(value: int) -> str:
    """A value as it is read best: small ones decimal, others hexadecimal."""
    return str(value) if -1 <= value < 10 else hex(value)


def configuration(chosen: Mapping[str, object] | None) -> str:
    """A configuration as `A = 0, B = the guest's`; a table as `NAME answering {P: 0}`."""
    return ", ".join(_fixed(name, value) for name, value in (chosen or {}).items()) or "nothing fixed"


def _fixed(name: str, value: object) -> str:
    if name.startswith("@"):
        return f"{name[1:]} answering {_choice(value)}" if isinstance(value, Mapping) else f"{name[1:]} as the guest's"
    return f"{name} = {_choice(value)}"


def _choice(value: object) -> str:
    match value:
        case int():
            return number(value)
        case Mapping():
            return "{" + ", ".join(f"{k}: {_choice(v)}" for k, v in value.items()) + "}"
        case _:
            return "the guest's" if value == "mirror" else str(value)


def cells(values: Mapping[str, StateValue]) -> dict[str, int]:
    """State by single cells: an element of an array is `NAME[index]`, all its other elements `NAME[*]`."""
    flat: dict[str, int] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}[{number(i) if i >= 0 else '*'}]": v for i, v in value.items()}
        else:
            flat[name] = value
    return flat


def value_of(values: Mapping[str, int], cell: str) -> int:
    """What a cell holds: what is not given is the array's other elements, or 0."""
    return values.get(cell, values.get(cell.partition("[")[0] + "[*]", 0))


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


def difference(witness: Witness, differs: str) -> str:
    """One entry of a witness's `differs` as a sentence without its full stop."""
    kind, _, what = differs.partition(":")
    virtual = cells(witness.virtual), cells(witness.virtual_after)
    real = cells(witness.real), cells(witness.real_after)
    match kind:
        case "trap":
            return f"the virtual machine {ending(witness.virtual_exit)}, the real one {ending(witness.real_exit)}"
        case "virtual":
            return f"{_change(what, *virtual)} on the virtual machine, and the monitor does not learn of it"
        case "real":
            return f"{_change(what, *real)} on the real machine, which is the monitor's own"
        case "general" | "mirror":
            return _apart(what, virtual[1], real[1])
        case "assumed":
            return f"the real machine ends in a state that `{what}` does not allow"
        case "payload":
            return f"both trap by {what}, with different arguments"
        case _:
            return f"the real machine {ending(kind)}"


def _touched(leaf: str, *states: Mapping[str, int]) -> list[str]:
    names = {n: None for state in states for n in state if n == leaf or n.startswith(leaf + "[")}
    return [n for n in names if len({value_of(s, n) for s in states}) > 1]


def _change(leaf: str, before: Mapping[str, int], after: Mapping[str, int]) -> str:
    for cell in _touched(leaf, before, after):
        return f"{cell} goes from {number(value_of(before, cell))} to {number(value_of(after, cell))}"
    return f"{leaf} changes"


def _apart(leaf: str, virtual: Mapping[str, int], real: Mapping[str, int]) -> str:
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
