"""The table of properties: the rows of the modules of `properties/`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.isa.rows import rows

FOLDER: Final = "pgcheck.checker.campaign.properties"
PROPERTIES: Final[Mapping[str, Property]] = {
    p.id: p for p in sorted(rows(FOLDER, Property), key=lambda p: (p.order, p.id))
}
