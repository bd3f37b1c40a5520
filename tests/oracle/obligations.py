"""Obligations of the check, each taken out: which generated machine then contradicts enumeration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term
from tests.oracle.plans import Plan

WORD = re.compile(r"[A-Za-z_?]+|\d+|[^A-Za-z_?\d]")


def kind(label: str, machine: Machine) -> str:
    """What an obligation asks, without the names that a machine has: those of its deployments, instructions, leaves, roles and devices."""
    names = {d.name for d in machine.deployments} | {i.id for i in (*machine.instructions, machine.code.undefined)}
    names |= {d.name for d in machine.platform.devices} | machine.code.exits.keys() | machine.state.leaves.keys()
    names |= {leaf.role for leaf in machine.state.leaves.values()} | {t.role for t in machine.code.tables.values()}
    names -= {"general"}
    text = label.replace(machine.code.undefined.id, "*")
    words = ["*" if w in names else "#" if w.isdigit() else w for w in WORD.findall(text)]
    return re.sub(r"general:\*", "general", re.sub(r"(\*:)+\*", "*", "".join(words)))


@contextmanager
def asking(machine: Machine, without: str = "") -> Iterator[dict[str, int]]:
    """Counts the obligations of each kind that have a model; those of one kind never have any, as if it were left out."""
    found: dict[str, int] = {}
    ask = Evidence.model

    def model(self: Evidence, assertions: Sequence[Term], label: str) -> Model | None:
        asked = kind(label, machine)
        if asked == without:
            return None
        answer = ask(self, assertions, label)
        found[asked] = found.get(asked, 0) + (answer is not None)
        return answer

    Evidence.model = model  # type: ignore[method-assign]
    try:
        yield found
    finally:
        Evidence.model = ask  # type: ignore[method-assign]


MACHINES: Mapping[int, tuple[str, str, int, int]] = {
    0: ("bounds, choices, delegation, deployments, mirrors, saved", "", 1, 2),
    1: ("candidates, delegation, external, hybrid, saved, stores, tables, unmodelled", "", 1, 1),
    3: ("bounds, execute, hybrid, interrupts, stores, unmodelled, waiting", "left out for the user", 1, 2),
    4: ("choices, external, interrupts, partial, saved, stores, tables, waiting", "", 2, 2),
    7: ("choices, deployments, fields, hybrid, interrupts, pages, partial, rows, stores, timer", "", 2, 3),
    16: ("bounds, fields, halt, interrupts, mirrors, rows, stores, tables, timer", "mode is read", 2, 2),
    32: ("external, interrupts, partial, stores, tables, timer, waiting", "asking changes the guest", 2, 2),
    35: ("bounds, delegation, fields, hybrid, interrupts, stores, timer", "interrupt is masked", 1, 2),
    62: ("bounds, candidates, halt, interrupts, stores, unmodelled, waiting", "interrupt stays", 1, 2),
    94: ("bounds, hybrid, interrupts, partial, saved, timer", "kind is read", 1, 2),
    143: ("deployments, halt, interrupts, pages, stores, tables, unpredictable, waiting", "denied is let in", 2, 3),
    205: ("bounds, halt, hybrid, mirrors, saved, tables, unpredictable", "halt is not refused", 1, 2),
    302: (
        "bounds, choices, clock, execute, halt, hybrid, interrupts, stores, tables, timer",
        "larger limit admits less",
        1,
        2,
    ),
    460: ("bounds, choices, partial, rows, stores, tables, unmodelled", "row is not refused", 1, 2),
    553: ("bounds, candidates, execute, stores, tables, unmodelled", "mode is read", 1, 2),
    616: ("bounds, candidates, deployments, hybrid, saved, unmodelled", "base is not added", 1, 2),
    662: ("bounds, execute, interrupts, partial, saved, unpredictable, waiting", "monitor is the user", 1, 2),
    699: ("execute, external, interrupts, mirrors, rows, stores, waiting", "executes another word", 1, 1),
    750: ("bounds, candidates, fields, mirrors, saved, stores", "classes meet", 1, 2),
    752: ("choices, delegation, deployments, fields, hybrid, pages, stores", "legal is not kept", 2, 3),
    769: ("bounds, hybrid, interrupts, rows, saved, unpredictable", "access is not translated", 1, 2),
    1022: ("external, hybrid, mirrors, rows, stores, unpredictable", "entry keeps the mode", 1, 1),
    1030: ("halt, interrupts, mirrors, pages, partial, stores, unpredictable", "guest is not kept", 2, 3),
    1096: ("execute, external, interrupts, mirrors, saved, waiting", "refused in silence", 1, 1),
    1111: ("candidates, clock, execute, external, interrupts, rows, stores, timer", "line is general", 2, 2),
    1158: ("external, halt, interrupts, partial, saved, timer", "return spoils a register", 1, 1),
    1194: ("bounds, execute, fields, hybrid, saved, unpredictable", "entry is illegal", 1, 2),
    1293: ("execute, halt, pages, partial, saved, tables, unpredictable", "anything for the user", 2, 3),
    1338: ("bounds, candidates, clock, delegation, deployments, rows, stores, tables", "base moves unlike", 1, 2),
    1424: (
        "delegation, deployments, execute, hybrid, pages, rows, stores, tables, unpredictable",
        "read-only is written",
        2,
        3,
    ),
    1458: ("bounds, execute, interrupts, mirrors, stores, tables", "base nothing refuses", 1, 2),
    1464: ("candidates, external, fields, mirrors, partial, stores", "mirror is one-sided", 2, 2),
}
"""The machines that miss an obligation, by seed: features, faults, and the widths of their addresses."""


def plan(seed: int) -> Plan:
    """The plan of one of these machines."""
    features, faults, address, physical = MACHINES[seed]
    return Plan(seed, frozenset(features.split(", ")), frozenset(filter(None, faults.split(", "))), address, physical)


KILLED: Mapping[str, int] = {
    "*:any[*@S]": 1,
    "*:any[*@U]": 1,
    "*:asked:ends elsewhere": 62,
    "*:asked:the monitor's own page": 7,
    "*:asked?": 32,
    "*:beh[*@SU]": 0,
    "*:beh[*@S]": 1,
    "*:beh[*@U]": 1,
    "*:canonical": 0,
    "*:classes meet": 750,
    "*:completes@S": 0,
    "*:completes@U": 0,
    "*:ctl[*@S]": 0,
    "*:ctl[*@U]": 0,
    "*:ctl[run@S]": 1158,
    "*:ctl[run@U]": 205,
    "*:differs:general": 553,
    "*:differs:halt": 205,
    "*:differs:mirror:*": 1464,
    "*:differs:payload:*": 699,
    "*:differs:unmodelled": 3,
    "*:differs:unpredictable": 1293,
    "*:differs:virtual:*": 1096,
    "*:entered:*": 0,
    "*:enters:*@#": 0,
    "*:guest": 1030,
    "*:hole@supervisor#": 16,
    "*:hole@user#": 0,
    "*:hypotheses": 3,
    "*:legal": 752,
    "*:no legal state in supervisor *": 0,
    "*:no legal state in the real * satisfies `real`": 0,
    "*:no legal state in user *": 0,
    "*:no legal state satisfies `guest`": 0,
    "*:other:beh[*@SU]": 460,
    "*:other:canonical": 7,
    "*:other:completes@S": 7,
    "*:other:completes@U": 460,
    "*:other:differs:general": 460,
    "*:other:hole@supervisor#": 460,
    "*:placing:choice": 0,
    "*:preemption:*": 7,
    "*:preemption:*:lost": 35,
    "*:set *": 0,
    "*:the monitor in user *": 662,
    "*:told": 1111,
    "*:told apart:answer": 1111,
    "*:translated": 769,
    "*:translated in its guard": 769,
    "*:trs[*@SU]": 94,
    "*:trs[*@S]": 1,
    "*:trs[*@U]": 1,
    "*:witness:general": 1022,
    "*:witness:virtual:*": 0,
    "*[*@S]": 4,
    "*[*@U]": 4,
    "canary changes control state:completes@U": 0,
    "canary changes control state:hole@#": 0,
    "canary nothing:completes@U": 0,
    "canary shows control state:beh[*@SU]": 1022,
    "canary shows control state:completes@U": 0,
    "canary shows control state:hole@#": 0,
    "delivery:*:legal": 1194,
    "realise:a larger limit admits less": 302,
    "realise:admits": 0,
    "realise:confines": 0,
    "realise:deny": 143,
    "realise:readonly": 1424,
    "realise:satisfiable": 7,
    "realise:some base lets in what base # refuses": 1458,
    "realise:the base does not move all addresses alike": 1338,
    "realise:two bases give the same address": 616,
}
"""Each kind, and the seed of a machine on which check and enumeration differ without it."""
AID = "it finds a map or words a message: without it the check answers unknown, or says the same otherwise"
OTHERS = "another obligation of the same law, or of the same row, says so too on the machines tried"
CANARY = "a made-up instruction: others of its kind are asked beside it"
OPEN: Mapping[str, str] = {
    "*": AID,
    "* after": AID,
    "* fixed": AID,
    "* lost": AID,
    "*:a user state": AID,
    "*:arrives": AID,
    "*:asked:*": AID,
    "*:asked:* after": AID,
    "*:asked:* fixed": AID,
    "*:asked:* lost": AID,
    "*:asked:a user state": AID,
    "*:asked:arrives": AID,
    "*:asked:canary": AID,
    "*:astray": AID,
    "*:canary": AID,
    "*:changes:*": AID,
    "*:ctl[general@S]": AID,
    "*:ctl[general@U]": AID,
    "*:delivery:*:guest": OTHERS,
    "*:delivery:asked:guest": OTHERS,
    "*:differs:assumed:real": AID,
    "*:differs:real:*": AID,
    "*:entered:wanted": AID,
    "*:hole@supervisor#:every choice": AID,
    "*:hole@supervisor#:every choice:against": AID,
    "*:hole@supervisor#:every choice:answer": AID,
    "*:hole@user#:every choice": AID,
    "*:hole@user#:every choice:against": AID,
    "*:hole@user#:every choice:answer": AID,
    "*:largest limit": AID,
    "*:maps": AID,
    "*:precise": AID,
    "*:preemption:*:needed": AID,
    "*:real state@#": AID,
    "*:resumes@#:writes again": AID,
    "*:set *:wanted": AID,
    "*:shows:*": AID,
    "*:the monitor's own page": AID,
    "*:told apart:choice": AID,
    "canary changes control state:completes@S": CANARY,
    "canary changes control state:ctl[*@S]": CANARY,
    "canary changes control state:ctl[*@U]": CANARY,
    "canary nothing:completes@S": CANARY,
    "canary shows control state:beh[*@S]": CANARY,
    "canary shows control state:beh[*@U]": CANARY,
    "canary shows control state:completes@S": CANARY,
    "canary shows control state:ctl[general@S]": CANARY,
    "canary shows control state:ctl[general@U]": CANARY,
    "canary:*": CANARY,
    "realise:an address beyond the limit is let in": AID,
    "realise:map": AID,
    "translate:raises:*": AID,
}
"""Kinds that have a model on some machine and that none of the machines tried misses, and why, as far as it is known."""
