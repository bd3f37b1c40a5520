"""What instructions claim of how they end: `access:` with a trap and a condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from pgcheck.isa.files import schema
from pgcheck.isa.files.errors import Text
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.types import Bits, Enum
from pgcheck.isa.machine.machine import Claim
from pgcheck.isa.machine.resolve import one_of, signature, truth
from pgcheck.isa.terms import TRUE

COMPLETES: Final = "completes"
CLASSES: Final = ("supervisor", "user")


def claims(program: Program, given: schema.Instruction, operands: Mapping[str, Bits]) -> Iterator[Claim]:
    """The claims with a cause; problems are reported."""
    for mode, said in given.access.items():
        for claim in () if isinstance(said, Text) else said:
            known = one_of(program, claim.cause, causes(program), "trap")
            when = TRUE if claim.when is None else truth(program, claim.when, operands)
            if known and when is not None:
                yield Claim(str(mode), str(claim.cause), when, claim.cause.position)


def check_modes(program: Program, given: Sequence[schema.Instruction], leaf: str) -> None:
    """Claims are about a class of modes, or about a mode by its name in the enum of the mode leaf; problems are reported."""
    types = [e.type for e in program.entries.values() if leaf in e.leaves]
    names = [n for t in types if isinstance(t, Enum) for n in t.members]
    for instruction in given:
        for mode in instruction.access:
            one_of(program, mode, (*CLASSES, *names), "mode")


def causes(program: Program) -> tuple[str, ...]:
    """What a trap goes by: its terminator, the values of that's enum arguments, or both; and completion."""
    found: dict[str, None] = {COMPLETES: None}
    for name in sorted(program.terminators):
        types = signature(program, name) if name in program.declarations else None
        enums = [t.members for t in types[0] if isinstance(t, Enum)] if types is not None else []
        found[name] = None
        for members in product(*enums):
            found |= dict.fromkeys((*members, f"{name}({', '.join(members)})"))
    return tuple(found)
