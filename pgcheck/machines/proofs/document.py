"""What the proofs of a monitor found, for programs (docs/json.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pgcheck.checker.monitor.result import (
    FAMILIES,
    Canary,
    CodeProof,
    DeploymentProof,
    MonitorProof,
    Obligation,
    counts,
)
from pgcheck.checker.result import StateValue

VERSION = 1


def document(proof: MonitorProof, *, timing: bool = True) -> str:
    """The JSON document of one specification."""
    whole: dict[str, Any] = {
        "version": VERSION,
        "specification": proof.name,
        "path": proof.path,
        "digest": proof.digest,
        "verdict": proof.verdict,
        "solvers": dict(proof.versions),
        "deployments": [_deployment(d, timing) for d in proof.deployments],
        "code": {"verdict": proof.code.verdict if proof.code.obligations else "", **_proofs(proof.code, timing)},
    }
    if proof.native.obligations:
        native = {"verdict": proof.native.verdict, "assumed": list(proof.native.assumed)}
        whole["native"] = native | _proofs(proof.native, timing)
    if timing:
        whole["seconds"] = round(proof.seconds, 3)
    return json.dumps(whole, indent=2)


def _deployment(found: DeploymentProof, timing: bool) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "verdict": found.verdict,
        "refused": found.refused,
        "left_out": found.left_out,
        "hidden": None if found.hidden is None else [list(map(hex, ends)) for ends in found.hidden],
        **_proofs(found, timing),
    }


def _proofs(found: DeploymentProof | CodeProof, timing: bool) -> dict[str, Any]:
    return {
        "families": {f: dict(known) for f in FAMILIES if (known := counts(found.obligations, f))},
        "canaries": [_canary(c) for c in found.canaries],
        "obligations": [_obligation(o, timing) for o in found.obligations],
    }


def _canary(found: Canary) -> dict[str, Any]:
    return {"family": found.family, "name": found.name, "fired": found.fired, "reason": found.reason}


def _obligation(found: Obligation, timing: bool) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "family": found.family,
        "subject": found.subject,
        "verdict": found.verdict,
        "evidence": found.evidence,
        "reason": found.reason,
    }
    if timing:
        whole["seconds"] = round(found.seconds, 3)
    example = found.counterexample
    if example is not None:
        whole["counterexample"] = {
            "instruction": example.instruction,
            "operands": {n: hex(v) for n, v in example.operands.items()},
            "virtual_mode": example.virtual_mode,
            "virtual": {n: _plain(v) for n, v in example.virtual.items()},
            "answers": [
                {"function": n, "arguments": [hex(x) for x in a], "value": hex(v)} for n, a, v in example.answers
            ],
            "differs": list(example.differs),
        }
    return whole


def _plain(value: StateValue) -> Any:
    if isinstance(value, Mapping):
        return {"*" if k < 0 else str(k): hex(v) for k, v in value.items()}
    return hex(value)
