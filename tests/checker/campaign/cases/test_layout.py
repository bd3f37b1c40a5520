"""Layouts: parts do not overlap, on machines of any size down to 64 units."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.campaign.cases.layout import Layout, TooSmall, layout
from pgcheck.isa.machine.build import load
from tests.specifications import machine, path_of


@pytest.mark.parametrize("size", [16, 32, 64, 256, 4096, 65536])
def test_programs_have_room_and_end_before_the_next(size: int) -> None:
    where = Layout(0, size)
    starts = [where.kernel, where.user, where.handler]
    for start, following in zip(starts, [*starts[1:], where.data[0]], strict=True):
        assert 3 <= where.room(start) <= following - start
    assert where.handler < where.data[0] < where.data[1] < where.stack < where.end
    assert where.room(where.end - 1) == 1 and all(where.base <= a < where.end for a in where.places)


def test_a_machine_of_64_units_has_a_layout_and_one_of_32_has_none(tmp_path: Path) -> None:
    assert layout(machine("campaigns/sixty_four")).size == 16
    smaller = tmp_path / "smaller.yaml"
    text = path_of("campaigns/sixty_four").read_text("utf-8")
    narrow = (("size: 64", "size: 32"), ("Bits<6>", "Bits<5>"), ("5:0", "4:0"), ("63", "31"), ("6'd4", "5'd4"))
    for wide, other in (*narrow, ("{2'd0", "{3'd0"), ("{5'd0, EM}", "{4'd0, EM}")):
        text = text.replace(wide, other)
    smaller.write_text(text, "utf-8")
    small = load(smaller)
    with pytest.raises(TooSmall, match="addresses 32 units of memory; a campaign needs 64"):
        layout(small)
