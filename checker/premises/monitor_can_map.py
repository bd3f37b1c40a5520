"""The monitor can map for a guest what the guest maps for itself; where user mode refuses an address however it is mapped, it interprets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import MAPPING
from pgcheck.checker.law import Premise
from pgcheck.checker.questions.copies import Leaves, over
from pgcheck.checker.questions.entry import valid
from pgcheck.checker.questions.hole import related, virtual_modes
from pgcheck.checker.questions.relation import CONST, OWN, relations
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.questions.translated import asked
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.patterns import Covering
from pgcheck.checker.values import Configuration
from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.schemes import Bounds, Entries, External
from pgcheck.isa.terms import (
    Term,
    apply,
    conjunction,
    constant,
    disjunction,
    eq,
    lnot,
    lor,
    mk,
    operand,
    parameter,
    substitute,
    variable,
    walk,
)
from pgcheck.models.state import State, holding, reset
from pgcheck.models.symbolic import ADDRESS, Execution, initial
from pgcheck.vmm.paging.entries import form, permissions, writes
from pgcheck.vmm.paging.pages import NoTables


def monitor_can_map(setting: Setting, configuration: Configuration, evidence: Evidence) -> Iterator[Finding]:
    """The monitor fills the tables, and every address that a guest reaches can be mapped for it, or is named."""
    translation = setting.machine.code.translation
    if translation is None:
        return
    if translation.realise is None:
        message = "`translate.realise` is missing: nothing says how a monitor maps what a guest reaches"
        yield PREMISE.answer(setting, "unknown", message)
        return
    if isinstance(translation.realise, Entries):
        try:
            _filled(setting, configuration, translation.realise)
        except NoTables as reason:
            yield PREMISE.answer(setting, "unknown", f"the monitor cannot fill the page tables: {reason}")
            return
    reached = list(_reached(setting, translation, configuration, evidence))
    if not reached:
        return
    for other, message in _alike(setting, translation):
        if any(evidence.possible(r.confused(other), f"{setting.deployment.name}:maps apart") for r in reached):
            yield PREMISE.answer(setting, "fails", message)
            return
    wanted = disjunction(conjunction(run.refused) for run in reached)
    mapped = disjunction(conjunction(run.mapped) for run in reached)
    address = reached[0].address
    covering = Covering(address, [wanted], [mapped], evidence, f"{setting.deployment.name}:maps")
    found, complete = covering.patterns()
    if not found:
        yield PREMISE.answer(setting, "ok", "every address that a guest reaches can be mapped for it")
        return
    where = " or ".join(p.told(address.name.text) for p in found) + ("" if complete else " or elsewhere")
    message = (
        f"never run directly: what a guest reaches where {where}; user mode refuses that however the monitor maps it"
    )
    if setting.machine.bounds_fit:
        partial = ", ".join(i.id for i in setting.machine.instructions if i.partial)
        message += f", and no state runs whose bounds admit such an address, for a miss would come too late: {partial} may have changed state"
    yield PREMISE.answer(setting, "warning", message)


def _filled(setting: Setting, configuration: Configuration, scheme: Entries) -> None:
    """The monitor makes out the form of the tables and an entry that can be protected. Raises NoTables."""
    machine, modes = setting.machine, setting.deployment.modes
    mode = setting.deployment.real_mode
    held = {
        machine.modes.leaf: modes.user.values[0] if mode is None else mode,
        **scheme.given,
        **configuration.constants,
    }
    real: State = {**reset(machine), **holding(machine, held)}
    shape = form(machine, real)
    how = relations(machine, setting.deployment, configuration)
    loose = {n for n in shape.pages.inner | {machine.modes.leaf} if how[n] not in (OWN, CONST)}
    writes(shape, permissions(shape, real, tuple(sorted(loose))))


@dataclass(frozen=True, slots=True)
class _Reached:
    """What a guest reaches in one mode, and what the monitor can map for it there.

    `known` holds of the virtual machine, `real_known` of the real one. Each translation is when it refuses `address`, the real one under the
    mapping that admits most, and what it gives.
    """

    known: tuple[Term, ...]
    real_known: tuple[Term, ...]
    address: Term
    guest: tuple[Term, Term]
    real: tuple[Term, Term]

    @property
    def refused(self) -> list[Term]:
        """The guest's own translation gives an address, and the real machine refuses it."""
        return [*self.known, *self.real_known, lnot(self.guest[0]), self.real[0]]

    @property
    def mapped(self) -> list[Term]:
        """The real machine gives an address, whatever the guest's own translation does."""
        return [*self.real_known, lnot(self.real[0])]

    def confused(self, other: Term) -> list[Term]:
        """The real machine takes two addresses, which it maps alike, and the guest's translation takes them apart."""
        both = [conjunction([*self.known, *self.real_known]), *self.guest, *self.real]
        known, guest, guest_address, real, real_address = substitute(both, {self.address: other})
        alike = [lnot(self.real[0]), lnot(real), eq(real_address, self.real[1])]
        apart = lor(guest, lnot(eq(guest_address, self.guest[1])))
        return [*self.known, *self.real_known, known, *alike, lnot(self.guest[0]), apart]


