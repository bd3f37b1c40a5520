"""What is found out about a machine once.

It is kept with the machine: no module holds it, it goes when the machine goes, and a machine that was changed (`dataclasses.replace`)
starts without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from pgcheck.isa.machine.machine import Machine

Given = ParamSpec("Given")
Found = TypeVar("Found")


def once(find: Callable[Concatenate[Machine, Given], Found]) -> Callable[Concatenate[Machine, Given], Found]:
    """The function of a machine and of further hashable arguments, run once for each of them; what it raises is not kept."""

    @wraps(find)
    def found(machine: Machine, /, *args: Given.args, **named: Given.kwargs) -> Found:
        key = (find, *args, *named.items())
        try:
            known: Found = machine.kept[key]
        except KeyError:
            known = machine.kept[key] = find(machine, *args, **named)
        return known

    return found
