"""Workers: results in the order of the work, and every way to fail is one exception that says what happened."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, solver_for
from pgcheck.checker.limits import Limited
from pgcheck.checker.solving.evidence import Undecided
from pgcheck.checker.solving.pool import Pool, WorkerDied, WorkerFailed
from pgcheck.checker.solving.solver import Solver

OPTIONS = Options(cache=False, second=False)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(lambda: solver_for(OPTIONS), 2) as made:
        yield made


def test_answers_come_in_the_order_of_the_work(pool: Pool) -> None:
    items = list(range(20))
    assert list(pool.each(lambda item, _: item * item, items)) == [(i, i * i) for i in items]
    assert list(pool.each(lambda item, _: os.getpid(), items[:1])) == [(0, os.getpid())]


@pytest.mark.parametrize(("count", "workers"), [(1, 0), (19, 0), (20, 2), (30, 3), (100, 4)])
def test_a_process_is_started_for_enough_work_only(count: int, workers: int) -> None:
    with Pool(lambda: solver_for(OPTIONS), 4, least=10) as pool:
        worked = {process for _, process in pool.each(lambda item, _: os.getpid(), range(count))}
    assert (worked == {os.getpid()}) == (workers == 0) and len(worked) <= max(workers, 1)


def of_its_own(item: int, _: Solver) -> int:
    if item == 3:
        raise Undecided("label", "the budget is used up")
    return item


class Odd(Exception):
    """Cannot be made again from its arguments, nor sent."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__("odd")
        self.held: Callable[[], int] = lambda: a + b


def odd(item: int, _: Solver) -> int:
    raise Odd(item, item)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (of_its_own, "Undecided: label: the budget is used up"),
        (odd, "Odd: odd"),
        (lambda item, _: lambda: item, "pickle"),
    ],
)
def test_whatever_is_raised_in_a_worker_arrives_as_text(
    function: Callable[[int, Solver], int], message: str, pool: Pool
) -> None:
    with pytest.raises(WorkerFailed, match=message) as failed:
        list(pool.each(function, list(range(6))))
    shown = "".join(traceback.format_exception(failed.value))
    assert "in _serve" in shown, "the worker's own traceback is a note of the exception"


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_environment_refuses_is_no_bug(jobs: int, tmp_path: Path) -> None:
    def reading(item: int, _: Solver) -> str:
        return (tmp_path / str(item)).read_text()

    with Pool(lambda: solver_for(OPTIONS), jobs) as made, pytest.raises(FileNotFoundError) as refused:
        list(made.each(reading, [7, 8]))
    assert Path(str(refused.value.filename)).parent == tmp_path


def test_what_comes_before_a_failure_is_given(pool: Pool) -> None:
    given = []
    with pytest.raises(WorkerFailed):
        for item, result in pool.each(of_its_own, list(range(4))):
            given.append((item, result))
    assert given in ([], [(0, 0)], [(0, 0), (1, 1)], [(0, 0), (1, 1), (2, 2)])


def test_a_worker_that_ends_by_itself_is_an_error(pool: Pool) -> None:
    def dying(item: int, _: Solver) -> int:
        os._exit(1)

    with pytest.raises(WorkerDied):
        list(pool.each(dying, list(range(8))))


def test_a_worker_that_has_no_room_says_which_limit(pool: Pool) -> None:
    def growing(item: int, _: Solver) -> int:
        raise MemoryError

    with pytest.raises(Limited, match="out of memory"):
        list(pool.each(growing, list(range(8))))


def test_a_worker_that_is_killed_has_met_a_limit(pool: Pool) -> None:
    def dying(item: int, _: Solver) -> int:
        if item == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(Limited, match="killed from outside"):
        list(pool.each(dying, list(range(8))))


def test_work_handed_to_a_worker_that_is_gone_is_an_error(pool: Pool) -> None:
    here, there = Pipe()
    there.close()
    busy: set[Connection] = set()
    with pytest.raises(WorkerDied):
        pool.hand_out(here, iter([0]), busy)
    assert not busy
    pool.hand_out(here, iter([]), busy)  # nothing left to do: it need not live
