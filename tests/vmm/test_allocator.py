"""Frames have one owner."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcheck.vmm.allocator import Allocator, OutOfMemory


def test_the_lowest_free_frame_is_given() -> None:
    frames = Allocator([7, 3, 5])
    assert [frames.take("a"), frames.take("b"), frames.take("a")] == [3, 5, 7]
    assert frames.owned("a") == {3, 7}
    with pytest.raises(OutOfMemory):
        frames.take("c")


def test_a_frame_that_is_given_back_is_free_again() -> None:
    frames = Allocator(range(1, 4))
    taken = frames.take("a")
    frames.release(taken, "a")
    assert frames.take("b") == taken
    assert frames.owner == {taken: "b"}


def test_only_the_owner_gives_a_frame_back() -> None:
    frames = Allocator(range(1, 4))
    taken = frames.take("a")
    for frame, owner in ((taken, "b"), (2, "a"), (9, "a")):
        with pytest.raises(ValueError, match="is not"):
            frames.release(frame, owner)
    frames.release(taken, "a")
    with pytest.raises(ValueError, match="is not"):
        frames.release(taken, "a")


def test_a_run_is_consecutive() -> None:
    frames = Allocator([1, 2, 4, 5, 6, 9])
    assert frames.take_run("a", 3) == range(4, 7)
    assert frames.free == [1, 2, 9]
    with pytest.raises(OutOfMemory):
        frames.take_run("a", 3)
    assert frames.take_run("b", 2) == range(1, 3)
    assert frames.owned("b") == {1, 2}


@pytest.mark.parametrize("count", [0, -1])
def test_a_run_of_nothing_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="asks for"):
        Allocator(range(4)).take_run("a", count)


def test_a_tape_chooses() -> None:
    tape = iter([2, 0, 1])
    frames = Allocator(range(10, 14), lambda free: next(tape) % len(free))
    assert [frames.take("a") for _ in range(3)] == [12, 10, 13]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["take", "run", "release"]), st.sampled_from("ab"), st.integers(0, 11)), max_size=40
)


@given(ACTIONS, st.integers(0, 5))
def test_every_frame_is_free_or_has_one_owner(actions: list[tuple[str, str, int]], picked: int) -> None:
    frames = Allocator(range(12), lambda free: picked % len(free))
    held: dict[str, set[int]] = {"a": set(), "b": set()}
    for action, owner, number in actions:
        match action:
            case "take" if frames.free:
                held[owner].add(frames.take(owner))
            case "run":
                try:
                    held[owner].update(frames.take_run(owner, number or 1))
                except OutOfMemory:
                    pass
            case "release" if number in held[owner]:
                frames.release(number, owner)
                held[owner].remove(number)
        assert not held["a"] & held["b"]
        assert set(frames.free) == set(range(12)) - held["a"] - held["b"]
        assert {o: frames.owned(o) for o in held} == held
