"""Rows judged side by side: forked workers, each with a solver of its own; answers come in the order of the work."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import TypeVar

from pgcheck.checker.solver import Solver

T = TypeVar("T")
R = TypeVar("R")


class WorkerDied(Exception):
    """A worker process ended without an answer."""


class Pool:
    """Runs functions over items on up to `jobs` processes; with one job, or where processes cannot be forked, in this one."""

    def __init__(self, make_solver: Callable[[], Solver], jobs: int) -> None:
        self.make_solver = make_solver
        self.jobs = jobs if "fork" in multiprocessing.get_all_start_methods() else 1
        self.solver = make_solver()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.solver.close()

    def each(self, function: Callable[[T, Solver], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Every item with its result, in order. An exception in a worker is raised here."""
        jobs = min(self.jobs, len(items))
        if jobs <= 1:
            for item in items:
                yield item, function(item, self.solver)
            return
        yield from self._forked(function, items, jobs)

    def _forked(self, function: Callable[[T, Solver], R], items: Sequence[T], jobs: int) -> Iterator[tuple[T, R]]:
        context = multiprocessing.get_context("fork")
        pipes: list[Connection] = []
        workers = []
        for _ in range(jobs):
            here, there = context.Pipe()
            pipes.append(here)
            worker = context.Process(
                target=_serve, args=(there, tuple(pipes), function, items, self.make_solver), daemon=True
            )
            worker.start()
            there.close()
            workers.append(worker)
        try:
            yield from self._dispatch(items, pipes)
        finally:
            for pipe in pipes:
                pipe.close()
            for worker in workers:
                worker.join(0.5)
                if worker.is_alive():
                    worker.kill()
                    worker.join()

    def _dispatch(self, items: Sequence[T], pipes: list[Connection]) -> Iterator[tuple[T, R]]:
        todo = iter(range(len(items)))
        done: dict[int, R] = {}
        busy: set[Connection] = set()
        shown = 0
        for pipe in pipes:
            self._hand_out(pipe, todo, busy)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                try:
                    index, result, error = ready.recv()
                except EOFError as end:
                    raise WorkerDied("a worker process died") from end
                if error is not None:
                    raise error
                done[index] = result
                busy.discard(ready)
                self._hand_out(ready, todo, busy)
            while shown in done:
                yield items[shown], done.pop(shown)
                shown += 1

    def _hand_out(self, pipe: Connection, todo: Iterator[int], busy: set[Connection]) -> None:
        index = next(todo, None)
        if index is not None:
            pipe.send(index)
            busy.add(pipe)


def _serve(
    pipe: Connection, parents: Sequence[Connection], function: Callable[[T, Solver], R], items: Sequence[T],
    make_solver: Callable[[], Solver],
) -> None:  # fmt: skip
    """A worker: indices come in, (index, result, error) go out; Ctrl-C is the parent's affair.

    The parent's ends that came with the fork are closed, so that its death ends the worker's input.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for end in parents:
        end.close()
    solver = make_solver()
    try:
        while True:
            index = pipe.recv()
            try:
                pipe.send((index, function(items[index], solver), None))
            except Exception as error:  # handed to the parent, which raises it
                pipe.send((index, None, error))
    except (EOFError, OSError):
        pass
    finally:
        solver.close()
        os._exit(0)
