"""Bad input and a bad environment: one clear message or an honest unknown, the documented exit code, never a traceback."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.limits import Limited
from tests.specifications import ROOT, SMALL, machine_of

PG74 = (ROOT / "specs" / "pg74.yaml").read_text()


def pgcheck(
    *words: str | Path,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float = 120,
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """A run of the command line in `folder`, with a cache of its own there."""
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PGCHECK_CACHE": str(folder / "cache"),
        "NO_COLOR": "1",
        **(environment or {}),
    }
    return subprocess.run(
        [sys.executable, "-m", "pgcheck", *map(str, words)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=seconds,
        preexec_fn=before,
        check=False,
    )


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, nothing on standard output, and a message that holds the words."""
    assert result.returncode == 2, result.stderr[-2000:]
    assert result.stdout == "" and "Traceback" not in result.stderr and "Internal error" not in result.stderr
    assert all(w in result.stderr for w in words), result.stderr[:2000]
    assert len(result.stderr) < 20_000


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b"\n\n  \n", "empty"),
    "binary": (bytes(range(256)) * 8, "UTF-8"),
    "utf16": (PG74.encode("utf-16"), "UTF-8"),
    "brackets": (b"a: " + b"[" * 100_000, "bad.yaml:1:"),
    "brackets in lines": (b"a:\n" + b"[\n" * 100_000, "bad.yaml:"),
    "braces": (b"{a: " * 20_000, "bad.yaml:1:"),
    "alias bomb": (b"a: &a [x, x]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (i, i) for i in range(9)), "anchor"),
    "one long line": (b"name: " + b"x" * (1 << 20) + b"\n", "bad.yaml:1:"),
    "a list": (b"- 1\n- 2\n", "bad.yaml:1:"),
    "a text": (b"hello\n", "bad.yaml:1:"),
    "two keys": (b"name: a\nname: b\n", "bad.yaml:2:"),
    "a tag": (b"name: !!python/object/apply:os.getcwd []\n", "bad.yaml:1:"),
    "nothing else": (b'spec_version: "1"\nkind: machine\nname: bad\n', "missing"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_specification(name: str, tmp_path: Path) -> None:
    content, word = FILES[name]
    (tmp_path / "bad.yaml").write_bytes(content)
    refused(pgcheck("bad.yaml", folder=tmp_path, seconds=60), "bad.yaml", word)


EDITS: dict[str, tuple[str, str, str]] = {
    "a width of a million": ("DEVICE: {type: Bits<32>", "DEVICE: {type: Bits<1000000>", "cannot be"),
    "a width of none": ("DEVICE: {type: Bits<32>", "DEVICE: {type: Bits<0>", "cannot be"),
    "a width of a thousand digits": ("DEVICE: {type: Bits<32>", f"DEVICE: {{type: Bits<{'9' * 1000}>", ""),
    "a size beyond all memory": ("size: Q, role: general", "size: 1 << 4000, role: general", ""),
    "an unknown role": ("role: relocation", "role: relocatoin", "relocation"),
    "no role": ("M: {type: Bits<1>, role: mode}", "M: {type: Bits<1>}", "role"),
    "an unknown key": ("unmodelled:", "unmodeled:", "unmodelled"),
    "a loop without an end": ("body { return translate(a, op, mode); }", "body { for (U32 i = 0; i < 4; i += 0) {} return 10'd0; }", ""),
    "a loop on state": ("body { return translate(a, op, mode); }", "body { for (U32 i = 0; i < A[0]; i++) {} return 10'd0; }", ""),
    "a loop too long": ("body { return translate(a, op, mode); }", "body { for (U32 i = 0; i < 32'd4000000000; i++) {} return 10'd0; }", "4096"),
    "a function that calls itself": ("body { return translate(a, op, mode); }", "body { return load_real_address(a, op, mode); }", "load_real_address"),
    "an unknown function": ("body { return translate(a, op, mode); }", "body { return tranlsate(a, op, mode); }", "translate"),
    "no mode": ("  state: M\n", "  state: MODE\n", "MODE"),
    "an include of a folder": ("spec_version:", "include: [.]\nspec_version:", ""),
    "an include of itself": ("spec_version:", "include: [bad.yaml]\nspec_version:", ""),
    "an include from elsewhere": ("spec_version:", "include: [../../../../etc/passwd]\nspec_version:", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_specifications_with_one_thing_wrong(name: str, tmp_path: Path) -> None:
    old, new, word = EDITS[name]
    assert old in PG74
    (tmp_path / "bad.yaml").write_text(PG74.replace(old, new, 1))
    refused(pgcheck("validate", "bad.yaml", folder=tmp_path), "bad.yaml:", word)


def test_brackets_nested_deep_in_a_body(tmp_path: Path) -> None:
    """An expression is read without recursion, so thirty thousand brackets are no error; they may be, but never a crash."""
    old = "body { return translate(a, op, mode); }"
    (tmp_path / "deep.yaml").write_text(
        PG74.replace(old, f"body {{ return translate({'(' * 30000}a{')' * 30000}, op, mode); }}", 1)
    )
    result = pgcheck("validate", "deep.yaml", folder=tmp_path)
    assert result.returncode in (0, 2) and "Traceback" not in result.stderr and "Internal error" not in result.stderr


def test_two_encodings_of_the_same_bits(tmp_path: Path) -> None:
    twice = (SMALL / "popf.yaml").read_text() + (
        '  - name: twin\n    assembly: "{r}"\n'
        '    encoding: {match: "1000000-----00000000000000000000", variables: ["r 23-20"]}\n    operation(): "C = A[r][0];"\n'
    )
    (tmp_path / "bad.yaml").write_text(twice)
    refused(pgcheck("validate", "bad.yaml", folder=tmp_path), "twin", "popf")


def test_folders_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    refused(pgcheck("folder.yaml", folder=tmp_path), "folder")
    refused(pgcheck("nowhere.yaml", folder=tmp_path), "nowhere.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    refused(pgcheck("loop.yaml", folder=tmp_path), "loop.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(PG74)
    (tmp_path / "secret.yaml").chmod(0)
    refused(pgcheck("secret.yaml", folder=tmp_path), "secret.yaml")


def test_reading_that_fails(tmp_path: Path) -> None:
    """As an unreadable file, for those whom no file mode stops: reading this one fails with an input/output error."""
    memory = Path("/proc/self/mem")
    if not memory.exists():
        pytest.skip("no /proc")
    refused(pgcheck("validate", memory, folder=tmp_path), "mem")


def holds(result: subprocess.CompletedProcess[str]) -> None:
    assert result.returncode == 0 and "Traceback" not in result.stderr, result.stderr[-2000:]
    assert "Theorem 1" in result.stdout


def corrupt(cache: Path) -> None:
    (cache / "results.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)


def foreign(cache: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(cache / "results.sqlite")
    connection.execute("CREATE TABLE accounts (name TEXT)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("spoil", [corrupt, foreign])
def test_a_cache_that_is_none(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    spoil(cache)
    before = (cache / "results.sqlite").read_bytes()
    holds(pgcheck("pg74", "--no-second", folder=tmp_path))
    assert (cache / "results.sqlite").read_bytes() == before


def test_a_cache_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    holds(
        pgcheck("pg74", "--no-second", folder=tmp_path, environment={"PGCHECK_CACHE": str(tmp_path / "file" / "cache")})
    )
    holds(pgcheck("pg74", "--no-second", folder=tmp_path, environment={"PGCHECK_CACHE": "/proc/pgcheck"}))


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """No file may grow beyond 8 KiB: the cache gives up, the answer stays."""

    def little() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    holds(pgcheck("pg74", "--no-second", folder=tmp_path, before=little))


def test_two_processes_share_a_cache(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PGCHECK_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "pgcheck", "pg74", "--no-timing", "--format", "json", "--jobs", "2"]
    both = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    answers = [p.communicate(timeout=120) for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert answers[0][0] == answers[1][0] and answers[0][0]
    again = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    assert again.stdout == answers[0][0]


def fake_solver(folder: Path, text: str) -> Path:
    """A `sitecustomize` that replaces what the solver process does: `text` runs in it before anything else."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        f"import sys\nif 'pgcheck.checker.solving.worker' in sys.orig_argv:\n    {text}\n"
    )
    return folder


def with_solver(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(fake_solver(folder / "fake", text)), str(ROOT)])
    return pgcheck(
        "pg74", "--no-second", "--no-cache", "--only", "lrr", folder=folder, environment={"PYTHONPATH": path}
    )


def test_a_solver_that_dies_gives_no_verdict(tmp_path: Path) -> None:
    result = with_solver("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    assert result.returncode == 3 and "Traceback" not in result.stderr, (result.returncode, result.stderr[-1500:])
    assert "Theorem 1  not decided" in result.stdout and "Monitor    not decided" in result.stdout


def test_a_solver_that_writes_garbage_is_an_internal_error_and_no_fault_of_the_specification(tmp_path: Path) -> None:
    result = with_solver("import os; os.write(1, b'garbage' * 100); os._exit(0)", tmp_path)
    assert result.returncode == 4 and "Traceback" not in result.stderr, (result.returncode, result.stderr[-1500:])
    assert result.stdout == "" and "Internal error" in result.stderr and "no reply" in result.stderr


def test_nothing_half_written_when_a_witness_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = pgcheck(SMALL / "popf.yaml", "--only", "popf", "--no-second", "--witnesses", "file", folder=tmp_path)
    assert result.returncode == 2 and "Traceback" not in result.stderr and "file" in result.stderr
    assert (tmp_path / "file").read_text() == "mine"
    result = pgcheck("pg74", "--only", "lrr", "--no-second", "--dump-smt", "file", folder=tmp_path)
    assert result.returncode == 2 and "Traceback" not in result.stderr and "file" in result.stderr


@pytest.mark.usefixtures("interruptible")
def test_interrupted_runs_end_at_once_and_leave_no_process(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PGCHECK_CACHE": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pgcheck", "i386", "--no-cache", "--jobs", "2"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert out == "" or out.startswith("i386: broken off; ")
    time.sleep(1.5)
    assert not _children_of(process.pid), "a worker or a solver outlived the run"


def _children_of(session: int) -> list[str]:
    """The processes of a session that are still there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat[3]) == session and stat[0] != "Z":
            found.append(entry.name)
    return found


def test_a_worker_that_is_killed_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()

    def dying(*_: object, **__: object) -> None:
        assert os.getpid() != parent
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("pgcheck.checker.verdicts.survey.judge", dying)
    monkeypatch.setattr("pgcheck.checker.judging.WORTH", 1)
    with pytest.raises(Limited, match="killed from outside"):
        check(machine_of("pg74"), Options(jobs=2, cache=False, only=("lrr", "srr")))
