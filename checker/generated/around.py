"""What is around a part of a block: where it stands, what is kept beside the state, and translations that the block remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.generated.traced import ACCESS, NO_ACCESS, TRACE, WIDTH, Traced, accessed
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import FALSE, Term, apply, extract, mk, variable
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.models.generated.lines import Setting
from pgcheck.models.symbolic import State

COUNT: Final = 64
LOOPS, LEAVES = "goes back", "leaves"
LOOKS, MUST, CLOCK, OWED, NUMBERED = "$looks", "$must", "$clock", "$owed", "$numbered"
OUTSIDE: Final = (LOOKS, MUST, CLOCK, OWED, NUMBERED)
"""What the state of a part has besides that of the machine; all are false at its start but the clock, which is any."""

FAULT, PAGE, WALKED = (Name(FREE, f"$ {what} of translation") for what in ("fault", "page", "accesses"))
LOOKING, REMEMBERED, QUIET, CLOCKED = (
    Name(FREE, f"$ {what}") for what in ("something looks", "a page is remembered", "nobody watches", "clock before")
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part stands: in a block for a setting, as number `k`, for the instruction at `pc`; `arrays` and `tables` are the block's."""

    setting: Setting
    k: int
    pc: int
    arrays: tuple[str, ...]
    tables: tuple[tuple[int, ...], ...]


def outside() -> dict[str, Term]:
    """What is kept beside the state, at the start of a part."""
    return {**dict.fromkeys(OUTSIDE, FALSE), CLOCK: variable(COUNT, CLOCKED)}


class Cut(Traced):
    """An execution in which translations that a block remembers are any function of their arguments and of what was done before.

    It carries the low bits of the address, as the generator has found of the function that it does; the function has a proof of its own.
    """

    def __init__(
        self,
        machine: Machine,
        state: State,
        operands: Mapping[str, Term],
        block: tuple[Setting, Sequence[tuple[int, ...]]],
    ) -> None:
        super().__init__(machine, state, operands, cuts=False)
        self.setting, self.tables = block

    def opaque(self, args: Sequence[Term]) -> bool:
        """Whether translations with these arguments are looked up in a table of the block."""
        fixed = [a for i, a in enumerate(args) if i != self.setting.address]
        return all(a.is_constant for a in fixed) and tuple(a.value for a in fixed) in self.tables

    def call(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        translation = self.machine.code.translation
        if translation is None or name != translation.function or not self.opaque(args):
            return super().call(name, args)
        state, low = self.frame.state, self.setting.pages
        state[ACCESS] = accessed(args)
        given = (*args, state[TRACE])
        self.exit(TRANSLATE, args, when=apply(0, FAULT, *given))
        (width,) = self.machine.code.functions[name].results
        address = args[self.setting.address]
        page = extract(address, address.width - 1, low)
        paged = (page if i == self.setting.address else a for i, a in enumerate(given))
        state = self.frame.state
        state[ACCESS] = NO_ACCESS
        state[TRACE] = apply(WIDTH, WALKED, *given)
        return (mk("concat", width, apply(width - low, PAGE, *paged), extract(address, low - 1, 0)),)
