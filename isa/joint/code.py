"""The code of two machines as one: what says the same stands once, what does not asks which machine it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pgcheck.isa.joint.renaming import renamed, renamed_term
from pgcheck.isa.joint.state import IS_HOST
from pgcheck.isa.machine.machine import ExitRule, Machine
from pgcheck.isa.terms import Term, local
from pgcheck.isa.terms.ir import BUILTIN_EXITS, Block, Function, If, SetLocal, Statement
from pgcheck.isa.terms.reads import calls

OF_HOST: Final = "host "
"""What a function's name begins with that the host has, where the guest's of that name is another."""
ANYWHERE: Final = frozenset(BUILTIN_EXITS)


@dataclass(frozen=True)
class Code:
    """The functions of both machines; a guest's keep their names."""

    host: Machine
    guest: Machine

    @cached_property
    def common(self) -> frozenset[str]:
        """The functions that go by one name though they may not say the same: traps, cuts, and what the machine itself calls."""
        a, b = self.host.code, self.guest.code
        traps = {n for n, rule in a.exits.items() if b.exits.get(n) == rule}
        cuts = {n for n in a.tables if n in b.tables}
        own = _own(self.host) | {a.fetch}
        return frozenset(n for n in traps | cuts | own if self.alike(n))

    @cached_property
    def same(self) -> frozenset[str]:
        """The functions that both have and that say the same, with all that they call: by a name that is common, whatever that says."""
        a, b = self.host.code, self.guest.code
        found = {n for n, f in a.functions.items() if b.functions.get(n) == f and (n in self.common or self._plain(n))}
        while True:
            kept = {n for n in found if set(calls(a.functions[n].body)) <= found | self.common | ANYWHERE}
            if kept == found:
                return frozenset(found)
            found = kept

    def _plain(self, name: str) -> bool:
        """Whether a function is neither a trap nor a cut on either machine."""
        return not any(name in m.code.exits or name in m.code.tables for m in (self.host, self.guest))

    @cached_property
    def both(self) -> frozenset[str]:
        """The functions of one name that ask which machine it is."""
        return self.common - self.same

    def alike(self, name: str) -> bool:
        """Whether both machines have a function, with parameters and results of the same widths."""
        one, other = self.host.code.functions.get(name), self.guest.code.functions.get(name)
        if one is None or other is None:
            return False
        return ([w for _, w in one.parameters], one.results) == ([w for _, w in other.parameters], other.results)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What functions of the host are called where the guest has others of their names."""
        return {
            n: OF_HOST + n
            for n in self.host.code.functions
            if n in self.guest.code.functions and n not in self.same | self.both
        }

    def hosts(self, block: Block) -> Block:
        """Code of the host by the names that its functions have."""
        return renamed(block, self.names)

    def hosts_term(self, term: Term) -> Term:
        return renamed_term(term, self.names)

    def says_the_same(self, host: Block, guest: Block) -> bool:
        """Whether two pieces of code say the same, with all that they call."""
        return host == guest and set(calls(host)) <= self.same | self.common | ANYWHERE

    def either(self, host: Block, guest: Block) -> Block:
        """Code that is the host's on the real machine and the guest's on the virtual one."""
        return guest if self.says_the_same(host, guest) else (If(IS_HOST, self.hosts(host), guest),)

    def functions(self) -> dict[str, Function]:
        """All functions by the names that they have in both."""
        found = dict(self.guest.code.functions)
        for name, function in self.host.code.functions.items():
            if name in self.both:
                found[name] = self._combined(function, found[name])
            elif name not in self.same:
                new = self.names.get(name, name)
                found[new] = Function(new, function.parameters, function.results, self.hosts(function.body))
        return found

    def _combined(self, host: Function, guest: Function) -> Function:
        """One function with the guest's parameters, which the host's code has by the names that it knows."""
        pairs = [
            (old, new, w) for (old, w), (new, _) in zip(host.parameters, guest.parameters, strict=True) if old != new
        ]
        held: list[Statement] = [SetLocal(f"{OF_HOST}{new}", local(w, new)) for _, new, w in pairs]
        named: list[Statement] = [SetLocal(old, local(w, f"{OF_HOST}{new}")) for old, new, w in pairs]
        body = (If(IS_HOST, (*held, *named, *self.hosts(host.body)), guest.body),)
        return Function(guest.name, guest.parameters, guest.results, body)

    def exits(self) -> dict[str, ExitRule]:
        """All traps by their names in both."""
        found = dict(self.guest.code.exits)
        for name, rule in self.host.code.exits.items():
            new = self.names.get(name, name)
            if new not in found:
                nested = self.names.get(rule.nested, rule.nested)
                found[new] = ExitRule(new, rule.kind, rule.selector, rule.kinds, nested)
        return found

    def misfits(self) -> Iterator[str]:
        """Why the code of the two machines cannot be one."""
        a, b = self.host.code, self.guest.code
        if a.fetch != b.fetch:
            yield f"the function that fetches is {a.fetch} here and {b.fetch} there"
        if _own(self.host) != _own(self.guest):
            yield "interrupts, translation or firmware are functions of other names there"
        for name in sorted(_own(self.host) & _own(self.guest)):
            if not self.alike(name):
                yield f"{name} takes or gives something else there"
        if a.translation is not None and b.translation is not None:
            one, other = ((t.mode, t.access) for t in (a.translation, b.translation))
            if one != other:
                yield "translation takes its mode and its kind of access at other places there"
        for site in (s for s in a.sites if s in b.sites and a.sites[s] != b.sites[s]):
            yield f"the site {site} is of another type there"
        for name in sorted(n for n in a.tables if n in b.functions and not self.alike(n)):
            yield f"the table {name} takes or gives something else there"


def _own(machine: Machine) -> frozenset[str]:
    """What the machine itself calls: translation and its probes, interrupts, firmware."""
    code, firmware = machine.code, machine.platform.firmware
    found = set[str]() if code.translation is None else {code.translation.function, *code.translation.probes}
    if code.interrupt is not None:
        found |= {n for n in (code.interrupt.pending, code.interrupt.deliver, code.interrupt.waiting) if n}
    return frozenset(found | ({firmware.call} if firmware is not None else set()))
