"""Specifications of other tools, recognised by what only they say: they get one answer that names them, and no cascade of errors."""

from __future__ import annotations

import re
from typing import Final

# What it is, and what tells it: the table of formats that people try.
_FORMATS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    (
        "a file of the RISC-V Unified Database",
        re.compile(
            r"""^["']?\$schema["']?:\s*["']?\w+_schema\.json|^kind: (instruction|csr|extension|exception_code)\b""",
            re.M,
        ),
    ),
    (
        "Sail",
        re.compile(
            r"^\s*(scattered (function|mapping|union)\b|default Order (dec|inc)\b|(function|mapping|union) clause\b)",
            re.M,
        ),
    ),
    ("CoreDSL", re.compile(r"^\s*(InstructionSet \w+( extends \w+)?\s*\{|Core \w+ provides\b)", re.M)),
    ("a C header of riscv-opcodes", re.compile(r"^#define MATCH_\w+ 0x[0-9a-fA-F]+|^DECLARE_INSN\(", re.M)),
    ("JSON of riscv-opcodes", re.compile(r'"variable_fields"\s*:\s*\[|"encoding"\s*:\s*"[01-]{16,64}"')),
    ("a table of riscv-opcodes", re.compile(r"^\$?\w[\w.: ]*( \w+)* \d+\.\.\d+ ?= ?(0x[0-9a-fA-F]+|\d+)( |$)", re.M)),
)
HINT: Final = "its instructions can be written under `instructions` of a machine, whose `operation()` is in the same IDL as UDB's: docs/language.md"


def foreign(text: str) -> str:
    """The name of the format that a text is in, if that is another tool's; else ""."""
    return next((name for name, told in _FORMATS if told.search(text)), "")
