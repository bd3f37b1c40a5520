"""How translation maps pages, shown on the terms of the specification's own walk.

A shadow entry stands for a whole page and for every access that the processor makes through it. That is sound only if the walk gives all
of them one answer: nothing but where the address leads may depend on the low bits of the address or on what else is passed. It is shown
here once for a machine, by running the walk on terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import Term, evaluate, mk, parameter, variable, walk
from pgcheck.isa.terms.names import PARAMETER
from pgcheck.isa.terms.reads import bound_calls, free_leaves, leaves_read, terms_of
from pgcheck.models.generated.facts import Facts
from pgcheck.models.state import State, cells, scalar
from pgcheck.models.symbolic import Execution, initial
from pgcheck.vmm.translate import Unmappable

Args = tuple[int, ...]
PAGE = "page"


class NoTables(Unmappable):
    """Shadow page tables do not fit the machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The walk: the innermost function that does all of a translation's memory accesses.

    `linear` is the address it is given, over the parameters  and leaves of translation, and `position` that parameter when it
    is handed on as it is, else -1. `inner` are the leaves that the walk reads. `outer` are those read around it (segments), whose answer
    is the same on two machines that agree on them. The low `index` bits of the page number choose the last entry, if that is known.
    """

    linear: Term
    position: int
    inner: frozenset[str]
    outer: frozenset[str]
    index: int

    def address(self, args: Args, names: tuple[str, ...], state: State) -> int:
        """The address that the walk is given for a translation with `args`."""
        if self.position >= 0:
            return args[self.position]
        given = dict(zip(names, args, strict=True))

        def leaf(term: Term) -> int:
            name = term.name
            return given[name.text] if name.space == PARAMETER else scalar(state, name.text)

        def element(term: Term, index: int) -> int:
            return cells(state, term.name.text)[index]

        return evaluate([self.linear], leaf, element, lambda name, values, width: 0)[0]


def declared(machine: Machine) -> tuple[Translation, Entries]:
    """The translation of a machine that walks page tables, and what is known of their entries. Raises NoTables."""
    found = machine.code.confined_by(Entries)
    if found is None:
        raise NoTables(f"{machine.identity.name} has no page tables")
    return found


def pages(machine: Machine) -> Pages:
    """The walk of a machine with page tables. Raises NoTables when it is not shown to map pages to pages."""
    translation, tables = declared(machine)
    shift, top = tables.shift, translation.function
    effects = Facts(machine).function(top)
    if effects.volatile or effects.free or effects.writes:
        raise NoTables(f"{top} does more than read memory and state")
    inner = _innermost(machine, top)
    outside = _Around(machine, inner)
    names = [n for n, _ in translation.parameters]
    widths = dict(machine.code.functions[top].parameters)
    result = outside.call(top, tuple(parameter(widths[n], n) for n in names))[0]
    if len(outside.seen) != 1:
        raise NoTables(f"{top} walks the page tables {len(outside.seen)} times")
    handed, results = outside.seen[0], outside.results
    mode, access = (parameter(widths[names[k]], names[k]) for k in (translation.mode, translation.access))
    addresses = [k for k, term in enumerate(handed) if term is not mode and term is not access]
    if len(addresses) != 1:
        raise NoTables(f"the walk of {top} is given more than an address, an access and a mode")
    address = addresses[0]
    carried = _carried(machine, inner, address, [mode, access], shift)
    if result is not results[carried.result]:
        raise NoTables(f"{top} does not give the address that its walk found")
    conditions = [e.guard for e in outside.exits]
    if _among([results[carried.result], mode], [*conditions, handed[address]]):
        raise NoTables(f"{top} decides by more than the walk of the page tables does")
    linear = handed[address]
    return Pages(
        linear,
        next((k for k, n in enumerate(names) if linear is parameter(widths[n], n)), -1),
        leaves_read(machine.code.functions, inner, machine.code.exits),
        free_leaves([*conditions, linear]),
        carried.index,
    )


@dataclass(frozen=True, slots=True)
class _Carried:
    """Which result of the walk is the address, and how many bits of the page number index the last table (0: unknown)."""

    result: int
    index: int


def _innermost(machine: Machine, name: str) -> str:
    """The function that `name` leads to by one call at a time, and that does all its loads."""
    facts = Facts(machine)
    while True:
        body = machine.code.functions[name].body
        if any(t.op == "load" for t in walk(terms_of(body))):
            return name
        called = {t.about for t in walk(terms_of(body)) if t.op == "call"} | set(bound_calls(body))
        loading = sorted(n for n in called if n not in machine.code.exits and facts.function(n).loads)
        if len(loading) != 1:
            raise NoTables(f"{name} does not load the entries of page tables by one function")
        name = loading[0]


class _Around(Execution):
    """Translation on terms, with free results in place of the walk's."""

    def __init__(self, machine: Machine, inner: str) -> None:
        super().__init__(machine, initial(machine), {}, cuts=False)
        self.inner = inner
        self.seen: list[tuple[Term, ...]] = []
        widths = machine.code.functions[inner].results
        self.results = tuple(variable(w, f"result{k}") for k, w in enumerate(widths))

    def call(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        if name != self.inner:
            return super().call(name, args)
        self.seen.append(args)
        return self.results


def _carried(machine: Machine, inner: str, address: int, handed: list[Term], shift: int) -> _Carried:
    """Show that the walk carries the low bits of its address to one result, and that they decide nothing."""
    function = machine.code.functions[inner]
    low = variable(shift, "offset")
    rest = iter(handed)
    args = []
    for k, (_, width) in enumerate(function.parameters):
        page = variable(width - shift, PAGE) if k == address else None
        args.append(mk("concat", width, page, low) if page is not None else next(rest))
    run = Execution(machine, initial(machine), {}, cuts=False)
    results = run.call(inner, tuple(args))
    if _among([low], [*(e.guard for e in run.exits), *(a for a, _ in run.loads), *run.frame.state.values()]):
        raise NoTables(f"{inner} does not treat all addresses of a page alike")
    found = [k for k, r in enumerate(results) if _among([low], [r])]
    if len(found) != 1 or not _ends_in(results[found[0]], low):
        raise NoTables(f"{inner} does not map a page to a page")
    return _Carried(found[0], _index(run.loads))


def _index(loads: Iterable[tuple[Term, Term]]) -> int:
    """The bits of the page number that choose the last entry, when its address is a table's followed by them, and by zeros for its units."""
    *_, (at, value) = loads
    if at.op == "concat" and at.args[1].is_constant and not at.args[1].value:
        at = at.args[0]
    if at.op != "concat":
        return 0
    chosen = at.args[1]
    whole = chosen.args[0] if chosen.op == "extract" and chosen.data == (chosen.width - 1, 0) else chosen
    return chosen.width if whole is variable(whole.width, PAGE) else 0


def _ends_in(term: Term, low: Term) -> bool:
    """Whether every value of a term ends in `low`, and nothing else in it depends on `low`."""
    match term.op:
        case "concat":
            return not _among([low], [term.args[0]]) and _ends_in(term.args[1], low)
        case "ite":
            return not _among([low], [term.args[0]]) and all(_ends_in(a, low) for a in term.args[1:])
        case "zext":
            return _ends_in(term.args[0], low)
    return term is low


def _among(sought: Iterable[Term], terms: Iterable[Term]) -> bool:
    wanted = set(sought)
    return any(t in wanted for t in walk(terms))
