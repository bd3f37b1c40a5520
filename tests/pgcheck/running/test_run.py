"""`pgcheck run`: real programs, what they print, and how a run ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from pgcheck.machines import bare
from pgcheck.models.native import hot, linking
from pgcheck.models.native.background import Background
from tests.models.compiling import compiled
from tests.pgcheck.conftest import Pgcheck
from tests.specifications import GUESTS, ROOT, SMALL

HELLO = "Hello\n5 ticks\nSPS\n"
PRIMES = [n for n in range(2, 200) if all(n % d for d in range(2, n))]
ASSEMBLY = {
    "pg74": "Hello\nSPSPP\n",
    "m68000": HELLO,
    "m68010": HELLO,
    "i386": HELLO,
    "x86-umip": HELLO,
    "pdp10-ka10": HELLO,
}
FOLDERS = {"m68010": "m68000", "x86-umip": "i386"}


def quicksorted() -> str:
    """What quicksort.c prints, by its generator and Python's own sort; C's % takes the sign of the dividend, here none."""
    x, values = 12345, list[int]()
    for _ in range(64):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        values.append((x >> 16) % 2000 - 1000)
    values.sort()
    return "".join(" ".join(map(str, values[k : k + 8])) + "\n" for k in range(0, 64, 8))


PROGRAMS = {
    "hello": "Hello, world\nby SBI\n",
    "primes": "".join(f"{n} " for n in PRIMES) + f"\nsum {sum(PRIMES)}\n",
    "quicksort": quicksorted(),
    "timer": "five\nten\nmasked\ndone\n",
    "user": "paging\nu\nstore fault at 0000000000402008\n42\nillegal instruction\nload fault at 0000000080000000\nexit\n",
}


@pytest.mark.parametrize("name", ASSEMBLY)
def test_assembly_guests(pgcheck: Pgcheck, name: str) -> None:
    guest = GUESTS / FOLDERS.get(name, name) / "hello.s"
    ran = pgcheck("run", name, guest, "--max-instructions", "50000")
    assert (ran.out, ran.code) == (ASSEMBLY[name], 0) and ran.err.count("\n") == 1


@pytest.mark.parametrize("optimisation", ["-O0", "-O2"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_c_programs(pgcheck: Pgcheck, tmp_path: Path, name: str, optimisation: str) -> None:
    ran = pgcheck("run", "riscv64", compiled(name, tmp_path, optimisation), "--max-instructions", "200000")
    assert (ran.out, ran.code) == (PROGRAMS[name], 0)
    assert ran.err.endswith("then powered off\n")


CONTENT = b"".join(bytes([65 + k]) * 512 for k in range(4))


def test_a_c_program_reads_and_writes_a_disk(pgcheck: Pgcheck, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(CONTENT)
    ran = pgcheck("run", "riscv64", compiled("disk", tmp_path), "--disk", disk, "--max-instructions", "200000")
    assert ran.out == "sectors 4\n" + "B" * 16 + "\n" + "b" * 16 + "\nbeyond the end: 1\n" and ran.code == 0
    assert disk.read_bytes() == CONTENT[:1024] + b"b" * 512 + CONTENT[1536:]


def test_a_read_only_disk_is_read_only_for_the_guest(
    pgcheck: Pgcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(CONTENT)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    ran = pgcheck("run", "riscv64", compiled("disk", tmp_path), "--disk", disk, "--max-instructions", "200000")
    assert ran.out.endswith("read only\n") and ran.code == 1 and disk.read_bytes() == CONTENT
    assert "disk is read-only" in ran.err


def test_without_a_disk_the_driver_finds_none(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("run", "riscv64", compiled("disk", tmp_path), "--max-instructions", "200000")
    assert ran.code == 1 and "powered off with code 5" in ran.err


def test_a_c_program_is_interrupted_by_its_console(pgcheck: Pgcheck, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_bytes(b"more words than a fifo of sixteen holds. and no more")
    ran = pgcheck("run", "riscv64", compiled("echo", tmp_path), "--input", words, "--max-instructions", "200000")
    assert ran.out.startswith("MORE WORDS THAN A FIFO OF SIXTEEN HOLDS.") and ran.code == 0


# ---- how a run ends


def source(folder: Path, text: str) -> Path:
    path = folder / "guest.s"
    path.write_text(text, encoding="utf-8")
    return path


OFF = "lui t0, 0x100\nlui t1, {high}\naddi t1, t1, {low}\nsw t1, 0(t0)\n"
ENDS = [
    (OFF.format(high=5, low=0x555), 0, "3 steps, then powered off\n"),
    (OFF.format(high=0x73, low=0x333), 1, "then powered off with code 7\n"),
    ("wfi\n", 0, "waits for an interrupt that cannot come"),
    ("loop: beq zero, zero, loop\n", 3, "100 steps, then the limit; at 0x80000000 <loop>\n"),
]


@pytest.mark.parametrize(("text", "code", "said"), ENDS)
def test_how_a_run_ends(pgcheck: Pgcheck, tmp_path: Path, text: str, code: int, said: str) -> None:
    ran = pgcheck("run", "riscv64", source(tmp_path, text), "--max-instructions", "100")
    assert (ran.code, ran.out) == (code, "") and said in ran.err


@pytest.mark.parametrize("engine", ["plain", "generated", "native", "auto"])
def test_every_engine_runs_a_program(pgcheck: Pgcheck, engine: str) -> None:
    if engine == "native":
        pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
    ran = pgcheck("run", "pg74", GUESTS / "pg74" / "hello.s", "--engine", engine)
    assert (ran.code, ran.out) == (0, ASSEMBLY["pg74"])
    said = ran.err.splitlines()[1:]
    assert [s.split(" took")[0] for s in said] == (["native code"] if engine == "native" else [])


def test_a_project_chooses_the_engine(pgcheck: Pgcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []
    monkeypatch.setattr(bare, "engine", lambda machine, asked, symbols: chosen.append(asked.engine))
    (tmp_path / "pyproject.toml").write_text('[tool.pgcheck]\nengine = "plain"\n')
    monkeypatch.chdir(tmp_path)
    for words in ((), ("--engine", "generated")):
        assert pgcheck("run", "pg74", GUESTS / "pg74" / "hello.s", *words).code == 0
    assert chosen == ["plain", "generated"]


def test_where_there_is_no_native_code_a_line_says_so(pgcheck: Pgcheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    linking.backend.cache_clear()
    ran = pgcheck("run", "pg74", GUESTS / "pg74" / "hello.s", "--engine", "native")
    linking.backend.cache_clear()
    assert (ran.code, ran.out) == (0, ASSEMBLY["pg74"]) and ran.err.splitlines()[1:] == [linking.MISSING]


def test_that_hot_code_is_not_compiled_any_more_is_said(
    pgcheck: Pgcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
    monkeypatch.setattr(hot, "shared", cache(lambda: Background((str(tmp_path / "none"),))))
    loop = source(tmp_path, "loop:\n  addi t0, t0, 1\n  jal zero, loop\n")
    ran = pgcheck("run", "riscv64", loop, "--engine", "native", "--max-instructions", "3000000")
    assert ran.code == 3
    said = ran.err.splitlines()[1:]
    assert [line.split(":")[0].split(" took")[0] for line in said] == [
        "the process that compiles hot code cannot run",
        "native code",
    ]


def test_a_processor_that_halts_has_ended_well_and_one_that_shuts_down_has_not(
    pgcheck: Pgcheck, tmp_path: Path
) -> None:
    assert pgcheck("run", "pg74", source(tmp_path, "halt")).code == 0
    ran = pgcheck("run", "m68000", source(tmp_path, "movea.l #1,a7\nmove.l d0,(0x401).l"))
    assert ran.code == 1 and "halted: in the delivery of" in ran.err


def test_what_the_specification_leaves_out_ends_a_run_with_its_reason(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("run", "pdp10-ka10", source(tmp_path, ".word 0o132000000000"))
    assert ran.code == 1 and "unmodelled: floating point" in ran.err


def test_the_limit_may_be_nothing(pgcheck: Pgcheck, tmp_path: Path) -> None:
    assert pgcheck("run", "pg74", source(tmp_path, "halt"), "--max-instructions", "0").code == 3


@pytest.mark.parametrize(
    "text",
    [
        "jalr zero, 0(zero)\n",
        "addi t0, zero, -1\njalr zero, 0(t0)\n",
        "auipc t0, 0\nsrli t0, t0, 12\naddi t1, zero, 8\nslli t1, t1, 60\nor t0, t0, t1\ncsrrw zero, satp, t0\n",
        "addi t1, zero, -1\nloop: addi t0, t0, 2047\nsd t1, 0(t0)\nbeq zero, zero, loop\n",
    ],
)
def test_guests_that_go_astray_end_in_a_trap_loop(pgcheck: Pgcheck, tmp_path: Path, text: str) -> None:
    """Nowhere, odd addresses, page tables that point at the program, stores everywhere."""
    ran = pgcheck("run", "riscv64", source(tmp_path, text), "--max-instructions", "3000")
    assert ran.code == 1 and "trap loop" in ran.err and ran.err.count("\n") == 1


# ---- options


def test_a_trace_shows_every_step(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("run", "riscv64", source(tmp_path, "addi a0, zero, 5\n" + OFF.format(high=5, low=0x555)), "--trace")
    lines = ran.err.splitlines()
    assert lines[0] == "0: 80000000: addi a0, zero, 5" and lines[4] == "4: 80000010: sw t1, 0(t0)" and len(lines) == 6


def test_a_trace_shows_fetches_that_fail(pgcheck: Pgcheck, tmp_path: Path) -> None:
    text = "addi t1, zero, 8\nslli t1, t1, 60\ncsrrw zero, satp, t1\n"
    ran = pgcheck("run", "riscv64", source(tmp_path, text), "--trace", "--max-instructions", "4")
    assert "3: 8000000c: (raise)" in ran.err


def test_memory_is_as_large_as_asked(pgcheck: Pgcheck, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(8192))
    words = ("run", "riscv64", image, "--raw", "0x80000000", "--max-instructions", "1", "--memory")
    assert pgcheck(*words, "8K").code == 3
    ran = pgcheck(*words, "4k")
    assert ran.code == 2 and "not within memory from 0x80000000 to 0x80001000; --memory gives it more" in ran.err


@pytest.mark.parametrize("size", ["0", "-1", "x", "5T", "", "1K5", "2G", "99999999999999999999", "١"])
def test_a_wrong_size_is_refused(pgcheck: Pgcheck, tmp_path: Path, size: str) -> None:
    ran = pgcheck("run", "pg74", source(tmp_path, "halt"), f"--memory={size}")
    assert ran.code == (0 if size == "" else 2)


ECHO = """
        lui s0, 0x10000
