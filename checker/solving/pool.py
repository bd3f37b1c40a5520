"""Rows judged side by side: forked workers, each with a solver of its own; answers come in the order of the work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, TypeVar

from pgcheck.checker import limits
from pgcheck.checker.limits import Limited
from pgcheck.checker.solving.solver import Solver

T = TypeVar("T")
R = TypeVar("R")


class WorkerDied(Exception):
    """A worker process ended without an answer."""


class WorkerFailed(Exception):
    """A function raised in a worker: the message is the exception's class and text, the note its traceback.

    Text crosses processes whole, where an exception would have to be made again from its arguments.
    """


class Pool:
    """Runs functions over items on up to `jobs` processes, each with at least `least` items; with one job, or where processes cannot be forked, in this one."""

    def __init__(self, make_solver: Callable[[], Solver], jobs: int, *, least: int = 1) -> None:
        self.make_solver = make_solver
        self.least = least
        self.jobs = jobs if "fork" in multiprocessing.get_all_start_methods() else 1
        self.solver = make_solver()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.solver.close()

    def each(self, function: Callable[[T, Solver], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Every item with its result, in order. Raises what a worker raises, all but an OSError as WorkerFailed, Limited and WorkerDied."""
        jobs = min(self.jobs, len(items) // self.least or 1, len(items))
        if jobs <= 1:
            for item in items:
                yield item, function(item, self.solver)
            return
        yield from self._forked(function, items, jobs)

    def _forked(self, function: Callable[[T, Solver], R], items: Sequence[T], jobs: int) -> Iterator[tuple[T, R]]:
        context = multiprocessing.get_context("fork")
        pipes: list[Connection] = []
        workers: list[BaseProcess] = []
        for _ in range(jobs):
            here, there = context.Pipe()
            pipes.append(here)
            worker = context.Process(
                target=_serve, args=(there, tuple(pipes), function, items, self.make_solver), daemon=True
            )
            try:
                worker.start()
            except (OSError, MemoryError) as error:  # those that there are do the work
                here.close()
                there.close()
                pipes.pop()
                if not workers:
                    raise Limited(limits.told(error) or f"no process can be started: {error}") from error
                break
            there.close()
            workers.append(worker)
        try:
            yield from self._dispatch(items, pipes)
        except WorkerDied as died:
            raise _explained(workers, died) from died
        finally:
            for pipe in pipes:
                pipe.close()
            for left in workers:
                left.join(0.5)
                if left.is_alive():
                    left.kill()
                    left.join()

    def _dispatch(self, items: Sequence[T], pipes: list[Connection]) -> Iterator[tuple[T, Any]]:
        todo = iter(range(len(items)))
        done: dict[int, Any] = {}
        busy: set[Connection] = set()
        shown = 0
        for pipe in pipes:
            self.hand_out(pipe, todo, busy)
        while busy:
            answering = wait(list(busy))
            for ready in [pipe for pipe in pipes if pipe in answering]:
                try:
                    index, result, failure = ready.recv()
                except (EOFError, OSError) as end:
                    raise WorkerDied("a worker process died") from end
                if failure is not None:
                    raise failure if isinstance(failure, OSError | Limited) else _failed(*failure)
                done[index] = result
                busy.discard(ready)
                self.hand_out(ready, todo, busy)
            while shown in done:
                yield items[shown], done.pop(shown)
                shown += 1

    def hand_out(self, pipe: Connection, todo: Iterator[int], busy: set[Connection]) -> None:
        """Give a worker the next piece of work, if there is one. Raises WorkerDied."""
        index = next(todo, None)
        if index is None:
            return
        try:
            pipe.send(index)
        except OSError as end:
            raise WorkerDied("a worker process died") from end
        busy.add(pipe)


def _explained(workers: Sequence[BaseProcess], died: WorkerDied) -> Exception:
    """What a worker that has died means: what the system or the shell has killed met a limit."""
    for worker in workers:
        worker.join(0.5)
        match worker.exitcode:
            case code if code == -signal.SIGXCPU:
                return Limited(limits.processor_time())
            case code if code == -signal.SIGKILL:
                return Limited("a worker process was killed from outside; the system may be out of memory")
    return died


def _failed(message: str, trace: str) -> WorkerFailed:
    failure = WorkerFailed(message)
    failure.add_note(trace)
    return failure


def _serve(
    pipe: Connection,
    parents: Sequence[Connection],
    function: Callable[[T, Solver], R],
    items: Sequence[T],
    make_solver: Callable[[], Solver],
) -> None:
    """A worker: indices come in, (index, result, failure or None) go out; Ctrl-C is the parent's affair.

    The parent's ends that came with the fork are closed, so that its death ends the worker's input.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for end in parents:
        end.close()
    solver = make_solver()
    try:
        while True:
            index = pipe.recv()
            try:
                pipe.send((index, function(items[index], solver), None))
            except OSError as error:  # no bug: a disk that is full says so
                pipe.send((index, None, OSError(error.errno, error.strerror, error.filename)))
            except MemoryError as error:
                pipe.send((index, None, Limited(limits.told(error))))
            except Limited as error:
                pipe.send((index, None, error))
            except Exception as error:  # handed to the parent, which raises it
                message = "".join(traceback.format_exception_only(error)).strip()
                pipe.send((index, None, (message, traceback.format_exc())))
    except (EOFError, OSError):
        pass
    finally:
        solver.close()
        os._exit(0)
