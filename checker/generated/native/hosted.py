"""Records of native code, and the host that it asks: what is kept in the one, and what the other does on the state."""

from __future__ import annotations

from abc import ABC

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.native.cells import WORD
from pgcheck.checker.generated.native.meant import Meant
from pgcheck.checker.generated.native.memory import ASKED, CLEARED, FIELD, Memory
from pgcheck.checker.generated.native.ways import Way, bits, truth
from pgcheck.checker.generated.traced import ACCESS, NO_ACCESS, TRACE
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, eq, extract, land, lnot, lor, mk, variable, zext
from pgcheck.isa.terms.names import CHOICE, FREE, Name
from pgcheck.models.native.lowering.layout import WIDEST
from pgcheck.models.native.lowering.plan import Request
from pgcheck.models.symbolic import NEXT_PC
from pgcheck.models.symbolic.path import Path


class Hosted(Memory, ABC):
    """Memory with the record of the instruction that runs and a host."""

    # ---- records

    def field(self, way: Way, offset: Term, width: int) -> Term:
        """A number of the record."""
        if not offset.is_constant:
            raise Unknown("a field of a record")
        found = way.state.get(f"{FIELD}{offset.value}")
        if found is None or found.width != width:
            raise Unknown(f"{width} bits of byte {offset.value} of a record, which nothing has set so")
        return found

    def put_field(self, way: Way, offset: Term, value: Term) -> None:
        if not offset.is_constant:
            raise Unknown("a field of a record")
        at, size = offset.value, value.width // 8
        for name in [n for n in way.state if n.startswith(FIELD)]:
            start = int(name[len(FIELD) :])
            if start < at + size and at < start + way.state[name].width // 8 and start != at:
                raise Unknown("fields of a record that overlap")
        if at < 16:
            raise Unknown("a write to the head of a record")
        way.state[f"{FIELD}{at}"] = value

    def led(self, way: Way, base: str, offset: Term) -> str:
        """What an address that is kept in memory leads to."""
        layout = self.plan.layout
        if base == "st" and offset.is_constant:
            if offset.value == layout.header["host"].at:
                return "led header host"
            raise Unknown("an address in native memory")
        if base == "st" and offset is variable(WORD, Name(FREE, "$ record of the table of records")):
            return "handler jumped"
        if base == "rec" and offset.is_constant:
            if offset.value == layout.link:
                return "linked"
            if offset.value == layout.record:
                return "handler behind"
        if base == "linked" and offset.is_constant and not offset.value:
            return "handler linked"
        raise Unknown(f"an address at {base}")

    def linked(self, way: Way, base: str, offset: Term, to: str) -> None:
        """An address is written."""
        if base == "rec" and offset.is_constant and offset.value in (0, self.plan.layout.link):
            return
        raise Unknown(f"an address is written at {base}")

    # ---- the host

    def specification(self, way: Way) -> Meant:
        """The specification on the state of a way; `took` takes over what became of it."""
        spec, state = self.spec, way.state
        leaves = {n: state[n] for n in (*self.machine.state.leaves, TRACE)}
        spec.frame = Path({**leaves, ACCESS: NO_ACCESS, NEXT_PC: self._next(way)}, {})
        spec.path, spec.instances = list(way.literals), dict(way.instances)
        return spec

    def _next(self, way: Way) -> Term:
        return extract(way.state["$ next"], self.machine.state.leaves[self.machine.state.pc].width - 1, 0)

    def took(self, way: Way) -> None:
        state = dict(self.spec.frame.state)
        way.state["$ next"] = zext(state.pop(NEXT_PC), WORD)
        state.pop(ACCESS)
        way.state |= state
        way.instances = dict(self.spec.instances)

    def served(self, way: Way, request: int, a: Term, b: Term) -> Term:
        """What the host answers: it does what it is asked for, and never fails."""
        state = way.state
        if request == Request.GUARD:
            return constant(32, 0)
        self.known(way, request in (Request.UNDEFINED, Request.VOLATILE))
        spec = self.specification(way)
        self._serve(spec, way, Request(request), a, b)
        self.took(way)
        if request != Request.UNDEFINED:
            state["$ check"] = constant(WORD, 1)
        return constant(32, 0)

    def known(self, way: Way, site: bool) -> None:
        """Before the host may be asked: it is to know how far the machine has come, and sites are to be numbered anew."""
        state, pc = way.state, self.machine.state.pc
        if not self.synced:
            return
        self.escape(way, "the host does not know what is left", lnot(eq(state["$ left"], self.left)))
        if not self.writes_pc:
            self.escape(way, "the host does not know PC", lnot(eq(zext(state[pc], WORD), self.pc)))
        anew = eq(state["$ fresh"], constant(WORD, 1))
        self.escape(way, "sites are numbered anew too late", land(anew, state[ASKED]))
        state[CLEARED], state["$ fresh"] = lor(state[CLEARED], anew), constant(WORD, 0)
        if site:
            self.escape(way, "an earlier instruction's number of a site", lnot(state[CLEARED]))
            state[ASKED] = TRUE

    def _serve(self, spec: Meant, way: Way, request: Request, a: Term, b: Term) -> None:
        space, state, value = self.machine.state, way.state, "$ value 0"
        if request == Request.UNDEFINED:
            if not a.is_constant or not b.is_constant:
                raise Unknown("a site that is not known")
            site, width = list(self.plan.sites)[a.value], b.value
            state[value] = zext(bits(variable(width, spec.instance(CHOICE, site))), WIDEST)
            return
        if request in (Request.LOAD, Request.STORE):
            if not b.is_constant:
                raise Unknown("an access of any width")
            width = b.value * space.memory_unit
            self.escape(way, "an address beyond the machine's", self._high(a, space.address_width))
            address = extract(a, space.address_width - 1, 0)
            if request == Request.LOAD:
                state[value] = zext(spec.load(address, width), WIDEST)
            else:
                spec.write(address, extract(state[value], width - 1, 0))
                self._changed(way)
            return
        if request == Request.CUT or not a.is_constant:
            raise Unknown("what the host is asked for")
        leaf = space.leaves[list(self.plan.leaves)[a.value]]
        index = None if b.is_constant and not b.value else mk("sub", WORD, b, constant(WORD, 1))
        if isinstance(leaf, ArrayLeaf) is (index is None):
            raise Unknown("the host is asked for an element of what has none")
        at = None if index is None or not isinstance(leaf, ArrayLeaf) else self._at(leaf, index)
        if request == Request.VOLATILE:
            if at is not None:
                spec.indexed(leaf.name, at, write=False)
            state[value] = zext(bits(spec.volatile(leaf)), WIDEST)
            return
        self._changed(way)
        new = extract(state[value], (leaf.element_width or 1) - 1, 0)
        new = new if leaf.element_width else truth(new)
        if at is None or not isinstance(leaf, ArrayLeaf):
            spec.frame.state[leaf.name] = new
        else:
            spec.set_element(leaf, at, new)

    @staticmethod
    def _high(a: Term, width: int) -> Term:
        if width >= a.width:
            return FALSE
        rest = extract(a, a.width - 1, width)
        return lnot(eq(rest, constant(rest.width, 0)))
