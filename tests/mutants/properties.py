"""The properties that try to kill mutants, each a function from a tape to what fails, None when nothing does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pgcheck.checker.campaign.manuals.bus import bus
from pgcheck.checker.campaign.manuals.manual import manuals
from tests.mutants import checker_properties, file_properties, memory_properties, monitor_properties, native_properties

Case = Callable[[bytes], str | None]


@dataclass(frozen=True, slots=True)
class Property:
    """One property on one subject: `name` is its id in the design and the subject; tapes have `length` bytes.

    `cases` are what it takes to be content, `prepare` does once what all cases need.
    """

    name: str
    case: Case
    length: int = 512
    cases: int = 400
    prepare: Callable[[], object] = lambda: None


def _all() -> Mapping[str, Property]:
    devices = manuals()
    checks = checker_properties
    found = [
        Property("DV2 console", devices["console"].held),
        Property("DV2 interrupt controller", devices["interrupt_controller"].held),
        Property("DV2 timer", devices["timer"].held),
        Property("DV2 ticker", devices["ticker"].held),
        Property("DV2 disk", devices["disk"].held, 1024),
        Property("DV2 bus", partial(bus, big=False)),
        Property("ISO2 guest memory", memory_properties.guest_memory),
        Property("DV2 file", file_properties.host_file, 256, 200),
        Property("EQ4 native code", native_properties.lowered, 8, 200),
        Property("CK1 replies", checks.replies, 32, 60),
        Property("CK1 planted models", checks.planted, 64, 4000, checks.planted_solver),
        Property("CK1 known verdicts", checks.known_verdict, 16, 24, checks.known_machines),
        Property("CK2 strict files", checks.strict_file, 64, 200),
        Property("CK3 kept results", checks.kept_result, 32, 100),
        Property("CK3 kept findings", checks.kept_findings, 64, 60),
        *(
            Property(name, case, length, cases, prepare)
            for name, case, length, cases, prepare in monitor_properties.every()
        ),
    ]
    return {p.name: p for p in found}


PROPERTIES = _all()
