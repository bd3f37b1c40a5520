"""How the state of two machines is one state: leaves match by name and type, what else they name by what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pgcheck.checker.questions.copies import over
from pgcheck.checker.questions.legality import legal
from pgcheck.isa.joint.state import like
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, Term, land
from pgcheck.isa.terms.ir import EXECUTE
from pgcheck.isa.terms.names import CHOICE, FIRST, PROBE, READ, SECOND, TABLE, TRANSLATION, Tag

TAGS: Final[tuple[Tag, Tag]] = FIRST, SECOND


@dataclass(frozen=True)
class Sides:
    """Two machines over one state: `shared` leaves are those of both, all others each machine's own."""

    machines: tuple[Machine, Machine]

    @cached_property
    def shared(self) -> frozenset[str]:
        a, b = (m.state.leaves for m in self.machines)
        return frozenset(n for n in a if n in b and like(a[n]) == like(b[n]))

    @cached_property
    def before(self) -> tuple[Mapping[str, Term], Mapping[str, Term]]:
        """The state of either machine."""
        one, other = (
            {n: leaf.term if n in self.shared else leaf.copied(tag) for n, leaf in m.state.leaves.items()}
            for m, tag in zip(self.machines, TAGS, strict=True)
        )
        return one, other

    @cached_property
    def legal(self) -> Term:
        """The state is legal on both machines."""
        return land(*(over(legal(m), pre, m) for m, pre in zip(self.machines, self.before, strict=True)))

    @cached_property
    def sites(self) -> frozenset[str]:
        """The sites of choice that both machines have."""
        a, b = (m.code.sites for m in self.machines)
        return frozenset(n for n in a if n in b and a[n] == b[n])

    @cached_property
    def exits(self) -> frozenset[str]:
        """The traps that both have, with arguments of the same widths."""
        return frozenset(n for n in self._functions("exits") if not self._executing(n))

    def _functions(self, part: str) -> frozenset[str]:
        """The functions of a part of the code of both, with the same parameters and results."""
        a, b = (getattr(m.code, part) for m in self.machines)
        return frozenset(n for n in a if n in b and self.alike(n))

    def _executing(self, name: str) -> bool:
        return any(m.code.exits[name].kind == EXECUTE for m in self.machines)

    def alike(self, *names: str) -> bool:
        """Whether a function takes and gives on both machines what is as wide; of two names the second machine's is the second."""
        first, second = names[0], names[-1]
        one, other = (m.code.functions.get(n) for m, n in zip(self.machines, (first, second), strict=True))
        if one is None or other is None:
            return False
        wide = [([w for _, w in f.parameters], f.results) for f in (one, other)]
        return wide[0] == wide[1]

    @cached_property
    def tables(self) -> frozenset[str]:
        return self._functions("tables")

    @cached_property
    def translations(self) -> tuple[str, str] | None:
        """The functions that translate, where the two machines' take the same arguments."""
        a, b = (m.code.translation for m in self.machines)
        if a is None or b is None or not self.alike(a.function, b.function) or a.mode != b.mode:
            return None
        return a.function, b.function

    @cached_property
    def probes(self) -> frozenset[str]:
        a, b = (() if (t := m.code.translation) is None else t.probes for m in self.machines)
        return frozenset(n for n in a if n in b and self.alike(n))

    def known(self, name: Name) -> bool:
        """Whether an oracle is the same on both machines; of others nothing can be compared."""
        match name.space:
            case space if space == TRANSLATION:
                return self.translations is not None
            case space if space == TABLE:
                return name.text in self.tables
            case space if space == PROBE:
                return name.text in self.probes
        return True

    def own(self, name: Name) -> bool:
        """Whether a fresh variable is one machine's own: a read of its own leaf, a choice at a site that the other does not have."""
        match name.space:
            case space if space == READ:
                return name.text not in self.shared
            case space if space == CHOICE:
                return name.text not in self.sites
        return False
