"""The table of properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pgcheck.checker.campaign.pairs.outcome import Property
from pgcheck.checker.campaign.properties.control import ef1, rc1, rc2
from pgcheck.checker.campaign.properties.equivalence import dv1, eq2, eq3, ir1, ne1
from pgcheck.checker.campaign.properties.isolation import iso1, iso2, iso3
from pgcheck.checker.campaign.properties.shadowing import sh1, sh2

PROPERTIES: Final[Mapping[str, Property]] = {
    p.id: p
    for p in (
        Property("EQ2", eq2, title="a guest is at every k-th step what the bare machine is"),
        Property("EQ3", eq3, title="a guest takes exactly the traps of the bare machine"),
        Property("RC1", rc1, title="the monitor keeps its control state and its processor"),
        Property("RC2", rc2, title="the monitor does a bounded amount of work for a step"),
        Property("EF1", ef1, title="the monitor steps in exactly where it must"),
        Property("ISO1", iso1, 3, title="what one guest does shows in no other"),
        Property("ISO2", iso2, 2, title="a guest reaches its own frames and no others"),
        Property("ISO3", iso3, 1, title="a new guest finds nothing of an earlier one"),
        Property("SH1", sh1, title="shadow tables say what the guest's tables say"),
        Property("SH2", sh2, title="so does what the processor remembers of them"),
        Property("IR1", ir1, title="interrupts come when the bare machine takes them"),
        Property("DV1", dv1, title="devices give a guest what they give the bare machine"),
        Property("NE1", ne1, title="a guest of a monitor that is a guest is the bare machine"),
    )
}
