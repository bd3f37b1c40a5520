"""What a generated machine has, and how it is wrong: drawn from a seed, within 256 states of the processor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from random import Random

SCHEMES = ("bounds", "pages", "external")
FEATURES = (
    *SCHEMES,
    "saved",  # a trap entry saves in leaves
    "stores",  # a trap entry saves in memory
    "interrupts",
    "timer",
    "waiting",
    "delegation",
    "partial",
    "fields",
    "rows",
    "choices",
    "mirrors",
    "candidates",
    "tables",
    "deployments",
    "hybrid",  # three modes
    "unmodelled",
    "unpredictable",
    "execute",
    "halt",
    "clock",
    "explicit",  # an access under a mode that the instruction names
    "probes",
    "payload",  # a trap hands over an address
    "nested",
    "firmware",
    "same",  # three modes; a guest has two of them, and runs in its own
)
"""Everything that the language has, as far as a machine of this size can have it."""
NEEDS: Mapping[str, str] = {"timer": "interrupts", "waiting": "interrupts"}
STATES = 256
WORDS = 16
PAIRS = tuple(p for p in combinations(FEATURES, 2) if not set(p) <= set(SCHEMES))
"""Pairs of features; a machine has one mapping scheme."""
BITS: Mapping[str, int] = {
    "interrupts": 1, "waiting": 1, "delegation": 1, "mirrors": 1, "candidates": 1, "clock": 1, "same": 1,
}  # fmt: skip
CODES: Mapping[str, int] = {
    "bounds": 2, "pages": 1, "external": 1,
    "explicit": 1, "probes": 1, "same": 1,
    "hybrid": 1,
    "fields": 2, "rows": 2, "interrupts": 0, "waiting": 1, "delegation": 1, "partial": 1, "choices": 1, "mirrors": 1,
    "candidates": 2, "tables": 1, "unmodelled": 1, "unpredictable": 1, "execute": 1, "halt": 1,
    "clock": 1,
    "mode is read": 1, "access is not translated": 1, "address is a value": 1, "refused in silence": 1, "changed in silence": 1, "line is read": 1,
    "middle mode is read": 1,
}  # fmt: skip
"""How many words of its encoding each takes, beside the five that every machine has."""
ALWAYS = 5

# What can be wrong, and the feature that it needs ("" for none).
FAULTS: Mapping[str, str] = {
    "mode is read": "",
    "no refusal": "",
    "refused in silence": "",
    "entry forgets the address": "",
    "entry spoils a register": "",
    "entry keeps the mode": "",
    "entry goes where the guest says": "",
    "return forgets a bit": "",
    "return spoils a register": "",
    "trap after a write": "",
    "legal is not kept": "",
    "guest is not kept": "",
    "access is not translated": "",
    "address is a value": "",
    "kind is read": "",
    "limit lets in": "bounds",
    "base is not added": "bounds",
    "denied is let in": "pages",
    "read-only is written": "pages",
    "root is the guest's": "pages",
    "line is read": "interrupts",
    "interrupt stays": "interrupts",
    "interrupt forgets": "interrupts",
    "interrupt is masked": "timer",
    "wait is not refused": "waiting",
    "delegation is not the monitor's": "delegation",
    "service stays": "",
    "partial twice": "partial",
    "row is not refused": "rows",
    "choice of the user": "choices",
    "mirror is one-sided": "mirrors",
    "mirror is forgotten": "mirrors",
    "candidate does not help": "candidates",
    "candidate is not offered": "candidates",
    "table tells the mode": "tables",
    "second deployment is worse": "deployments",
    "middle mode is read": "hybrid",
    "left out for the user": "unmodelled",
    "anything for the user": "unpredictable",
    "executes another word": "execute",
    "halt is not refused": "halt",
    "return stays": "",
    "entry stores where the guest says": "stores",
    "larger limit admits less": "bounds",
    "base moves unlike": "bounds",
    "base nothing refuses": "bounds",
    "mapped elsewhere": "pages",
    "entry leaves the guest": "saved",
    "entry is illegal": "saved",
    "line is general": "timer",
    "asking changes the guest": "interrupts",
    "classes meet": "",
    "monitor is the user": "",
    "clock is set": "clock",
    "explicit mode is not refused": "explicit",
    "probe is not refused": "probes",
    "payload leads": "payload",
    "payload is all that is kept": "payload",
    "nested spoils a register": "nested",
    "nested halts": "nested",
    "nested of the user": "nested",
    "firmware spoils a register": "firmware",
    "firmware returns": "firmware",
    "firmware goes where the guest says": "firmware",
    "same is not refused": "same",
    "translation changes a register": "",
    "translation changes control state": "saved",
    "fetch is not translated": "",
    "fetch shows the mode": "",
    "fetch changes a register": "",
    "address goes by a register": "",
    "refusal goes by a register": "partial",
    "base is a program's": "bounds",
    "root is a program's": "pages",
    "base is mirrored": "bounds",
    "translation chooses": "choices",
    "walk ignores a bit": "pages",
    "unit folds addresses": "external",
    "unit refuses an address": "external",
    "limit lets writes in": "bounds",
    "mirror is not allowed": "mirrors",
    "candidate cannot be set": "candidates",
    "memory trap stays": "",
    "changed in silence": "",
    "choice is narrower": "choices",
    "choice is wider": "choices",
    "choice goes by control": "candidates",
    "table is not checked": "tables",
    "candidate is not allowed": "candidates",
}


VOIDING = frozenset((
    "legal is not kept", "guest is not kept", "access is not translated", "address is a value", "limit lets in",
    "base is not added", "denied is let in", "read-only is written", "trap after a write",
    "larger limit admits less", "base moves unlike", "base nothing refuses", "mapped elsewhere", "entry leaves the guest",
    "entry is illegal", "classes meet", "monitor is the user",
    "translation changes a register", "translation changes control state", "fetch is not translated", "fetch shows the mode",
    "fetch changes a register", "address goes by a register", "refusal goes by a register", "base is a program's",
    "root is a program's", "base is mirrored", "translation chooses", "limit lets writes in", "memory trap stays",
))  # fmt: skip
"""Faults of the specification itself: they are drawn less often, for with one nothing else is said."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A machine to be written: its features, its faults, the widths of its addresses (in bits)."""

    seed: int
    features: frozenset[str]
    faults: frozenset[str]
    address: int
    physical: int

    def has(self, name: str) -> bool:
        """Whether it has this feature, or this fault."""
        return name in self.features or name in self.faults

    @property
    def modes(self) -> int:
        return 3 if self.has("hybrid") or self.has("same") else 2

    @property
    def kept(self) -> int:
        """How many bits a trap entry saves: an address, and the mode where a guest has two."""
        return self.address + 2 * self.has("same")

    @property
    def wide(self) -> bool:
        """Whether there are so many states that few instructions read memory."""
        return self.modes == 3 or self.address == 2

    @property
    def below(self) -> str:
        """In which modes what is privileged is refused."""
        return "M != 0" if self.has("same") else f"M == {self.modes - 1}"

    def trap(self, cause: str, place: str = "$pc") -> str:
        """A trap of a cause, which hands over an address where the machine does that."""
        return f"trap(Cause::{cause}, {place});" if self.has("payload") else f"trap(Cause::{cause});"


