"""Obligations of the check, each taken out: which generated machine then contradicts enumeration."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term
from tests.oracle.plans import Plan

WORD = re.compile(r"[A-Za-z_?]+|\d+|[^A-Za-z_?\d]")


def kind(label: str, machine: Machine) -> str:
    """What an obligation asks, without the names that a machine has: those of its deployments, instructions, leaves, roles and devices.

    A witness is one of whatever difference it shows, and asked for where the model at hand shows another.
    """
    names = {d.name for d in machine.deployments} | {i.id for i in (*machine.instructions, machine.code.undefined)}
    names |= {d.name for d in machine.platform.devices} | machine.code.exits.keys() | machine.state.leaves.keys()
    names |= {leaf.role for leaf in machine.state.leaves.values()} | {t.role for t in machine.code.tables.values()}
    names |= {name for name in machine.code.functions if not name.endswith("?")}
    names -= {"general"}
    text = label.replace(machine.code.undefined.id, "*")
    words = ["*" if w in names else "#" if w.isdigit() else w for w in WORD.findall(text)]
    text = re.sub(r":witness:.*", ":witness", re.sub(r"(\*:)+\*", "*", "".join(words)))
    return re.sub(r"(^|[:@])(supervisor|user)\b(?! mode)", r"\1class", re.sub(r"general:\*", "general", text))


Ask = Callable[[Evidence, Sequence[Term], str], Model | None]


@contextmanager
def asking(machine: Machine, without: Collection[str] = ()) -> Iterator[dict[str, int]]:
    """Counts the obligations of each kind that have a model; those of some kinds never have any, as if they were left out."""
    found: dict[str, int] = {}

    def counted(ask: Ask) -> Ask:
        def model(self: Evidence, assertions: Sequence[Term], label: str) -> Model | None:
            asked = kind(label, machine)
            if asked in without:
                return None
            answer = ask(self, assertions, label)
            found[asked] = found.get(asked, 0) + (answer is not None)
            return answer

        return model

    with (
        patch.object(Evidence, "model", counted(Evidence.model)),
        patch.object(Evidence, "some", counted(Evidence.some)),
    ):
        yield found


MACHINES: Mapping[int, tuple[str, str, int, int]] = {
    0: ("bounds, choices, delegation, deployments, mirrors, saved", "", 1, 2),
    1: ("candidates, delegation, external, hybrid, saved, stores, tables, unmodelled", "", 1, 1),
    2: ("external, fields, firmware, halt, nested, partial, rows, same, saved, unmodelled", "firmware returns", 1, 1),
    3: ("bounds, execute, hybrid, interrupts, stores, unmodelled, waiting", "left out for the user", 1, 2),
    4: ("choices, external, interrupts, partial, saved, stores, tables, waiting", "", 2, 2),
    7: ("choices, deployments, fields, hybrid, interrupts, pages, partial, rows, stores, timer", "", 2, 3),
    8: ("choices, clock, external, fields, interrupts, rows, stores, timer, waiting", "row is not refused", 1, 1),
    9: ("bounds, candidates, delegation, explicit, rows, stores, unpredictable", "entry spoils a register", 2, 2),
    10: ("halt, mirrors, pages, stores, tables, unmodelled", "mirror is one-sided", 2, 3),
    16: ("bounds, fields, halt, interrupts, mirrors, rows, stores, tables, timer", "mode is read", 2, 2),
    21: ("bounds, clock, delegation, execute, firmware, interrupts, partial, stores", "interrupt forgets", 1, 2),
    23: ("external, nested, partial, probes, rows, stores, unmodelled", "", 1, 1),
    30: (
        "execute, external, firmware, hybrid, interrupts, partial, payload, stores, tables, timer, unpredictable",
        "line is general",
        2,
        2,
    ),
    32: ("external, interrupts, partial, stores, tables, timer, waiting", "asking changes the guest", 2, 2),
    35: ("bounds, delegation, fields, hybrid, interrupts, stores, timer", "interrupt is masked", 1, 2),
    62: ("bounds, candidates, halt, interrupts, stores, unmodelled, waiting", "interrupt stays", 1, 2),
    76: (
        "bounds, candidates, choices, execute, interrupts, partial, payload, probes, rows, stores, timer, waiting",
        "candidate does not help",
        1,
        2,
    ),
    91: (
        "candidates, choices, external, halt, interrupts, nested, partial, payload, probes, stores, unmodelled",
        "entry keeps the mode",
        2,
        2,
    ),
    94: ("bounds, hybrid, interrupts, partial, saved, timer", "kind is read", 1, 2),
    114: (
        "bounds, delegation, execute, fields, halt, saved, unmodelled, unpredictable",
        "entry leaves the guest, halt is not refused",
        1,
        2,
    ),
    122: (
        "deployments, explicit, external, interrupts, partial, rows, stores, tables, timer, unmodelled, unpredictable",
        "access is not translated, line is general",
        1,
        1,
    ),
    143: ("deployments, halt, interrupts, pages, stores, tables, unpredictable, waiting", "denied is let in", 2, 3),
    188: (
        "bounds, choices, clock, fields, interrupts, nested, partial, payload, probes, stores, waiting",
        "entry stores where the guest says",
        1,
        2,
    ),
    205: ("bounds, halt, hybrid, mirrors, saved, tables, unpredictable", "halt is not refused", 1, 2),
    266: (
        "candidates, delegation, external, firmware, halt, hybrid, interrupts, nested, saved, timer",
        "trap after a write",
        1,
        1,
    ),
    284: ("choices, interrupts, pages, stores, waiting", "mapped elsewhere", 2, 3),
    302: (
        "bounds, choices, clock, execute, halt, hybrid, interrupts, stores, tables, timer",
        "larger limit admits less",
        1,
        2,
    ),
    403: (
        "bounds, choices, deployments, fields, interrupts, saved, stores, tables, unpredictable, waiting",
        "second deployment is worse",
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
    6000: (
        "bounds, choices, delegation, deployments, firmware, mirrors, probes, saved, tables",
        "mirror is forgotten",
        1,
        2,
    ),
    6001: ("interrupts, pages, stores, timer", "", 2, 3),
    6004: (
        "bounds, choices, explicit, interrupts, partial, saved, stores, unmodelled, waiting",
        "refused in silence",
        1,
        2,
    ),
    6007: ("bounds, choices, delegation, execute, fields, stores, unpredictable", "", 2, 2),
    6062: (
        "candidates, clock, external, halt, interrupts, partial, stores, unmodelled, waiting",
        "interrupt forgets, partial twice",
        1,
        1,
    ),
    9001: ("bounds, choices, stores", "choice is narrower", 1, 2),
    9007: ("bounds, choices, stores", "choice is wider", 1, 2),
    9013: ("bounds, stores, tables", "table is not checked", 1, 2),
    9019: ("bounds, candidates, saved", "candidate is not allowed", 1, 2),
    9025: ("bounds, candidates, saved", "candidate cannot be set", 1, 2),
    9031: ("bounds, saved", "memory trap stays", 1, 2),
    9037: ("bounds, saved", "limit lets writes in", 1, 2),
    9043: ("bounds, saved", "changed in silence", 1, 2),
    9049: ("pages, stores", "walk ignores a bit", 2, 3),
    9055: ("bounds, stores, tables", "table needs another entry", 1, 2),
    9067: ("bounds, mirrors, stores", "mirror is not allowed", 1, 2),
}
"""The machines that miss an obligation, by seed: features, faults, and the widths of their addresses."""


def plan(seed: int) -> Plan:
    """The plan of one of these machines."""
    features, faults, address, physical = MACHINES[seed]
    return Plan(seed, frozenset(features.split(", ")), frozenset(filter(None, faults.split(", "))), address, physical)


KILLED: Mapping[str, int] = {
    "* after": 6001,
    "* copied whole": 9,
    "* fixed": 6000,
    "* lost": 6000,
    "*:a user state": 6000,
    "*:always": 9,
    "*:any[*@S]": 1,
    "*:any[*@U]": 1,
    "*:arrives": 6001,
    "*:asked?": 32,
    "*:beh[*@SU]": 0,
    "*:beh[*@S]": 1,
    "*:beh[*@U]": 1,
    "*:beh[relocation@S]": 23,
    "*:canonical": 0,
    "*:class:every entry": 9013,
    "*:classes meet": 750,
    "*:completes@S": 0,
    "*:completes@U": 0,
    "*:ctl[*@S]": 0,
    "*:ctl[*@U]": 0,
    "*:ctl[run@S]": 1158,
    "*:ctl[run@U]": 205,
    "*:delivery:*:guest": 114,
    "*:differs:*:next": 91,
    "*:differs:general": 553,
    "*:differs:halt": 205,
    "*:differs:mirror:*": 1464,
    "*:differs:payload:*": 699,
    "*:differs:real:*": 9043,
    "*:differs:unmodelled": 3,
    "*:differs:unpredictable": 1293,
    "*:differs:virtual:*": 1096,
    "*:ends elsewhere": 62,
    "*:entered:*": 0,
    "*:entered:wanted": 6001,
    "*:enters:*@#": 0,
    "*:escapes:*": 9031,
    "*:explicit@S": 6004,
    "*:guest": 1030,
    "*:hole@class#": 16,
    "*:hole@class#:every choice": 9001,
    "*:hole@class#:every choice:against": 9001,
    "*:hole@class#:every choice:answer": 9007,
    "*:hypotheses": 3,
    "*:largest limit": 6000,
    "*:leaves *": 6000,
    "*:legal": 752,
    "*:maps": 6007,
    "*:maps apart": 9049,
    "*:no legal state in supervisor *": 0,
    "*:no legal state in the real * satisfies `real`": 0,
    "*:no legal state in user *": 0,
    "*:no legal state satisfies `guest`": 0,
    "*:other:beh[*@SU]": 460,
    "*:other:canonical": 7,
    "*:other:completes@S": 7,
    "*:other:completes@U": 460,
    "*:other:differs:general": 460,
    "*:other:hole@class#": 460,
    "*:placing:choice": 0,
    "*:precise": 266,
    "*:preemption:*": 7,
    "*:preemption:*:lost": 35,
    "*:raises:*": 9031,
    "*:real state@#": 9019,
    "*:resumes@#:translation fault": 6062,
    "*:resumes@#:translation fault:whatever the cuts answer": 6062,
    "*:resumes@#:writes again": 6062,
    "*:set *": 0,
    "*:set *:wanted": 9025,
    "*:set:*": 6004,
    "*:set:*:wanted": 9043,
    "*:store": 188,
    "*:the monitor in user *": 662,
    "*:the monitor's own page": 10,
    "*:told": 1111,
    "*:told apart:answer": 1111,
    "*:told apart:choice": 30,
    "*:translated": 769,
    "*:translated in its guard": 769,
    "*:trs[*@SU]": 94,
    "*:trs[*@S]": 1,
    "*:trs[*@U]": 1,
    "*:witness": 0,
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
    "realise:an address beyond the limit is let in": 9037,
    "realise:confines": 0,
    "realise:deny": 143,
    "realise:readonly": 1424,
    "realise:satisfiable": 7,
    "realise:some base lets in what base # refuses": 1458,
    "realise:the base does not move all addresses alike": 1338,
    "realise:two bases give the same address": 616,
}
"""Each kind, and the seed of a machine on which check and enumeration differ without it, or the check leaves something open."""

TOGETHER: Mapping[str, tuple[str, int]] = {
    "canary changes control state:ctl[*@S]": ("canary changes control state:ctl[*@U]", 6001),
    "canary changes control state:ctl[*@U]": ("canary changes control state:ctl[*@S]", 6001),
    "canary shows control state:beh[*@S]": ("canary shows control state:beh[*@U]", 6001),
    "canary shows control state:beh[*@U]": ("canary shows control state:beh[*@S]", 6001),
    "realise:map": ("realise:readonly", 284),
}
"""Kinds that say the same as another on every machine: neither is missed alone, and both are on this one."""
NOTICING: Mapping[str, tuple[str, int]] = {
    "*:canary": ("* after", 6001),
    "canary changes control state:completes@S": ("canary changes control state:completes@U", 6001),
    "canary nothing:completes@S": ("canary nothing:completes@U", 6001),
    "canary shows control state:completes@S": ("canary shows control state:completes@U", 6001),
    "canary:*": ("canary shows control state:completes@U", 6001),
}
"""Kinds that are there to notice that another is not asked: that is missed alone on this machine, and without them not at all."""
WORDS: Mapping[str, int] = {
    "* reads *": 2,
    "*:astray": 122,
    "*:changes:*": 9067,
    "*:class:every entry:answer": 9055,
    "*:preemption:*:needed": 76,
    "*:shows:*": 9067,
}
"""Kinds that decide what is assumed, warned of, advised or left open, or in which words: on this machine the report is another without them."""
VOID: Mapping[str, int] = {
    "*:ctl[general@S]": 403,
    "*:ctl[general@U]": 403,
    "*:differs:assumed:real": 403,
    "canary shows control state:ctl[general@S]": 403,
    "canary shows control state:ctl[general@U]": 403,
}
"""Kinds that have a model only where a law of the specification is broken, so that nothing is said of rows: so on this machine."""
OPEN: Mapping[str, str] = {
    "*:class:every entry:against": "tells early that an answer does not close a hole: without it all answers are asked at once, and decide",
    "*:placing:answer": "tells early that the monitor's choice fails a guest: the machines tried that ask it are void",
}
"""Kinds that none of the machines tried misses, and why, as far as it is known."""
