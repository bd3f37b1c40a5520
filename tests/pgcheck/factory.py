"""Results made by hand, so that the face is tested without a solver: a machine `toy` with one row of every verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgcheck.checker.result import (
    THEOREMS,
    DeploymentResult,
    Effort,
    Finding,
    InstructionResult,
    MachineResult,
    Status,
    TheoremResult,
    Witness,
)
from pgcheck.checker.values import NOTHING, Configuration, Mismatch, sensitivity
from pgcheck.isa.encoding.encoding import Decode
from pgcheck.isa.files.errors import Position

SHUT = Configuration({"IOPL": 0})
DECODE = Decode(8, "little", 8, 4)
WITNESS = Witness(
    specification="toy",
    digest="00",
    deployment="default",
    instruction="popf",
    row="",
    virtual_mode=0,
    configuration=NOTHING,
    units=(0x9D, 0x01),
    assembly="popf 1",
    operands={"imm": 1},
    virtual={"GPR": {4: 8}, "IF": 1},
    real={"GPR": {4: 8}, "IF": 1, "CPL": 3},
    virtual_after={"GPR": {4: 12}, "IF": 0, "MEM": {-1: 5, 0x100: 7}},
    real_after={"GPR": {4: 12}, "IF": 1, "CPL": 3, "MEM": {-1: 5, 0x100: 6}},
    virtual_exit="next",
    real_exit="next",
    choices={},
    translations=(),
    misses=(),
    probes=(),
    tables=(),
    differs=(Mismatch("virtual", "IF"), Mismatch("general", "MEM")),
)


def instruction(identifier: str, verdict: str = "innocuous", **more: Any) -> InstructionResult:
    """A row; its name, variant and row are read from `NAME.VARIANT:ROW`."""
    head, colon, row = identifier.partition(":")
    name, _, variant = head.partition(".")
    given: dict[str, Any] = {
        "id": identifier,
        "name": name,
        "variant": variant,
        "row": colon + row,
        "position": Position("toy.yaml", 3, 5),
        "sensitive": False,
        "sensitivities": (),
        "user_sensitive": False,
        "timing": False,
        "privileged": False,
        "privileged_under_configuration": False,
        "sensitive_under_configuration": False,
        "user_sensitive_under_configuration": False,
        "holed_user": False,
        "verdict": verdict,
        "configuration": None,
        "evidence": "taint",
        "reason": "",
        "witness": None,
    }
    return InstructionResult(**{**given, **more})


HOLE = instruction(
    "popf",
    "hole",
    sensitive=True,
    sensitivities=tuple(map(sensitivity, ("ctl[interrupt@S]", "ctl[interrupt@U]", "beh[mode@SU]"))),
    user_sensitive=True,
    evidence="two-solvers",
    reason="changes the virtual machine's IF without a trap",
    witness=WITNESS,
)
LGDT = instruction(
    "lgdt", "privileged", sensitive=True, sensitivities=(sensitivity("ctl[relocation@S]"),), privileged=True
)
CLI = instruction(
    "cli",
    "conditional",
    sensitive=True,
    sensitivities=(sensitivity("ctl[interrupt@S]"),),
    configuration=SHUT,
    privileged_under_configuration=True,
    evidence="solver",
    reason="closed by IOPL = 0",
)
ODD = instruction("odd", "unknown", evidence="solver", reason="odd:hole@user: out of budget")
PLAIN = (instruction("add.r8"), instruction("add.r32"), instruction("nop"))


def theorems(**statuses: Status) -> Mapping[str, TheoremResult]:
    """The four answers; `holds` unless given, `popf` failing and IOPL = 0 configured where that fits."""
    return {name: _theorem(name, statuses.get(name, "holds")) for name in THEOREMS}


def _theorem(name: str, status: Status) -> TheoremResult:
    failing = () if status == "holds" else ("popf",)
    return TheoremResult(name, status, failing, SHUT if status == "conditional" else None)


def result(
    *rows: InstructionResult,
    findings: tuple[Finding, ...] = (),
    others: tuple[DeploymentResult, ...] = (),
    unmodelled: tuple[str, ...] = (),
    **statuses: Status,
) -> MachineResult:
    """A whole result with these rows; where there is a monitor, user mode runs directly, as in every result of a check."""
    answers = theorems(**statuses)
    direct = "M == 1" if answers["monitor"].status in ("holds", "conditional") else ""
    main = DeploymentResult("default", answers, rows or PLAIN, NOTHING, direct)
    return MachineResult(
        "toy",
        "A toy machine",
        "toy.yaml",
        "00ff",
        unmodelled,
        (main, *others),
        findings,
        {"z3-solver": "1"},
        Effort(10, 4, 3, 3, 1, 1, 1.25, ("popf:hole", 0.5)),
    )
