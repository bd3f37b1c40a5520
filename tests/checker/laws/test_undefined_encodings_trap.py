"""The law undefined_encodings_trap: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.undefined_encodings_trap import undefined_encodings_trap
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import GO, edited


@pytest.mark.parametrize(
    ("body", "traps"),
    [
        ("trap(Cause::Undefined);", True),
        ("if (M == 1) { trap(Cause::Undefined); }", False),
        ("if (R.l == 10'd7) { C = 1'b1; } else { trap(Cause::Undefined); }", False),
        ("if (M == 1) { trap(Cause::Undefined); } else { trap(Cause::Privileged); }", True),
        ('unmodelled(\\"later\\");', True),
        ("go(A[0]);", False),
        ("C = 1'b1; trap(Cause::Undefined);", False),
        ("if (M == 0) { R.l = 10'd0; } trap(Cause::Undefined);", False),
        ("if (M == 0) { halt(); } trap(Cause::Undefined);", False),
        ('unpredictable(\\"any\\");', False),
        ('R.l = 10\'d0; unmodelled(\\"later\\");', True),
    ],
)
def test_bits_that_no_encoding_accepts_never_complete(
    body: str, traps: bool, tmp_path: Path, evidence: Evidence
) -> None:
    undefined = ('undefined: "trap(Cause::Undefined);"', f'undefined: "{body}"')
    go = ("exits:\n", GO.replace("functions: |\n", "").replace(GO.partition("functions: |\n")[2], ""))
    function = ("functions: |\n", "functions: |\n" + GO.partition("functions: |\n")[2])
    found = list(undefined_encodings_trap(edited(tmp_path, undefined, go, function), evidence))
    assert [f.status for f in found] == ([] if traps else ["error"])


@pytest.mark.parametrize(("kept", "enters"), [("", True), ("if (cause != Cause::Undefined) ", False)])
def test_their_trap_enters_the_monitor(kept: str, enters: bool, tmp_path: Path, evidence: Evidence) -> None:
    load = "      Psw new = new_psw();\n      "
    machine = edited(
        tmp_path, (f"{load}M = new.M;\n", f"{load}{kept}{{ M = new.M; }}\n" if kept else f"{load}M = new.M;\n")
    )
    found = list(undefined_encodings_trap(machine, evidence))
    assert [(f.status, "need not enter" in f.message) for f in found] == ([] if enters else [("error", True)])
