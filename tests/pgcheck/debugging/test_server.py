"""The stock gdb, and a port: programs that it runs, of computers and of a monitor's guests."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.specifications import GUESTS

GDB = shutil.which("gdb-multiarch")
FOUND = {
    "riscv64": (
        ["stepi", "print/x $pc", "break *0x80000008", "continue", "print $a0", "print $current_mode", "print $mstatus", "delete",
         "watch *(int *) 0x80002004", "continue", "delete", "print/x *(int *) 0x80002004", "set var $a0 = 7", "print $a0", "continue"],
        ["$1 = 0x80000004", "$2 = 3", "$3 = 1", "[ ", "New value = 3", "$5 = 0x3", "$6 = 7", "exited normally"],
    ),
    "i386": (
        ["stepi", "print/x $eip", "print/x $esp", "print/x $cs", "print $CR0", "x/i $pc", "break *0x1013", "continue", "info registers eip",
         "delete", "continue"],
        ["$1 = 0x1005", "0x8000", "$3 = 0x8", "PE", "lgdt", "Breakpoint 1", "0x1013", "exited normally"],
    ),
    "m68000": (
        ["print/x $pc", "print/x $ps", "stepi", "break *$pc", "continue", "delete", "continue"],
        ["$1 = 0x400", "$2 = 0x2700", "exited normally"],
    ),
}  # fmt: skip
PROGRAM = """\
    addi a0, zero, 3
    auipc a1, 0x2
again:
    sw a0, 0(a1)
    addi a0, a0, -1
    blt zero, a0, again
    addi a0, zero, 0
    addi a1, zero, 0
    lui a7, 0x53525
    addi a7, a7, 0x354
    addi a6, zero, 0
    ecall
"""


def run(name: str, file: Path, *options: str) -> tuple[str, str]:
    """What gdb and pgcheck say of a program that gdb runs."""
    command = [sys.executable, "-m", "pgcheck", "run", name, str(file), "--gdb", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ours:
        assert ours.stderr is not None and GDB is not None
        said = ""
        while (found := re.search(r"gdb-multiarch (.*)`", said)) is None:
            line = ours.stderr.readline()
            assert line, said
            said += line
        asked = [f for text in FOUND[name][0] for f in ("-ex", text)]
        first = [part.strip("'") for part in re.findall(r"-ex|'[^']*'", found[1])]
        command = [GDB, "-nx", "-batch", "-ex", "set confirm off", *first, *asked]
        theirs = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        out, err = ours.communicate(timeout=60)
    return theirs.stdout + theirs.stderr, out + err


@pytest.mark.skipif(GDB is None, reason="gdb-multiarch is not installed")
@pytest.mark.parametrize("name", FOUND)
def test_gdb_runs_a_program(name: str, tmp_path: Path) -> None:
    file = GUESTS / name / "hello.s"
    if name == "riscv64":
        file = tmp_path / "program.s"
        file.write_text(PROGRAM, encoding="utf-8")
    theirs, ours = run(name, file)
    for wanted in FOUND[name][1]:
        assert wanted in theirs, theirs
    assert "powered off" in ours


@pytest.mark.slow
@pytest.mark.skipif(GDB is None, reason="gdb-multiarch is not installed")
def test_gdb_runs_a_guest_of_a_monitor_beside_another(tmp_path: Path) -> None:
    file = tmp_path / "program.s"
    file.write_text(PROGRAM, encoding="utf-8")
    theirs, ours = run("riscv64", file, "--vmm", "type1", "--guests", "2", "--memory", "1M")
    for wanted in FOUND["riscv64"][1]:
        assert wanted in theirs, theirs
    assert ours.count("powered off") == 2


def test_a_port_that_is_taken_and_a_machine_that_gdb_does_not_know_are_told(tmp_path: Path) -> None:
    file = tmp_path / "program.s"
    file.write_text(PROGRAM, encoding="utf-8")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        for name, image, words in (
            ("riscv64", file, f"cannot wait for gdb on port {port}"),
            ("pg74", GUESTS / "pg74" / "hello.s", "does not say how gdb knows it"),
        ):
            command = [sys.executable, "-m", "pgcheck", "run", name, str(image), "--gdb", port]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 2 and words in done.stderr, done.stderr


def test_a_debugger_that_kills_ends_the_run_and_one_that_lets_go_does_not(tmp_path: Path) -> None:
    file = tmp_path / "program.s"
    file.write_text(PROGRAM, encoding="utf-8")
    for packet, code, said in ((b"$k#6b", 130, "interrupted"), (b"$D#44", 0, "powered off")):
        command = [sys.executable, "-m", "pgcheck", "run", "riscv64", str(file), "--gdb", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ours:
            assert ours.stderr is not None
            port = int(ours.stderr.readline().rpartition(":")[2].rstrip("'`\n"))
            socket.create_connection(("127.0.0.1", port)).close()
            assert "waiting for another" in ours.stderr.readline()
            with socket.create_connection(("127.0.0.1", port)) as debugger:
                debugger.sendall(packet)
                _, err = ours.communicate(timeout=60)
        assert (ours.returncode, said in err) == (code, True), err
