"""Obligations of the check, each taken out: which generated machine then contradicts enumeration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term

WORD = re.compile(r"[A-Za-z_?]+|\d+|[^A-Za-z_?\d]")


def kind(label: str, machine: Machine) -> str:
    """What an obligation asks, without the names that a machine has: those of its deployments, instructions, leaves, roles and devices."""
    names = {d.name for d in machine.deployments} | {i.id for i in (*machine.instructions, machine.code.undefined)}
    names |= {d.name for d in machine.platform.devices} | machine.code.exits.keys() | machine.state.leaves.keys()
    names |= {leaf.role for leaf in machine.state.leaves.values()} - {"general"}
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


KILLED: Mapping[str, int] = {}
OPEN: Mapping[str, str] = {}
