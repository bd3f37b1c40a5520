"""The rules that results are reported under: a stable id each, the law in words and as a formula, and its source.

An id is never given to another rule. PG00x are about instructions, PG01x about theorems, PG1xx about the specification
itself, and PG20x about the text of files.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pgcheck.console import Failure
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.reports.rule_examples import EXAMPLES, Example

Level = Literal["error", "warning", "note"]
LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "note")
PAPER: Final = "Popek and Goldberg, CACM 17(7), 1974"
WIDTH: Final = 80


@dataclass(frozen=True, slots=True)
class Rule:
    """A law that a specification keeps or breaks; `name` is that of the finding, theorem or verdict that says so."""

    id: str
    name: str
    level: Level
    title: str
    law: str
    formula: str
    reference: str

    @property
    def example(self) -> Example:
        """What breaks the rule and what does not."""
        return EXAMPLES[self.name]


RULES: Final[tuple[Rule, ...]] = (
    Rule("PG001", "hole", "error", "An instruction is a virtualization hole",
         "In user mode on the real machine an instruction goes on without a trap, where the virtual machine would "
         "have trapped, halted or come to another state: the guest notices the monitor, or changes what is the "
         "monitor's. The witness is one such pair of states, replayed on integers.",
         "exists v, r: related(v, r) and r in user mode and step(r) does not enter the monitor and not "
         "related(step(v), step(r))",
         f"{PAPER}: the equivalence and resource control properties of a virtual machine monitor, Lemmas 1 and 2"),
    Rule("PG002", "undecided", "warning", "An instruction is not decided",
         "The solver gave up on some obligation of this instruction within its budget. Nothing is known of it, and "
         "nothing that needs it is proved; a larger --budget may decide it.",
         "neither (exists v, r: hole(v, r)) nor (forall v, r: not hole(v, r)) was proved",
         "an answer of the solver, not of the specification"),
    Rule("PG011", "theorem1", "error", "The premise of Theorem 1 fails",
         "Every sensitive instruction is privileged; if so, a virtual machine monitor exists. The premise is "
         "sufficient and not necessary: whether a monitor exists all the same is PG014.",
         "forall i: sensitive(i) implies privileged(i)",
         f"{PAPER}: Theorem 1"),
    Rule("PG012", "theorem2", "error", "The premise of Theorem 2 fails",
         "The machine is virtualizable, and its monitor can be built without timing dependencies: every instruction "
         "that shows time is privileged, so that monitors run under monitors.",
         "theorem1 and forall i: timing_sensitive(i) implies privileged(i)",
         f"{PAPER}: Theorem 2"),
    Rule("PG013", "theorem3", "error", "The premise of Theorem 3 fails",
         "Every user sensitive instruction is privileged; if so, a hybrid monitor exists, which interprets all "
         "virtual supervisor code.",
         "forall i: user_sensitive(i) implies privileged(i)",
         f"{PAPER}: Theorem 3"),
    Rule("PG014", "monitor", "error", "No monitor by trap and emulate exists",
         "No instruction is a hole, perhaps under one configuration of what the monitor may fix. This is the exact "
         "question, weaker than the premise of Theorem 1.",
         "exists configuration: forall i, v, r: not hole(i, v, r)",
         f"{PAPER}: the definition of a virtual machine monitor, read step by step"),
    Rule("PG101", "legal_after_reset", "error", "The state after reset is not legal",
         "The machine starts in a legal state; otherwise everything proved of legal states is proved of states that "
         "it need not be in.",
         "legal(reset)",
         "induction over the steps of the machine: the base"),
    Rule("PG102", "undefined_encodings_trap", "error", "Undefined encodings complete",
         "Bits that no encoding accepts trap, in any mode; what they do otherwise no row of the report speaks of.",
         "forall s: not completes(undefined(s))",
         f"{PAPER}: an instruction that the machine lacks traps"),
    Rule("PG103", "encodings_are_disjoint", "error", "Bits mean two instructions",
         "No bits are accepted by the encodings of two instructions.",
         "forall bits, i != j: not (accepts_i(bits) and accepts_j(bits))",
         f"{PAPER}: an instruction is a function of the state"),
    Rule("PG104", "cuts_change_no_general_state", "error", "A cut changes general state",
         "Address translation and table lookups are replaced by oracles that change nothing; so their bodies write no "
         "general state but memory (accessed and dirty bits).",
         "forall cut c, s, general x other than memory: x(c(s)) = x(s)",
         "soundness of the oracles that stand for address translation"),
    Rule("PG105", "realisable", "error", "The monitor cannot make the hardware map what it wants",
         "The entries or bounds named under `translate.realise` do what their names say: they refuse every access, "
         "admit every one, or admit reads alone, and lead to the frame. Without them nothing says that a guest can be "
         "confined.",
         "forall address, access, mode: faults under deny, and translates to the frame under map",
         f"{PAPER}: the resource control property"),
    Rule("PG106", "translation_faults_enter", "error", "A fault of address translation does not enter the monitor",
         "Whatever exit address translation takes, its delivery on the real machine ends in the monitor, as the "
         "checks assume of memory traps.",
         "forall real s: fault(translate(s)) implies monitor(deliver(s))",
         f"{PAPER}: the definition of a memory trap"),
    Rule("PG107", "canaries", "error", "The checks do not know what is known",
         "Instructions are made up whose answers are certain (one that does nothing, one that changes control state, "
         "one that shows it) and asked like any other. A check that does not give these answers, or cannot be given "
         "them, proves nothing.",
         "forall canary c: hole(c) = the known answer and sensitive(c) = the known answer",
         "a test of the check itself within every run"),
    Rule("PG108", "deliveries_keep_legal", "error", "A trap's delivery leaves the legal states",
         "The delivery of a trap from a legal state ends in a legal state, whatever its payload.",
         "forall s, payload: legal(s) implies legal(deliver(s, payload))",
         "induction over the steps of the machine"),
    Rule("PG109", "legal_is_inductive", "error", "An instruction leaves the legal states",
         "Every step from a legal state ends in a legal state, where it completes and where it traps.",
         "forall s: legal(s) implies legal(step(s))",
         "induction over the steps of the machine"),
    Rule("PG110", "traps_are_precise", "error", "State changes before a trap",
         "Where an instruction traps nothing has changed yet, unless it says `restart: partial`: the monitor emulates "
         "it from the state that the trap saved.",
         "forall s: trap(step(s)) implies state at the trap = s",
         f"{PAPER}: a trap changes nothing but the program status word and its old copy"),
    Rule("PG111", "access_claims_hold", "error", "A claim of access is wrong",
         "`access:` says truly whether an instruction is refused in a mode for control state's sake: never, sometimes "
         "or always.",
         "access(mode) = always iff no s in mode is refused; = never iff every s in mode is refused",
         f"{PAPER}: the definition of a privileged instruction"),
    Rule("PG112", "addresses_are_no_values", "error", "A translated address flows into a result",
         "The address that `translate` returns is used only to access memory; the real machine's address is not the "
         "virtual one's. An instruction that shows one calls a function named under `translate.probe`.",
         "forall s, a: results of step(s) do not depend on translate(a)",
         f"{PAPER}: location sensitivity"),
    Rule("PG113", "hypotheses_are_satisfiable", "error", "A hypothesis excludes states",
         "There are legal states in both modes, guests, and a real state for every virtual one; otherwise everything "
         "is proved of no state, or of fewer than there are.",
         "exists s: legal(s) and mode(s), and forall v exists r: related(v, r)",
         "vacuity of a proof"),
    Rule("PG114", "efficiency", "error", "The configuration makes innocuous instructions trap",
         "Innocuous instructions run on the hardware directly. Of the configurations that close holes, none of those "
         "tried spares an instruction that would run otherwise.",
         "forall innocuous i: completes(i) in user mode under the configuration",
         f"{PAPER}: the efficiency property"),
    Rule("PG115", "traps_enter_monitor", "note", "A trap does not enter the monitor",
         "The delivery of a trap on the real machine ends in the monitor. One that does not is no help to it and is "
         "compared like a completed step.",
         "forall real s: trap(s) implies monitor(deliver(s))",
         f"{PAPER}: a trap gives control to the supervisor"),
    Rule("PG116", "leaves_specification", "note", "Rows are judged where they do not leave the specification",
         "An instruction may come to what the specification leaves out, or may do anything in both modes; its answers "
         "are about all other states.",
         "exists s: step(s) is unmodelled or unpredictable",
         "the limits of the specification"),
    Rule("PG117", "general_or_mirror", "warning", "Control state that user mode changes and shows",
         "State of a control role that user mode both changes and shows without a trap is perhaps general state, or "
         "state that a deployment mirrors.",
         "exists u, u' in user mode: control(step(u)) != control(u) and general(step(u')) shows control(u')",
         f"{PAPER}: what is not control state is the program's own"),
    Rule("PG118", "accesses_stay_in_their_page", "error", "An access crosses the end of the page that was translated",
         "What is accessed after one translation lies in the page that it maps. The frame behind it in physical memory is "
         "another page's, perhaps another guest's.",
         "forall s, accesses [p, p + n) of step(s): p mod page + n <= page",
         f"{PAPER}: resource control"),
    Rule("PG200", "specification", "error", "The specification is wrong",
         "The text of a specification follows its language: every name is known, every type fits, every number has "
         "its width. Nothing is checked until it does.",
         "",
         "docs/language.md; `pgcheck schema` prints the JSON Schema"),
    Rule("PG201", "waiver", "error", "A waiver does not hold",
         "A waiver names an instruction that fails, as it means today, and every difference that it shows; it has not "
         "expired. Where one of these is not so somebody has to look at it again.",
         "forall waivers w: w in date and fails(w.instruction) and meaning(w.instruction) = w.meaning and "
         "differences(w.instruction) within w",
         "docs/waivers.md"),
)  # fmt: skip
BY_NAME: Final = {rule.name: rule for rule in RULES}


def found(word: str) -> Rule:
    """The rule that an id or a name means. Raises Failure."""
    known = {key.casefold(): rule for rule in RULES for key in (rule.id, rule.name)}
    rule = known.get(word.casefold())
    if rule is None:
        hint = did_you_mean(word, known) or "`pgcheck rules` names them"
        raise Failure(f"no rule '{word}'; {hint}")
    return rule


def listed() -> str:
    """All rules in lines: id, level, name and title."""
    width = max(len(rule.name) for rule in RULES)
    lines = []
    for rule in RULES:
        head = f"{rule.id}  {rule.level:7}  {rule.name:{width}}  "
        lines += textwrap.wrap(rule.title, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
    return "\n".join(lines)


def shown(rule: Rule) -> str:
    """A rule with all that is said of it, and its example."""
    return "\n".join(_lines(rule))


def _lines(rule: Rule) -> Iterator[str]:
    yield f"{rule.id} {rule.name} ({rule.level}): {rule.title}"
    yield ""
    for head, text in (("Law", rule.law), ("Formula", rule.formula), ("From", rule.reference)):
        if text:
            yield from textwrap.wrap(
                text, WIDTH, initial_indent=f"{head:9}", subsequent_indent=" " * 9, break_on_hyphens=False
            )
    budget = f", checked with --budget {rule.example.budget}" if rule.example.budget else ""
    yield f"\nThe smallest specification that breaks it{budget}:\n"
    yield from (f"  {line}" for line in rule.example.broken.splitlines())
    if rule.example.waivers:
        yield "\nwith these waivers:\n"
        yield from (f"  {line}" for line in rule.example.waivers.splitlines())
    if rule.example.broken == rule.example.mended:
        yield "\nIt is kept with the default budget."
    else:
        yield "\nAnd what mends it:\n"
        yield from (f"  {line}" for line in rule.example.difference())


def document(rule: Rule | None = None) -> str:
    """One rule as JSON, or all of them in a list `rules`."""
    whole = {"rules": [_described(r) for r in RULES]} if rule is None else _described(rule)
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _described(rule: Rule) -> dict[str, Any]:
    given = rule.example
    return {
        "id": rule.id,
        "name": rule.name,
        "level": rule.level,
        "title": rule.title,
        "law": rule.law,
        "formula": rule.formula,
        "reference": rule.reference,
        "example": {
            "broken": given.broken,
            "mended": given.mended,
            "budget": given.budget or None,
            "waivers": given.waivers or None,
        },
    }
