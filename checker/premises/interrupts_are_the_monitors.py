"""What devices and interrupts do to the real machine while a guest runs is the monitor's."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import PREEMPTION
from pgcheck.checker.law import Premise
from pgcheck.checker.questions.copies import Leaves, differ, executing, over
from pgcheck.checker.questions.relation import OWN, relations
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.questions.translated import leading
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.arrival import arrivals, user_states
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, conjunction, disjunction, land, lnot, node
from pgcheck.isa.terms.names import SECOND
from pgcheck.models.devices.standard import models
from pgcheck.models.symbolic import Execution


def interrupts_are_the_monitors(
    setting: Setting, configuration: Configuration, evidence: Evidence
) -> Iterator[Finding]:
    """Devices set nothing that a guest has or sees, and between two steps nothing happens but an interrupt into the monitor."""
    pre, known = user_states(setting, configuration)
    wrong = [
        *_set_by_devices(setting, configuration, pre, known, evidence),
        *_asking(setting, configuration, pre, known, evidence),
    ]
    if wrong:
        yield PREMISE.answer(setting, "fails", "; ".join(wrong))
        return
    handed_on = _handed_on(setting, configuration, evidence)
    if handed_on and setting.deployment.real_mode is not None:
        yield PREMISE.answer(setting, "fails", f"{handed_on} need not end in the monitor")
    elif handed_on:
        message = f"what {handed_on} hands to the guest without the monitor is the guest's own, as are the requests that it has"
        yield PREMISE.answer(setting, "assumed", message)
    for sentence in _given(setting.machine):
        yield PREMISE.answer(setting, "assumed", sentence)


def _given(machine: Machine) -> Iterator[str]:
    """What surrounds a guest and is not asked about."""
    timers = [d.name for d in machine.platform.devices if models()[d.model].ticks and d.line]
    if timers:
        yield f"the monitor can have {', '.join(timers)} ask for it"
    if machine.platform.firmware is not None:
        yield "firmware serves the virtual machine; on the real one the monitor is in its place"
    if executing(machine):
        yield "an instruction that has others executed comes to an end"


def _set_by_devices(
    setting: Setting, configuration: Configuration, pre: Leaves, known: list[Term], evidence: Evidence
) -> Iterator[str]:
    """Leaves that devices set or keep their registers in, and that are not the monitor's own."""
    machine, deployment = setting.machine, setting.deployment
    how = relations(machine, deployment, configuration)
    for device in machine.platform.devices:
        for leaf in (*device.leaves, *filter(None, [machine.platform.shown(device)])):
            lent = how[leaf] != OWN and not (deployment.real_mode is None and leaf in deployment.mirror)
            if lent or leaf == machine.modes.leaf:
                yield f"{device.name} has {leaf}, which is not the monitor's own"
    allowed = (*setting.legal, setting.real)
    for leaf in machine.platform.lines:
        after = {**pre, leaf: machine.state.leaves[leaf].copied(SECOND)}
        left = over(allowed, after, machine)
        if left is not over(allowed, pre, machine) and evidence.possible(
            [*known, lnot(left)], f"{deployment.name}:{leaf} set"
        ):
            yield f"a device that sets {leaf} leaves the states that `legal` and `real` allow"


def _asking(
    setting: Setting, configuration: Configuration, pre: Leaves, known: list[Term], evidence: Evidence
) -> Iterator[str]:
    """What is asked between two steps and moves the guest, or ends early, though it is answered in the negative."""
    machine, interrupt = setting.machine, setting.machine.code.interrupt
    how = relations(machine, setting.deployment, configuration)
    kept = {n for n in how if how[n] != OWN} | {machine.modes.leaf, *leading(machine)}
    for function in filter(None, (interrupt.pending, interrupt.waiting) if interrupt is not None else ()):
        run = Execution(machine, dict(pre), {})
        answer = run.value(node("call", 0, data=function))
        changed = disjunction(differ(machine.state.leaves[n], run.frame.state[n], pre[n]) for n in sorted(kept))
        ends = disjunction([land(lnot(answer), land(run.frame.alive, changed)), *(e.guard for e in run.exits)])
        if evidence.possible([*known, ends], f"{setting.deployment.name}:{function}"):
            yield f"{function} changes the guest's state, its mode or its mapping, or ends early, where it says no"


def _handed_on(setting: Setting, configuration: Configuration, evidence: Evidence) -> str:
    """The interrupt's delivery, if it need not end in the monitor; "" if it does, or where there is none."""
    interrupt = setting.machine.code.interrupt
    if interrupt is None:
        return ""
    *_, taken = arrivals(setting, configuration)
    given = [conjunction(taken.before), *map(lnot, taken.failures), lnot(taken.ends)]
    return interrupt.deliver if evidence.possible(given, f"{taken.label}:ends elsewhere") else ""


PREMISE = Premise(
    id="PG136",
    name="interrupts_are_the_monitors",
    level="error",
    title="An interrupt or a device reaches past the monitor",
    law="While a guest runs, devices set no leaf but the monitor's own, and the real machine stays where `legal` and `real` allow it "
    "whatever they ask for; asking for interrupts changes nothing of the guest's where there is none; and an interrupt ends in the monitor.",
    formula="forall user s, requests q: real(s with q); not pending(s) implies s after pending = s; pending(s) implies monitor(deliver(s))",
    reference=f"{PAPER}: resource control",
    hypothesis=PREEMPTION,
    example=Example(
        (("body { return LINE == 1; }", "body { if (LINE == 1) { return true; } A = 8'd0; return false; }"),),
        (),
        (
            (
                "functions: |\n",
                'interrupt: {pending: "asked?", deliver: asked}\nfunctions: |\n'
                "  function asked? { returns Boolean description { x } body { return LINE == 1; } }\n"
                "  function asked { description { x } body { OLD = $pc; LINE = 0; M = 0; $pc = 8'd4; } }\n",
            ),
            ("  IE:", "  LINE: {type: Bits<1>, role: interrupt}\n  IE:"),
        ),
    ),
    ask=interrupts_are_the_monitors,
)
