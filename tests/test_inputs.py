"""Hostile and unlucky input, each by the command that a user would give: tests/specs/inputs, and siblings of them in other clothes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgcheck.isa.files import door
from tests.processes import interruptible
from tests.specifications import ROOT, SMALL

CASES = sorted((SMALL / "inputs").glob("*.sh"))
BASH = shutil.which("bash")
LONGEST_LINE = 300


@pytest.fixture
def program(tmp_path: Path, kept: Path) -> Path:
    """This checkout's program, as the cases call it."""
    script = tmp_path / "pgcheck"
    code = "from pgcheck.__main__ import main; main()"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} PGCHECK_CACHE={kept} exec {sys.executable} -c "{code}" "$@"\n')
    script.chmod(0o755)
    (tmp_path / "here").mkdir()
    return script


def shell(program: Path, text: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PGCHECK": str(program), "P": str(program)}
    here = program.parent / "here"
    assert BASH is not None
    return subprocess.run([BASH, "-c", text], cwd=here, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_case_ends_rightly(case: Path, program: Path) -> None:
    done = shell(program, case.read_text("utf-8"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "Internal error" not in done.stderr


COMMANDS = {
    "named pipe as a specification": ("mkfifo f.yaml; $P f.yaml", 2, "no plain file but a named pipe"),
    "named pipe as the disk": ("mkfifo f; $P run riscv64 /dev/null --disk f", 2, "cannot read /dev/null"),
    "named pipe as what the console reads": (
        "mkfifo f; echo halt > a.s; $P run pg74 a.s --input f",
        2,
        "no plain file but a named pipe",
    ),
    "endless standard input": ("ulimit -v 1000000; cat /dev/zero | $P replay -", 2, "larger than"),
    "a folder as a witness": ("$P replay .", 2, "no plain file but a folder"),
    "standard input closed": ("$P replay - <&-", 2, "standard input is closed"),
    "named pipe as pyproject": ("mkfifo pyproject.toml; $P list > /dev/null", 0, ""),
    "named pipe among specifications": (
        "mkfifo s.yaml; printf '[tool.pgcheck]\\nspecs = [\"*.yaml\"]\\n' > pyproject.toml; $P",
        2,
        "names no specification",
    ),
    "named pipe as the database": ("mkfifo f; $P fuzz pg74 --cases 1 --database f", 2, "plain file"),
    "a revision that is an option": ("git init -q .; $P diff -- '-n..'", 2, "one does not begin with -"),
    "a revision that is none": ("git init -q .; $P diff 'no such..'", 2, "git knows no revision"),
    "a report over a link to its specification": (
        "printf 'include: [pg74]\\nname: m\\n' > m.yaml; ln -s m.yaml l; $P m.yaml --output html=l; grep -q pg74 m.yaml && exit 2",
        2,
        "is a specification too",
    ),
    "a report over a hard link to an included file": (
        "printf 'include: [pg74]\\nname: m\\n' > b.yaml; ln b.yaml l; printf 'include: [b.yaml]\\nname: n\\n' > m.yaml;"
        "$P m.yaml --output json=l > /dev/null; code=$?; grep -q pg74 b.yaml && exit $code",
        2,
        "it was read in this run",
    ),
    "two reports in one file": ("$P pg74 --output json=r --output html=./r", 2, "is json=r too"),
    "a disk that is the image": ("cp $IMAGE a; $P run riscv64 a --disk a", 2, "it was read in this run"),
    "not a number of seconds": ("$P fuzz pg74 --seconds nan", 2, "is no number"),
    "endless seconds": ("$P fuzz pg74 --seconds inf", 2, "not in the range"),
    "few open files": ("ulimit -n 12; $P pg74 --no-cache", 3, "open files to 12 (ulimit -n)"),
    "little address space": ("ulimit -v 30000; $P pg74 --no-cache", 3, "address space to 30000 KiB (ulimit -v)"),
    "small files": ("ulimit -f 1; $P pg74 --output json=r > /dev/null", 2, "size of files to 1 KiB (ulimit -f)"),
    "a second": ("ulimit -t 1; $P i386 --no-cache -j 1", 3, "CPU time to 1 s (ulimit -t)"),
    "small files of a campaign": (
        "ulimit -f 8; $P fuzz pg74 --cases 1 --property EQ2 --database d",
        2,
        "size of files to 8 KiB (ulimit -f)",
    ),
    "little time": ("ulimit -t 3; $P i386 --no-cache -j 1", 3, "CPU time is used up; the shell limits"),
    "a folder of great depth": (
        "$P pg74 --witnesses $(printf 'a/%.0s' {1..1500}); code=$?; rm -r a; exit $code",
        0,
        "",
    ),
    "a name of great length": ("$P $(printf 'a/%.0s' {1..3000})x.yaml", 2, "too long"),
    "a pattern of great depth": (
        "printf '[tool.pgcheck]\\nspecs = [\"%s\"]\\n' $(printf 'a*/%.0s' {1..2000}) > pyproject.toml; $P",
        2,
        "too long",
    ),
    "more memory than addresses": ("echo halt > a.s; $P run pg74 a.s --memory 1G", 2, "at most 0x400 do"),
    "standard error closed": ("$P nosuch 2>&-", 2, ""),
    "standard error full": ("$P nosuch 2>/dev/full", 2, ""),
    "standard output closed": ("$P list >&-", 2, "standard output is closed"),
    "standard output full": ("$P list >/dev/full", 2, "No space left"),
    "a guest's output full": ("echo halt > a.s; $P run pg74 a.s >/dev/full", 0, "halted"),
    "a server without input": ("$P lsp <&-", 2, "one of them is closed"),
    "a message that never comes": (
        "printf 'Content-Length: 999999999999\\r\\n\\r\\n{' | $P lsp",
        2,
        "999999999999 bytes",
    ),
}


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_sibling_ends_rightly(name: str, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, code, said = COMMANDS[name]
    image = program.parent / "image.s"
    image.write_text("ecall\n")
    monkeypatch.setenv("IMAGE", str(image))
    if "--disk a" in text:
        text = text.replace("cp $IMAGE a;", "cp $IMAGE a.s; ln a.s a;").replace("riscv64 a ", "riscv64 a.s ")
    done = shell(program, text)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in re.sub(r"\s+", " ", done.stderr + done.stdout), "of the run, or of the rows that it left open"
    assert "Traceback" not in done.stderr and "Internal error" not in done.stderr
    assert all(len(line) <= LONGEST_LINE for line in done.stderr.splitlines())


@pytest.mark.parametrize("module", ["click", "pgcheck.commands.checking", "pydantic", "pgcheck.checker.check"])
def test_an_early_interrupt_is_no_traceback(module: str, tmp_path: Path) -> None:
    code = f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["pgcheck", "pg74"]
from pgcheck.__main__ import main
main()
"""
    empty = {**os.environ, "PGCHECK_CACHE": str(tmp_path)}  # with nothing kept, all is imported
    with interruptible():
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=empty, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr and done.stderr.endswith("Interrupted.\n")


def test_an_interrupt_that_python_cannot_raise_comes_again() -> None:
    code = """
import os, signal, sys, time
from pgcheck import cli
class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
def work(arguments):
    one = Last()
    del one
    time.sleep(20)
cli._obeyed = work
sys.argv = ["pgcheck"]
cli.main()
"""
    with interruptible():
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=15)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


def test_signal_numbers_are_those_of_shells() -> None:
    from pgcheck import cli

    assert cli.TERMINATED == 128 + signal.SIGTERM


DIRECT = re.compile(
    r"\bopen\((?!os\.devnull|self|descriptor,|door\.)|\.(read|write)_text\(|\.read_bytes\(\)|\.write_bytes\("
)
OF_THEIR_OWN = {
    "isa/files/door.py": "the door itself",
    "isa/parsing/grammar.py": "the grammar, a part of the program",
    "pgcheck/schemas.py": "a schema, a part of the program",
    "pgcheck/machines/new.py": "a part of the program, written where nothing is",
    "isa/kept/store.py": "what the program has kept, behind a door of its own",
    "isa/kept/tool.py": "the program's own sources",
    "checker/campaign/finding.py": "the text of a test",
}


def test_files_go_through_the_door() -> None:
    rooms = ("isa", "models", "vmm", "checker", "pgcheck")
    places = [Path(folder) for room in rooms for folder, _, _ in os.walk(ROOT / room)]  # links are not followed
    files = [path for place in places for path in place.glob("*.py")]
    found = {p.relative_to(ROOT).as_posix() for p in files if DIRECT.search(p.read_text("utf-8"))}
    assert found == set(OF_THEIR_OWN)


def test_a_slow_file_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(3 << 20))
    with pytest.raises(OSError, match="took longer than"):
        door.content(tmp_path / "f", 4 << 20, seconds=-1.0)
