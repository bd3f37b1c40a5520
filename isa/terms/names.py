"""Names of free terms: what a variable, an array or an uninterpreted function stands for, as a value and not as a string.

A name is printed `[copy.][space.]text[#instance][~trial]`. No two names are printed alike: a state leaf of a copy is printed without its
space, and a name in no space without one, unless the text itself begins like a copy or a space.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal, TypeAlias, get_args

Space: TypeAlias = Literal["", "s", "l", "o", "p", "n", "f", "k", "e", "table", "probe", "xl", "mmu"]
FREE: Final = ""  # what no specification names: a field of an encoding, an unknown of a proof
STATE: Final = "s"  # a leaf
LOCAL: Final = "l"
OPERAND: Final = "o"
PARAMETER: Final = "p"  # of a function that is looked at by itself
CHOICE: Final = "n"  # what a nondeterministic site gives
READ: Final = "f"  # what a volatile leaf gives, or becomes by being read
INDEX: Final = "k"  # the element at which two values of an array leaf are compared
ELEMENT: Final = "e"  # of a small array, which the text is the name of, at an index
TABLE: Final = "table"
PROBE: Final = "probe"
TRANSLATION: Final = "xl"
MMU: Final = "mmu"  # what a monitor's memory management decides

LINK: Final = 1 << 20  # a step's k-th delivery counts its instances of sites and volatile reads from k * LINK on

Tag: TypeAlias = Literal["", "v", "r", "a", "b", "h", "h2", "c", "next"]
VIRTUAL: Final = "v"
REAL: Final = "r"
FIRST: Final = "a"
SECOND: Final = "b"
HELD: Final = "h"  # what the processor held before
HELD_OTHERWISE: Final = "h2"
CONTEXT: Final = "c"  # of shadow tables
NEXT_CONTEXT: Final = "next"

_SPACES: Final[dict[str, Space]] = {space: space for space in get_args(Space)}
_TAGS: Final[dict[str, Tag]] = {tag: tag for tag in get_args(Tag)}
_RESERVED: Final = frozenset((*_SPACES, *_TAGS))
_ESCAPES: Final[dict[str, str]] = {"%": "%25", "#": "%23", "~": "%7e"}


@dataclass(frozen=True, slots=True)
class Name:
    """What a free term stands for: `text` in a space, the `instance` of a site or volatile read, of which `copy` of a step.

    `trial` tells apart the instances of one formula that are asked together. Names are ordered as they are printed.
    """

    space: Space
    text: str
    instance: int | None = None
    copy: Tag = ""
    trial: int | None = None

    def of(self, copy: Tag) -> Name:
        """The same of a copy."""
        return replace(self, copy=copy)

    def tried(self, trial: int) -> Name:
        """The same of one instance of a formula; of an instance of an instance, each of its own."""
        outer = 0 if self.trial is None else self.trial + 1
        return replace(self, trial=(outer + trial) * (outer + trial + 1) // 2 + trial)

    def __str__(self) -> str:
        return _printed(self)

    def __lt__(self, other: Name) -> bool:
        return str(self) < str(other)


@cache
def leaf_name(leaf: str, copy: Tag = "") -> Name:
    """A leaf's name, made once."""
    return Name(STATE, leaf, copy=copy)


@cache
def _printed(name: Name) -> str:
    plain = (name.space == STATE and name.copy != "") or (name.space == FREE and name.copy == "")
    mistaken = "." in name.text and name.text.partition(".")[0] in _RESERVED
    return "".join((
        f"{name.copy}." if name.copy else "",
        "" if plain and not mistaken else f"{name.space}.",
        "".join(_ESCAPES.get(c, c) for c in name.text),
        "" if name.instance is None else f"#{name.instance}",
        "" if name.trial is None else f"~{name.trial}",
    ))  # fmt: skip


def read(text: str) -> Name:
    """The name that is printed so. Raises ValueError for what no name is printed like."""
    rest, tried, trial = text.partition("~")
    rest, counted, instance = rest.partition("#")
    head, dot, tail = rest.partition(".")
    copy = _TAGS.get(head, "") if dot else ""
    if copy:
        rest = tail
        head, dot, tail = rest.partition(".")
    space = _SPACES.get(head) if dot else None
    if space is not None:
        rest = tail
    for plain, escaped in reversed(_ESCAPES.items()):
        rest = rest.replace(escaped, plain)
    default: Space = STATE if copy else FREE
    name = Name(
        default if space is None else space,
        rest,
        int(instance) if counted else None,
        copy,
        int(trial) if tried else None,
    )
    if str(name) != text:
        raise ValueError(f"no name is printed {text!r}")
    return name