def plan(seed: int) -> Plan:
    """What the machine of this seed has. Every pair of features comes round once in `len(PAIRS)` seeds."""
    random = Random(seed)
    first = PAIRS[seed * 29 % len(PAIRS)]
    wanted = [*first, *random.sample(FEATURES, len(FEATURES))]
    count = random.randint(4, 8)
    chosen: set[str] = set()
    for name in wanted:
        more = chosen | {name, NEEDS.get(name, name)}
        most = count + 2 - ("pages" in more) * (2 + 2 * bool(more & {"hybrid", "probes", "same"}) + ("same" in more))
        if len(chosen) < most and not large(more) and len(more & set(SCHEMES)) <= 1 and fits(_whole(more)):
            chosen = more
    features = _whole(chosen)
    possible = [fault for fault, needed in FAULTS.items() if not needed or needed in features]
    if "same" in features and "line is read" in possible:
        possible.remove("line is read")  # a line that is up interrupts before it can be read
    weights = [1 if fault in VOIDING else 4 for fault in possible]
    faults = set[str]()
    for fault in random.choices(possible, weights, k=random.choice((0, 0, 0, 0, 1, 1, 1, 2))):
        faults |= {fault} if codes(features | faults | {fault}) <= WORDS else set()
    wide = (
        2
        if wider(features) or (random.random() < 0.3 and not features & {"hybrid", "same"} and fits(features, 2))
        else 1
    )
    physical = {"pages": 3, "bounds": 2}.get(scheme(features), wide)
    return Plan(seed, features, frozenset(faults), wide, physical)


def large(features: set[str]) -> bool:
    """Whether page tables come together with so much that deciding takes more than a few thousand runs."""
    return "pages" in features and len(features & {"hybrid", "same", "probes"}) > 1


def wider(features: frozenset[str]) -> bool:
    """Whether one bit of address is too few: for page tables, or for what a trap entry stores beside a guest."""
    return "pages" in features or {"stores", "payload"} <= features and scheme(features) == "external"


def codes(names: Iterable[str]) -> int:
    """How many words are instructions of a machine with these features and faults."""
    return ALWAYS + sum(CODES.get(name, 0) for name in names)


def scheme(features: frozenset[str]) -> str:
    """How a machine with these features translates."""
    return next(f for f in SCHEMES if f in features)


def _whole(chosen: set[str]) -> frozenset[str]:
    """Features with what every machine has one of."""
    mapping = set() if chosen & set(SCHEMES) else {"external" if "same" in chosen else "bounds"}
    entry = set() if chosen & {"saved", "stores"} else {"saved" if "same" in chosen else "stores"}
    return frozenset(chosen | mapping | entry)


def fits(features: frozenset[str], address: int = 1) -> bool:
    """Whether a machine with these features is small enough."""
    wide = 2 if wider(features) else address
    bits = wide + 1 + sum(BITS.get(f, 0) for f in features)
    bits += wide + 2 * ("same" in features) if "saved" in features else 0
    bits += 0 if scheme(features) == "external" else 2
    bits += wide if {"saved", "payload"} <= features else 0
    modes = 3 if features & {"hybrid", "same"} else 2
    return modes << bits <= STATES and codes(features) <= WORDS