again:  lbu t0, 5(s0)
        andi t0, t0, 1
        beq t0, zero, over
        lbu t1, 0(s0)
        sb t1, 0(s0)
        beq zero, zero, again
over:
""" + OFF.format(high=5, low=0x555)


def test_the_console_reads_a_file_or_nothing(pgcheck: Pgcheck, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_bytes(b"some words of input, more than a fifo\n")
    assert pgcheck("run", "riscv64", source(tmp_path, ECHO), "--input", words).out == words.read_text()
    assert pgcheck("run", "riscv64", source(tmp_path, ECHO)).out == ""


def test_the_console_reads_standard_input(spawn: Pgcheck, tmp_path: Path) -> None:
    assert spawn("run", "riscv64", source(tmp_path, ECHO), "--input", "-", input="abc" * 30).out == "abc" * 30


# ---- what cannot be run


def test_files_that_cannot_be_run(pgcheck: Pgcheck, tmp_path: Path) -> None:
    for name, content, said in (
        ("empty", b"", "it is empty"),
        ("short.elf", b"\x7fELF\2\1\1", "damaged"),
        ("binary.s", b"\xff\xfe", "not UTF-8"),
        ("far.s", b".org 16\n.word 1\n", "not within memory from 0x80000000 to 0x81000000; .org says where it lies"),
        ("raw", bytes(8), "if it is raw memory, say where it lies: --raw 0x80000000"),
        ("main.c", b"int main(void);", "it is text; assembly is named *.s or *.asm"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        ran = pgcheck("run", "riscv64", path)
        assert (ran.code, ran.out) == (2, "") and said in ran.err and ran.err.count("\n") == 1, name


WRONG = """wrong.s:1:1: unknown instruction
    adddi a0, zero, 1
    ^
  found: 'adddi'
  expected: an instruction
  hint: did you mean 'addi'?
