"""Control state that user mode both changes and shows without a trap is perhaps no control state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pgcheck.checker.example import Example, operation
from pgcheck.checker.questions.classical import Classical, assumed, differences
from pgcheck.checker.questions.copies import as_it_is, differ, fresh, instantiate
from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER, Rule
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.traps.reading import named_mode
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.terms import Term, disjunction, land
from pgcheck.isa.terms.names import FIRST, SECOND

Judged = Sequence[tuple[InstructionRow, Judgement]]


def user_visible(
    setting: Setting, rows: Judged, evidence: Evidence, configuration: Configuration = NOTHING
) -> Iterator[Finding]:
    """A warning for each control leaf that some row changes, and some row shows, in user mode without a trap, as `rows` were judged under a configuration.

    Not for the mode, nor for what is mirrored or fixed already.
    """
    free = [(w, j, c) for w, j in rows if (c := j.classical) is not None and c.completes_user and not j.trouble]
    names = [named_mode(setting.machine, mode) for mode in setting.deployment.modes.user.values]
    user = f"mode {'/'.join(names)}" if all(names) else "user mode"
    settled = {setting.machine.modes.leaf, *setting.deployment.mirror, *configuration.leaves}
    fixed = {n: setting.machine.state.leaves[n].holding(v) for n, v in configuration.constants.items()}
    for leaf in setting.machine.state.control:
        if leaf.name in settled:
            continue
        writers = [w for w, j, c in free if leaf.name in j.footprint.writes and _says(c, "ctl", leaf)]
        readers = [w for w, j, c in free if leaf.name in j.footprint.reads and _says(c, "beh", leaf)]
        if not writers or not readers:
            continue
        if any(_changes(setting, w, leaf, evidence, fixed) for w in writers) and any(
            _shows(setting, w, leaf, evidence, fixed) for w in readers
        ):
            who = dict.fromkeys((writers[0].id, readers[0].id))
            yield RULE.finding(
                "warning",
                leaf.name,
                f"{user} changes and shows it without a trap ({', '.join(who)}): general, or mirrored?",
            )


def _says(classical: Classical, kind: str, leaf: Leaf) -> bool:
    return any(s.kind == kind and s.role == leaf.role and s.start == "U" for s in classical.sensitivities)


def _changes(setting: Setting, work: InstructionRow, leaf: Leaf, evidence: Evidence, fixed: Mapping[str, Term]) -> bool:
    one = subject(setting, work.instruction, work.row)
    for mode in setting.deployment.modes.user.values:
        pre = {**fresh(setting.machine, FIRST), **fixed, setting.machine.modes.leaf: setting.mode(mode)}
        copy = instantiate(setting.machine, one.transition, pre, as_it_is, FIRST, one.private)
        changed = disjunction(land(o.guard, differ(leaf, o.post[leaf.name], pre[leaf.name])) for o in copy.outcomes)
        if evidence.possible([assumed(setting, one, copy), changed], f"{work.id}:changes:{leaf.name}"):
            return True
    return False


def _shows(setting: Setting, work: InstructionRow, leaf: Leaf, evidence: Evidence, fixed: Mapping[str, Term]) -> bool:
    one = subject(setting, work.instruction, work.row)
    for mode in setting.deployment.modes.user.values:
        pre = {**fresh(setting.machine, FIRST), **fixed, setting.machine.modes.leaf: setting.mode(mode)}
        a = instantiate(setting.machine, one.transition, pre, as_it_is, FIRST, frozenset())
        b = instantiate(
            setting.machine,
            one.transition,
            {**pre, leaf.name: leaf.copied(SECOND)},
            as_it_is,
            SECOND,
            frozenset(),
        )
        known = [assumed(setting, one, a), assumed(setting, one, b)]
        if evidence.possible([*known, differences(a, b)["beh"]], f"{work.id}:shows:{leaf.name}"):
            return True
    return False


RULE = Rule(
    id="PG117",
    name="general_or_mirror",
    level="warning",
    title="Control state that user mode changes and shows",
    law="State of a control role that user mode both changes and shows without a trap is perhaps general "
    "state, or state that a deployment mirrors.",
    formula="exists u, u' in user mode: control(step(u)) != control(u) and general(step(u')) shows control(u')",
    reference=f"{PAPER}: what is not control state is the program's own",
    example=Example(
        (("role: interrupt", "role: identity"),),
        (("role: interrupt", "role: general"),),
        (operation("Bits<1> old = IE;\nIE = A[0];\nA = {7'd0, old};"),),
    ),
)
