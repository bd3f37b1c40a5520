"""Types by value: what replacing fields leaves of a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgcheck.isa.idl.types import Bitfield

ENTRY = Bitfield("Entry", 16, {"valid": (0, 0), "rights": (3, 1), "frame": (15, 8)})
WORDS = st.integers(0, 0xFFFF)


@given(WORDS, st.dictionaries(st.sampled_from(list(ENTRY.ranges)), WORDS))
def test_replacing_fields_changes_their_bits_alone(word: int, fields: dict[str, int]) -> None:
    new, changed = ENTRY.replaced(word, fields), 0
    for name, value in fields.items():
        high, low = ENTRY.ranges[name]
        own = (2 ** (high - low + 1) - 1) << low
        assert new & own == value << low & own
        changed |= own
    assert new & ~changed == word & ~changed
