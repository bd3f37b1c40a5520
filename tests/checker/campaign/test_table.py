"""The table of properties: what the modules of the folder say of themselves."""

from __future__ import annotations

from pgcheck.checker.campaign.table import FOLDER, PROPERTIES
from pgcheck.isa.rows import modules


def test_every_module_is_a_property_named_like_it() -> None:
    assert sorted(PROPERTIES) == [name.upper() for name in modules(FOLDER)]
    assert all(p.title and p.claim and p.cases > 0 for p in PROPERTIES.values())


def test_campaigns_go_by_order_and_then_by_name_and_leave_out_what_is_dear() -> None:
    assert list(PROPERTIES) == sorted(PROPERTIES, key=lambda name: (PROPERTIES[name].order, name))
    assert list(PROPERTIES)[:3] == ["EQ2", "EQ3", "RC1"] and not PROPERTIES["NE1"].default