def _alike(setting: Setting, translation: Translation) -> Iterator[tuple[Term, str]]:
    """Other addresses that the real machine may map only together with the one asked for, and what is wrong if the guest's does not."""
    address = _address(setting.machine, translation)
    if isinstance(translation.realise, External):
        yield (
            parameter(address.width, f"another {address.name.text}"),
            "the unit outside the processor gets one address for two that the guest's own translation tells apart, so it cannot do what "
            "that does; say in `replay` in which state the processor's own translation keeps addresses apart",
        )
    if isinstance(translation.realise, Entries):
        for bit in _ignored(setting, translation, translation.realise):
            other = mk("xor", address.width, address, constant(address.width, 1 << bit))
            yield (
                other,
                f"the walk does not look at bit {bit} of {address.name.text}, which the guest's own translation may tell apart",
            )


def _ignored(setting: Setting, translation: Translation, scheme: Entries) -> Iterator[int]:
    """The bits of a page's number that decide nowhere which entry the real walk loads."""
    machine, modes = setting.machine, setting.deployment.modes
    address = _address(machine, translation)
    bits = [variable(1, f"bit {k}") for k in range(address.width)]
    whole = reduce(lambda low, high: mk("concat", low.width + 1, high, low), bits)
    real = {**initial(machine), **{n: machine.state.leaves[n].holding(v) for n, v in scheme.given.items()}}
    mode = setting.deployment.real_mode
    real[machine.modes.leaf] = setting.mode(modes.user.values[0] if mode is None else mode)
    args = {n: parameter(w, n) for n, w in machine.code.functions[translation.function].parameters}
    args |= {address.name.text: whole, translation.parameters[translation.mode][0]: real[machine.modes.leaf]}
    body = Execution(machine, real, {}, cuts=False)
    body.call(translation.function, tuple(args.values()))
    seen = set(walk(place for place, _ in body.loads))
    return (k for k in range(scheme.shift, address.width) if bits[k] not in seen)


def _address(machine: Machine, translation: Translation) -> Term:
    """The parameter that is the address."""
    parameters = machine.code.functions[translation.function].parameters
    return asked(translation, apply(0, ADDRESS, *(parameter(w, n) for n, w in parameters)))


def _reached(
    setting: Setting, translation: Translation, configuration: Configuration, evidence: Evidence
) -> Iterator[_Reached]:
    machine, modes, scheme = setting.machine, setting.deployment.modes, translation.realise
    widths = dict(machine.code.functions[translation.function].parameters)
    free = {n: parameter(w, n) for n, w in widths.items()}
    named = translation.parameters[translation.mode][0]
    address = _address(machine, translation)
    most = _most(setting, translation, evidence)
    for mode_class in (modes.supervisor, modes.user):
        for mode in virtual_modes(setting, mode_class):
            states = related(setting, mode_class, mode, configuration)
            args = {**free, named: setting.mode(mode)}
            valid_ = tuple(valid(translation, args))
            known = (states.of_virtual, *valid_)
            guest = _ended(machine, states.virtual, args)
            if isinstance(scheme, Entries):
                (inside,) = substitute([scheme.addresses], {operand(w, n): free[n] for n, w in widths.items()})
                yield _Reached(known, valid_, address, guest, (lnot(inside), constant(1, 0)))
                continue
            real = {**states.real, **{n: machine.state.leaves[n].holding(v) for n, v in most.items()}}
            allowed = over((*setting.legal, setting.real), real, machine)
            ended = _ended(machine, real, {**free, named: real[machine.modes.leaf]})
            yield _Reached(known, (*valid_, allowed), address, guest, ended)


def _ended(machine: Machine, state: Leaves, args: Mapping[str, Term]) -> tuple[Term, Term]:
    """When translation refuses its arguments in a state, and the address that it gives otherwise."""
    translation = machine.code.translation
    assert translation is not None
    body = Execution(machine, dict(state), {}, cuts=False)
    (address,) = body.call(translation.function, tuple(args.values()))
    return disjunction(e.guard for e in body.exits), address


def _most(setting: Setting, translation: Translation, evidence: Evidence) -> Mapping[str, int]:
    """What the monitor sets so that the processor admits most: no base and the largest legal limit, or what `replay` says."""
    match translation.realise:
        case External():
            return translation.replay
        case Bounds(given=given, base=base, limit=limit):
            least = {**given, base: 0}
            leaves = setting.machine.state.leaves
            known = [
                *setting.legal,
                setting.real,
                *(eq(leaves[n].term, leaves[n].holding(v)) for n, v in least.items()),
            ]
            register, highest = leaves[limit].term, 0
            for bit in reversed(range(register.width)):
                tried = highest | 1 << bit
                above = mk("ule", 0, constant(register.width, tried), register)
                if evidence.possible([*known, above], f"{setting.deployment.name}:largest limit"):
                    highest = tried
            return {**least, limit: highest}
    return {}


PREMISE = Premise(
    id="PG146",
    name="monitor_can_map",
    level="error",
    title="The monitor cannot map what a guest reaches",
    law="What a guest's own translation gives, the monitor's can give too: the tables have a form that the monitor fills, and no address "
    "that a guest reaches is refused in user mode however it is mapped. A guest that uses such an address (a region that only "
    "supervisors reach, past all translation) is interpreted there and never run directly. Without `realise` nothing says how to map.",
    formula="forall guests v, addresses a: not fault(translate(v, a)) implies exists mapping m: not fault(translate(user under m, a))",
    reference=f"{PAPER}: the resource control property",
    hypothesis=MAPPING,
    example=Example((("  realise: external_mmu\n", ""),), ()),
    ask=monitor_can_map,
)
