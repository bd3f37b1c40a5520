"""Every virtual state is in one mode class."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import GUEST
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import disjunction, eq, lnot
from pgcheck.models.symbolic import predicate


def mode_classes_partition(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """The mode classes of a deployment do not meet, and every legal state of its guest is in one of them."""
    leaf = machine.state.leaves[machine.modes.leaf]
    for deployment in machine.deployments:
        setting, modes = Setting(machine, deployment, frozenset()), deployment.modes
        supervisor, user = setting.virtual(modes.supervisor), setting.virtual(modes.user)
        both = sorted(set(modes.supervisor.values) & set(modes.user.values))
        if both or evidence.possible([*setting.legal, supervisor, user], f"{deployment.name}:classes meet"):
            shown = f" at {leaf.name} = {both[0]}" if both else ""
            yield LAW.finding(
                "error", deployment.name, f"supervisor and user mode meet{shown}: no state is of both classes"
            )
        monitor = predicate(machine, deployment.monitor)
        users = disjunction(eq(leaf.term, setting.mode(v)) for v in modes.user.values)
        if not both and evidence.possible(
            [*setting.legal, monitor, users], f"{deployment.name}:the monitor in user mode"
        ):
            message = "`monitor` holds in user mode too, where no privileged instruction can be executed"
            yield LAW.finding("error", deployment.name, message)
        known = [*setting.legal, setting.guest, lnot(supervisor), lnot(user)]
        outside = evidence.model(known, f"{deployment.name}:outside the classes")
        if outside is not None:
            message = (
                f"a legal state of the guest is in no mode class, at {leaf.name} = {outside.leaf(leaf.term)}, and no question is asked"
                " of it: say which class it is of, or exclude it by `legal` or `guest`"
            )
            yield LAW.finding("error", deployment.name, message)


LAW = MachineLaw(
    id="PG124",
    name="mode_classes_partition",
    level="error",
    title="A state is in no mode class, or in two",
    law="Every legal state of the guest is in exactly one of the classes supervisor and user: instructions are judged there and nowhere else. "
    "The monitor is in none of the modes that users run in.",
    formula="forall s: legal(s) and guest(s) implies exactly one of supervisor(s), user(s)",
    reference=f"{PAPER}: a processor has two modes",
    hypothesis=GUEST,
    example=Example(
        (
            (
                "supervisor: {values: [0]}, user: {values: [1]}",
                'supervisor: {values: [0]}, user: {values: [1], when: "M == 1 && IE == 0"}',
            ),
        ),
        (),
    ),
    ask=mode_classes_partition,
)
