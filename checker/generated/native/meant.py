"""What the specification says, for comparison with native code: an execution that tells of accesses beyond RAM alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pgcheck.checker.generated.native.cells import WORD, held
from pgcheck.checker.generated.normal import normal
from pgcheck.checker.generated.traced import ACCESS, NO_ACCESS, TRACE, Traced, accessed
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, apply, constant, ite, mask, mk, variable, zext
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.models.symbolic import State


def room(count: int) -> Term:
    """The places of RAM from which so many units lie in it."""
    return held(f"limit {count}")


def place(machine: Machine, address: Term) -> Term:
    """Where an address lies in RAM, if it lies there."""
    apart = mk("sub", WORD, zext(address, WORD), held("ram_base"))
    return mk("and", WORD, apart, constant(WORD, mask(machine.state.address_width)))


@dataclass
class Opaque:
    """Functions, by what they read, that may give anything: calls of one with equal arguments in equal states give the same."""

    names: Mapping[str, Collection[str]]
    calls: dict[tuple[object, ...], int] = field(default_factory=dict)
    memos: list[dict[Term, Term]] = field(default_factory=list)

    def number(self, name: str, args: tuple[Term, ...], state: State) -> int:
        """The number of a call, and of all that are equal to it."""
        read = [state[n] for n in sorted(self.names[name])]
        key = name, *normal([*args, *read], self.memos)
        return self.calls.setdefault(key, len(self.calls))


class Meant(Traced):
    """An execution of the specification.

    What it accesses in functions of `silent` is not told, for native code may know what they give, but for one that is looked at by itself (`loud`).
    The translation `own` does not say what it was asked for: its caller does.
    """

    def __init__(
        self,
        machine: Machine,
        state: State,
        operands: Mapping[str, Term],
        silent: Collection[str] = (),
        loud: str = "",
    ) -> None:
        super().__init__(machine, state, operands, cuts=False)
        self.silent, self.loud, self.own = silent, loud, loud
        self.opaque: Opaque | None = None
        self._within = 0

    def accessed(self, address: Term, units: int, *, write: bool) -> None:
        if self._within:
            return
        before = self.frame.state[TRACE]
        how = constant(WORD, 2 * units + write)
        after = apply(WORD, Name(FREE, f"{TRACE} at {address.width}"), before, how, address)
        inside = mk("ult", 0, place(self.machine, address), room(units))
        self.frame.state[TRACE] = ite(inside, before, after)

    def call(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        silent = name in self.silent and name != self.loud
        if silent and self.opaque is not None and name in self.opaque.names:
            return self._opaque(self.opaque, name, args)
        self._within += silent
        found = self.plainly(name, args) if name == self.own else super().call(name, args)
        self._within -= silent
        return found

    def _opaque(self, opaque: Opaque, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        """The results of a function that may be any of its arguments and of the state."""
        state, translation = self.frame.state, self.machine.code.translation
        mine = translation is not None and name == translation.function and name != self.own
        state[ACCESS] = accessed(args) if mine else state[ACCESS]
        number = opaque.number(name, args, state)
        self.exit(f"{name} {number}", (), when=variable(0, Name(FREE, f"$fault {number}")))
        state = self.frame.state
        state[ACCESS] = NO_ACCESS if mine else state[ACCESS]
        widths = self.machine.code.functions[name].results
        return tuple(variable(w, Name(FREE, f"$result {k} of {number}")) for k, w in enumerate(widths))

    def plainly(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        """The results of a function, whose caller says of what access it is."""
        return super(Traced, self).call(name, args)