"""


def test_every_wrong_line_is_shown(pgcheck: Pgcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.s").write_text("adddi a0, zero, 1\nnop: .byte 1\n .rept 4\n .byte 256\n x" + "y" * 10_000)
    ran = pgcheck("run", "riscv64", "wrong.s")
    assert (ran.code, ran.out) == (2, "") and ran.err.startswith(WRONG)
    assert [line.partition(": ")[0] for line in ran.err.splitlines() if line.startswith("wrong.s")] == [
        "wrong.s:1:1",
        "wrong.s:3:2",
        "wrong.s:4:8",
        "wrong.s:5:2",
    ]
    assert all(len(line) < 300 for line in ran.err.splitlines()) and "expected: did" not in ran.err


@pytest.mark.parametrize(("name", "more"), [("riscv64", True), ("pg74", False)])
def test_that_another_assembler_knows_more_is_said_where_its_files_run(
    pgcheck: Pgcheck, tmp_path: Path, name: str, more: bool
) -> None:
    ran = pgcheck("run", name, source(tmp_path, ".rept 3\nzzzzzz\n"))
    assert ran.code == 2 and ran.err.count("GNU's assembler knows more") == (2 if more else 0)


@pytest.mark.parametrize("options", [[], ["--raw", "0"], ["--input", "i" * 3000], ["--disk", "d" * 3000]])
def test_a_long_name_is_shortened(pgcheck: Pgcheck, tmp_path: Path, options: list[str]) -> None:
    image = source(tmp_path, "wfi") if len(options) > 1 and len(options[1]) > 9 else "x/" * 2000
    ran = pgcheck("run", "riscv64", str(image), *options)
    assert ran.code == 2 and all(len(line) < 300 for line in ran.err.splitlines())


def test_a_wrong_record_is_shown_with_its_line(pgcheck: Pgcheck, tmp_path: Path) -> None:
    path = tmp_path / "a.srec"
    path.write_bytes((SMALL / "field" / "program.srec").read_bytes().replace(b"02FC", b"02FD"))
    ran = pgcheck("run", "riscv64", path)
    assert ran.code == 2 and f"{path}:2:1: no whole record" in ran.err and "crc" in ran.err
    path.write_bytes(b"S3" + b"0" * 100_000)
    assert all(len(line) < 300 for line in pgcheck("run", "riscv64", path).err.splitlines())


# ---- files as people have them


@pytest.mark.parametrize("optimisation", ["-O0", "-O2"])
def test_the_c_program_that_the_documentation_shows(pgcheck: Pgcheck, tmp_path: Path, optimisation: str) -> None:
    page = (ROOT / "docs" / "howto" / "run.md").read_text(encoding="utf-8")
    program = re.search(r'title="hello.c"\n(.*?)```', page, re.DOTALL)
    line = re.search(r"^(riscv64-unknown-elf-gcc .*)$", page, re.MULTILINE)
    assert program and line
    if shutil.which(line[1].split()[0]) is None:
        pytest.skip("no compiler for RISC-V")
    (tmp_path / "hello.c").write_text(program[1])
    command = [*line[1].split(), optimisation]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    ran = pgcheck("run", "riscv64", tmp_path / "hello")
    assert (ran.code, ran.out) == (0, "Hello\n") and ran.err.endswith("powered off\n")


def test_s_records_run(pgcheck: Pgcheck) -> None:
    ran = pgcheck("run", "riscv64", SMALL / "field" / "program.srec", "--trace", "--max-instructions", "1")
    assert ran.err.startswith("0: 80000000: auipc sp, ")


def test_compressed_code_stops_with_the_reason(pgcheck: Pgcheck) -> None:
    image = SMALL / "field" / "compressed.bin"
    assert pgcheck("run", "riscv64", image).code == 2
    ran = pgcheck("run", "riscv64", image, "--raw", "0x80000000")
    assert ran.code == 1
    assert "trap loop: raise(IllegalInstruction) at 0x80000000, and its handler at 0x0 traps again" in ran.err


def test_directives_of_gnu_run(pgcheck: Pgcheck) -> None:
    ran = pgcheck("run", "riscv64", SMALL / "field" / "directives.s", "--trace", "--max-instructions", "1")
    assert ran.err.startswith("0: 80000000 <_start>: addi a0, zero, 1")


def test_raw_memory_lies_where_it_is_said(pgcheck: Pgcheck, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(0x10500073.to_bytes(4, "little"))
    for place, code, said in (
        ("0x80000100", 0, "cannot come; at 0x80000104\n"),
        ("2147483648", 0, "cannot come; at 0x80000004\n"),
        ("0", 2, "not within memory from 0x80000000 to 0x81000000; --raw says where it lies"),
        ("-4", 2, "'-4' is no address"),
        ("0x1" + "0" * 16, 2, "not within memory"),
        ("here", 2, "'here' is no address"),
        ("010", 2, "'010' is no address; write a number such as 4096, 0x1000 or 0o10000"),
        ("0x" + "1" * 5000, 2, "is no address"),
    ):
        ran = pgcheck("run", "riscv64", path, f"--raw={place}")
        assert ran.code == code and said in ran.err and ran.err.count("\n") == 1, place
    ran = pgcheck("run", "riscv64", source(tmp_path, "wfi\n"), "--raw", "0x80000000")
    assert ran.code == 2 and "is assembly by its name" in ran.err


@pytest.mark.parametrize("options", [[], ["--disk", "nowhere"], ["--input", "nowhere"], ["--disk", "."]])
def test_files_that_are_not_there(pgcheck: Pgcheck, tmp_path: Path, options: list[str]) -> None:
    image = source(tmp_path, "wfi") if options else tmp_path / "none"
    ran = pgcheck("run", "riscv64", image, *options)
    assert ran.code == 2 and ran.err.startswith("Error: cannot") and ran.err.count("\n") == 1


def test_a_folder_is_no_image(pgcheck: Pgcheck, tmp_path: Path) -> None:
    assert pgcheck("run", "riscv64", tmp_path).code == 2


def test_a_computer_takes_one_disk(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("run", "riscv64", source(tmp_path, "wfi"), "--disk", "a", "--disk", "b")
    assert ran.code == 2 and "one computer takes one --disk" in ran.err


def test_a_machine_without_a_disk_takes_none(pgcheck: Pgcheck, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(CONTENT)
    ran = pgcheck("run", "pg74", source(tmp_path, "halt"), "--disk", tmp_path / "disk")
    assert ran.code == 2 and "pg74 has no disk" in ran.err


# ---- the world outside

FLOOD = "lui s0, 0x10000\nloop: sb s0, 0(s0)\nbeq zero, zero, loop\n"


def test_a_reader_that_leaves_ends_the_run_quietly(tmp_path: Path) -> None:
    command = f"{sys.executable} -m pgcheck run riscv64 {source(tmp_path, FLOOD)} | head -c 100000 | wc -c"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    assert done.stdout.strip() == "100000" and done.stderr == ""


def test_a_flood_takes_no_memory(tmp_path: Path) -> None:
    """A million bytes through a console of at most 4 KiB; the address space is limited to what Python and the RAM need."""
    limited = (
        "import resource, sys; from pgcheck import cli; from pgcheck.isa.machine.build import load; from pgcheck import shipped; "
        "before = 0; code = cli.run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )

    def peak(steps: int) -> int:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                limited,
                "run",
                "riscv64",
                str(source(tmp_path, FLOOD)),
                "--max-instructions",
                str(steps),
            ],
            cwd=ROOT,
            capture_output=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 3 and len(done.stdout) >= steps // 2 - 2
        return int(done.stderr.split()[-1])

    assert peak(200_000) - peak(2_000) < 4096


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_run_with_its_output(tmp_path: Path) -> None:
    text = "lui s0, 0x10000\naddi t0, zero, 65\nsb t0, 0(s0)\nloop: beq zero, zero, loop\n"
    running = subprocess.Popen(
        [sys.executable, "-m", "pgcheck", "run", "riscv64", str(source(tmp_path, text))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(6)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (
        running.returncode == 130 and out == "A" and "then interrupted; at 0x8000000c" in err and "Traceback" not in err
    )


def test_standard_output_that_is_full_is_an_error(spawn: Pgcheck, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = spawn(
            "run", "riscv64", source(tmp_path, FLOOD), capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert ran.code == 2 and "cannot write to standard output" in ran.err
