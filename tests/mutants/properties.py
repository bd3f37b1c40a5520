"""The properties that try to kill mutants, each a function from a tape to what fails, None when nothing does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.mutants import checker_properties, device_properties, disk_properties, file_properties, monitor_properties

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
    devices = device_properties
    checks = checker_properties
    found = [
        Property("DV1 console", devices.console),
        Property("DV1 interrupt controller", devices.interrupt_controller),
        Property("DV1 timer", devices.timer),
        Property("DV1 ticker", devices.ticker),
        Property("DV1 disk", disk_properties.disk, 1024),
        Property("DV1 bus", devices.bus),
        Property("ISO2 guest memory", devices.guest_memory),
        Property("DV1 file", file_properties.host_file, 256, 200),
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
