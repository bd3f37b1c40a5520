"""Names of free terms: no two are printed alike, and what is printed is read back."""

from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgcheck.isa.terms import Name, variable
from pgcheck.isa.terms.names import CHOICE, FREE, REAL, STATE, TABLE, VIRTUAL, Space, Tag, read

# Texts that look like parts of names are the ones to be mistaken.
parts = st.sampled_from([*get_args(Space), *get_args(Tag), "x", "#0", "~1", "%23", "A"])
texts = st.lists(parts, min_size=1, max_size=3).map(".".join)
numbers = st.none() | st.integers(0, 2)
names = st.builds(Name, st.sampled_from(get_args(Space)), texts, numbers, st.sampled_from(get_args(Tag)), numbers)


@settings(max_examples=400)
@given(names)
@example(Name(FREE, ""))
def test_a_printed_name_is_read_back(name: Name) -> None:
    assert read(str(name)) == name


@settings(max_examples=200)
@given(names, names)
def test_names_are_ordered_as_they_are_printed(a: Name, b: Name) -> None:
    assert (a < b) == (str(a) < str(b)) and (a == b) == (str(a) == str(b))


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        (Name(STATE, "FL.IF"), "s.FL.IF"),
        (Name(STATE, "FL.IF", copy=VIRTUAL), "v.FL.IF"),
        (Name(CHOICE, "flags", 2, VIRTUAL), "v.n.flags#2"),
        (Name(TABLE, "gdt", copy=REAL, trial=3), "r.table.gdt~3"),
        (Name(STATE, "n.flags", copy=VIRTUAL), "v.s.n.flags"),
        (Name(STATE, "table.gdt", copy=REAL), "r.s.table.gdt"),
        (Name(FREE, "unit0"), "unit0"),
        (Name(FREE, "s.FL"), ".s.FL"),
    ],
)
def test_names_as_they_are_printed(name: Name, printed: str) -> None:
    assert str(name) == printed
    assert variable(4, name) is variable(4, read(printed))


@pytest.mark.parametrize("text", ["v.n.x#one", "a#0#1", "s.x~", "n.x#00", "%"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError):
        read(text)
