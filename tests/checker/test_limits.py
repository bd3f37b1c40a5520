"""Limits of the shell are told as what they are."""

import errno
import resource
from collections.abc import Iterator

import pytest

from pgcheck.checker import limits


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, int]]:
    """The soft limits, all of them infinite at first."""
    soft: dict[int, int] = {}
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (soft.get(limit, resource.RLIM_INFINITY), -1))
    yield soft


def test_a_solver_has_no_more_than_the_shell(shell: dict[int, int]) -> None:
    assert limits.allowed(6144) == 6144
    shell[resource.RLIMIT_AS] = 3_000_000 << 10
    assert limits.allowed(6144) == 2929 and limits.allowed(100) == 100


@pytest.mark.parametrize(
    "error, limit, said",
    [
        (MemoryError(), resource.RLIMIT_AS, "out of memory; the shell limits the address space to 1 KiB (ulimit -v)"),
        (OSError(errno.EMFILE, ""), resource.RLIMIT_NOFILE, "too many open files; the shell limits the open files to 1024 (ulimit -n)"),
        (OSError(errno.EAGAIN, ""), resource.RLIMIT_NPROC, "no further process or thread can be started; the shell limits the processes to 1024 (ulimit -u)"),
        (RuntimeError("can't start new thread"), resource.RLIMIT_NPROC, "no further process or thread can be started; the shell limits the processes to 1024 (ulimit -u)"),
        (OSError(errno.EFBIG, ""), resource.RLIMIT_FSIZE, "the file grows too large; the shell limits the size of files to 1 KiB (ulimit -f)"),
        (ImportError("x.so: failed to map segment"), resource.RLIMIT_AS, "out of memory; the shell limits the address space to 1 KiB (ulimit -v)"),
    ],
)  # fmt: skip
def test_a_failure_names_the_limit(error: Exception, limit: int, said: str, shell: dict[int, int]) -> None:
    assert limits.told(error) == said.partition(";")[0], "where the shell sets no limit none is blamed"
    shell[limit] = 1024
    assert limits.told(error) == said


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError(errno.ENOENT, ""), RuntimeError("x"), ImportError("no module")]
)
def test_other_failures_are_no_limits(error: Exception, shell: dict[int, int]) -> None:
    shell[resource.RLIMIT_AS] = 1024
    assert limits.told(error) == ""


def test_used_up_time_names_the_limit(shell: dict[int, int]) -> None:
    assert limits.processor_time() == "the CPU time is used up"
    shell[resource.RLIMIT_CPU] = 5
    assert limits.processor_time() == "the CPU time is used up; the shell limits the CPU time to 5 s (ulimit -t)"
