"""What a key is made of: all that is held, nothing of where it stands, and no kind of value that is not known."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from pgcheck.isa.machine.contents import Contents
from pgcheck.isa.machine.machine import Machine
from tests.checker.variants import edited
from tests.specifications import machine_of


def read(machine: Machine) -> tuple[str, dict[str, str]]:
    contents = Contents(machine)
    return contents.around(), {i.id: contents.instruction(i) for i in machine.instructions}


@pytest.mark.parametrize(
    ("change", "around", "reached"),
    [
        (("title: The third", "# moved\ntitle: Third"), False, set()),
        (("description { the word at virtual address a }", "description { something else }"), False, set()),
        (("A[r] = A[r] << n;", "A[r] = A[r] << n << 1'b0;"), False, {"shl"}),
        (("{22'd0, a} + A[x]; }", "{22'd0, a} - A[x]; }"), False, {"load", "store", "la", "copy", "jump", "jz", "jn", "jc", "jsub", "lpsw", "lra"}),
        (('"00010010--------0000000000000000"', '"00011010--------0000000000000000"'), False, {"and"}),
        (("shl\n    long_name: Shift left\n    assembly: \"{r}, {n}\"", "shl\n    long_name: .\n    assembly: \"{n}, {r}\""), False, {"shl"}),
        (('comment: ";"', 'comment: "#"'), True, set()),
        (("C: {type: Bits<1>, role: general}", "C: {type: Bits<1>, role: general, reset: 1}"), True, set()),
        (("name: pg74", "name: pg75"), True, set()),
        (("timer: {model: counter, in: TIMER", "clock: {model: counter, in: TIMER"), True, set()),
    ],
)  # fmt: skip
def test_a_change_is_seen_where_it_is(change: tuple[str, str], around: bool, reached: set[str], tmp_path: Path) -> None:
    old, new = read(machine_of("pg74")), read(edited(tmp_path, change))
    assert (old[0] != new[0]) == around
    assert {i for i, d in old[1].items() if new[1][i] != d} == reached


def test_every_part_of_a_machine_is_in_one_of_its_digests() -> None:
    """A part that is added later is around the instructions, or the test says where it went."""
    # A guest that is another machine is asked about in a machine of its own, which has digests of its own (isa/joint).
    apart = {"identity", "code", "decoding", "instructions", "kept", "later", "virtual"}
    machine = machine_of("pg74")
    for f in fields(machine):
        if f.name not in apart:
            without: Any = {f.name: None}
            assert Contents(replace(machine, **without)).around() != Contents(machine).around()
    for f in fields(machine.code):
        if f.name != "functions":
            without = {f.name: None}
            other = replace(machine, code=replace(machine.code, **without))
            assert getattr(machine.code, f.name) is None or Contents(other).around() != Contents(machine).around()


def test_what_takes_the_rest_depends_on_all_encodings() -> None:
    machine = machine_of("pg74")
    rest = replace(machine.instructions[0], id="rest", encoding=None, line=None)
    fewer = replace(machine, instructions=machine.instructions[1:])
    assert Contents(machine).instruction(rest) != Contents(fewer).instruction(rest)


def test_values_that_are_told_apart() -> None:
    contents = Contents(machine_of("pg74"))
    values = [
        None,
        0,
        False,
        1,
        True,
        "",
        "0",
        (),
        (0,),
        ((0,),),
        (0, 0),
        {},
        {0: 0},
        frozenset(),
        frozenset({0}),
        ("ab", "c"),
        ("a", "bc"),
    ]
    assert len({contents.held(v).digest for v in values}) == len(values)
    assert contents.closed(frozenset({1, 2})) == contents.closed(frozenset({2, 1}))


def test_a_value_of_an_unknown_kind_is_refused() -> None:
    @dataclass
    class Holder:
        value: object

    with pytest.raises(TypeError, match="what a function holds is not known"):
        Contents(machine_of("pg74")).held(Holder(read))


def test_what_a_called_function_calls_is_part_of_an_instructions_digest() -> None:
    """`setr` calls `priv`, which ends in `trap`."""
    one = machine_of("soundness/z00_control")
    trap, setr = one.code.functions["trap"], one.instruction("setr")
    other = replace(one, code=replace(one.code, functions={**one.code.functions, "trap": replace(trap, body=())}))
    assert Contents(one).instruction(setr) == Contents(replace(one)).instruction(setr)
    assert Contents(one).instruction(setr) != Contents(other).instruction(setr)
