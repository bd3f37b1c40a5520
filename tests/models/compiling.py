"""C guests compiled by the cross compiler of the system, where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.specifications import GUESTS

COMPILER = "riscv64-unknown-elf-gcc"
OPTIONS = [
    "-march=rv64ima_zicsr_zifencei", "-mabi=lp64", "-mcmodel=medany", "-ffreestanding", "-nostdlib", "-fno-builtin", "-O2",
    "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wl,--no-warn-rwx-segments", "-Wl,--build-id=none",
]  # fmt: skip


def compiled(name: str, folder: Path, *options: str) -> Path:
    """The executable of `riscv64/NAME.c`; skips the test without a compiler."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"{COMPILER} is not installed")
    source, made = GUESTS / "riscv64", folder / f"{name}.elf"
    files = [str(source / file) for file in ("start.S", "guest.c", f"{name}.c")]
    command = [COMPILER, *OPTIONS, *options, "-T", str(source / "link.ld"), *files, "-o", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made
