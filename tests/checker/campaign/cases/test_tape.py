"""Tapes: the whole of a case's chance, and 0 the simplest of all choices."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgcheck.checker.campaign.cases.tape import Tape, counted
from pgcheck.checker.campaign.shrink import shrink


def test_an_exhausted_tape_gives_zeros() -> None:
    tape = Tape(b"\xff")
    assert tape.byte() == 255
    assert (tape.byte(), tape.bits(64), tape.below(1000), tape.choose("abc"), tape.chance(255)) == (0, 0, 0, "a", False)


@given(st.binary(min_size=4, max_size=4), st.integers(1, 1 << 20))
def test_a_choice_is_below_its_bound_and_can_be_each(data: bytes, bound: int) -> None:
    assert 0 <= Tape(data).below(bound) < bound
    assert Tape(b"\xff" * 4).below(bound) >= bound - 1 - bound // 256
    assert Tape(bytes(4)).below(bound) == 0


def test_every_value_of_a_small_choice_comes_up() -> None:
    assert {Tape(bytes([k])).below(7) for k in range(256)} == set(range(7))


def test_bits_are_little_endian_and_cut_to_their_width() -> None:
    assert Tape(b"\x34\x12").bits(16) == 0x1234
    assert Tape(b"\x34\xff").bits(12) == 0xF34


def test_tapes_of_a_campaign_depend_on_its_name_and_number_alone() -> None:
    tapes = {counted(name, k, 64) for name in ("a", "b", "") for k in range(50)}
    assert len(tapes) == 150 and all(len(t) == 64 for t in tapes)
    assert counted("a", 3, 64) == counted("a", 3, 64)
    assert counted("a", 3, 32) == counted("a", 3, 64)[:32]


def test_shrinking_keeps_the_failure_and_ends() -> None:
    tape, calls = counted("x", 0, 256), list[bytes]()

    def fails(candidate: bytes) -> bool:
        calls.append(candidate)
        return len(candidate) > 100 and candidate[100] >= 8

    tape = tape[:100] + b"\x80" + tape[101:]
    small = shrink(tape, fails, 200)
    assert fails(small) and len(small) == 101 and sum(map(bool, small)) == 1 and len(calls) <= 202


def test_shrinking_gives_up_after_its_tries() -> None:
    calls = list[bytes]()

    def never(candidate: bytes) -> bool:
        calls.append(candidate)
        return False

    tape = counted("y", 0, 64).rstrip(b"\0")
    assert shrink(tape, never, 20) == tape and len(calls) == 20
