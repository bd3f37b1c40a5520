"""A result as JSON: the stable face for programs, described in docs/json.md and by `result-schema.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgcheck import __version__
from pgcheck.checker.result import (
    THEOREMS,
    DeploymentResult,
    Effort,
    Finding,
    InstructionResult,
    MachineResult,
    StateValue,
    TheoremResult,
    Witness,
)
from pgcheck.glossary import terms
from pgcheck.isa.files.errors import Position
from pgcheck.reports.standing import Standing, standings
from pgcheck.reports.writing import Format
from pgcheck.running.events import Failed, Manner, Story
from pgcheck.words import units

if TYPE_CHECKING:
    from pgcheck.checker.verdicts.waiver import Reviewed
    from pgcheck.isa.encoding.fields import Decode

    Answer = tuple[MachineResult, Decode] | tuple[MachineResult, Decode, Sequence[Reviewed]]

SCHEMA_VERSION = "1.4"

Json = dict[str, Any]


def document(results: Sequence[Answer], *, timing: bool, several: bool) -> str:
    """The text for one specification, or for `several` as a list; without `timing` equal results give equal bytes."""
    shown = [_answered(answer, timing=timing) for answer in results]
    whole = shown[0] if not several else {"schema_version": SCHEMA_VERSION, "results": shown}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def render(story: Story, manner: Manner) -> str:
    """The document of a run: also what has no answer and why, and whether the run was broken off."""
    results = [(checked.result, checked.machine.decoding.decode, checked.waivers) for checked in story.checked]
    if not story.failed and story.ended.complete:
        return document(results, timing=manner.timing, several=len(story.began.specifications) > 1)
    shown = [_answered(answer, timing=manner.timing) for answer in results]
    whole: Json = {"schema_version": SCHEMA_VERSION, "results": shown, "errors": [_failed(f) for f in story.failed]}
    if not story.ended.complete:
        so_far = {word: dict(rows) for word, rows in story.so_far.items()}
        whole |= {"incomplete": True, "unfinished": list(story.unfinished), "so_far": so_far}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _failed(failed: Failed) -> Json:
    return {
        "specification": failed.specification,
        "message": failed.message,
        "exit_code": int(failed.code),
        "problems": [
            {
                "message": p.message,
                "location": _location(p.position),
                "found": p.found,
                "expected": p.expected,
                "hint": p.hint,
                "terms": list(terms(f"{p.message} {p.hint}")),
            }
            for p in failed.problems
        ],
    }


def _answered(answer: Answer, *, timing: bool) -> Json:
    return _machine(answer[0], answer[1], answer[2] if len(answer) == 3 else (), timing=timing)


def _machine(result: MachineResult, decode: Decode, waivers: Sequence[Reviewed], *, timing: bool) -> Json:
    main = _deployment(result, result.main, decode)
    return {
        "schema_version": SCHEMA_VERSION,
        "spec": {"name": result.name, "title": result.title, "path": result.path, "digest": result.digest},
        "tool": {"version": __version__, "solvers": dict(result.versions)},
        **main,
        "deployments": [_deployment(result, d, decode) for d in result.deployments[1:]],
        "findings": [_finding(f) for f in result.findings],
        "waivers": [_waiver(one, decode) for one in waivers],
        "unmodelled": list(result.unmodelled),
        **({"timing": _timing(result.effort)} if timing else {}),
    }


def _deployment(result: MachineResult, under: DeploymentResult, decode: Decode) -> Json:
    return {
        "deployment": under.name,
        **{name: _theorem(under.theorems[name]) for name in THEOREMS},
        "configuration": under.configuration.shown(),
        "direct": under.direct,
        "hypotheses": [_hypothesis(one) for one in standings(result, under)],
        "instructions": [_instruction(i, decode) for i in under.instructions],
    }


def _hypothesis(one: Standing) -> Json:
    return {
        "number": one.number,
        "name": one.hypothesis.name,
        "claim": one.hypothesis.claim,
        "status": one.status,
        "rules": list(one.rules),
    }


def _theorem(result: TheoremResult) -> Json:
    chosen = result.configuration
    return {
        "status": result.status,
        "failing": list(result.failing),
        "configuration": None if chosen is None else chosen.shown(),
        "waived": list(result.waived),
        "premises": list(result.premises),
        "timing": list(result.timing),
    }


def _waiver(one: Reviewed, decode: Decode) -> Json:
    waiver = one.waiver
    return {
        "deployment": waiver.deployment,
        "instruction": waiver.instruction,
        "property": waiver.property,
        "differences": sorted(waiver.differences),
        "modes": sorted(waiver.modes),
        "operands": {name: hex(value) for name, value in waiver.operands.items()},
        "reason": waiver.reason,
        "expires": None if waiver.expires is None else waiver.expires.isoformat(),
        "location": _location(waiver.position),
        "status": one.status,
        "message": one.message,
        "witness": None if one.witness is None else _witness(one.witness, decode),
    }


def _instruction(result: InstructionResult, decode: Decode) -> Json:
    chosen = result.configuration
    return {
        "id": result.id,
        "name": result.name,
        "variant": result.variant,
        "row": result.row,
        "location": _location(result.position),
        "sensitive": result.sensitive,
        "sensitivity": list(map(str, result.sensitivities)),
        "user_sensitive": result.user_sensitive,
        "timing_sensitive": result.timing,
        "privileged": {"always": result.privileged, "under_configuration": result.privileged_under_configuration},
        "verdict": result.verdict,
        "reason": result.reason,
        "configuration": None if chosen is None else chosen.shown(),
        "evidence": result.evidence,
        "witness": None if result.witness is None else _witness(result.witness, decode),
    }


def _location(position: Position) -> Json:
    return {"file": position.path, "line": position.line, "column": position.column}


def _witness(witness: Witness, decode: Decode) -> Json:
    return {
        "operands": {name: hex(value) for name, value in witness.operands.items()},
        "bytes": units(witness.units, decode.unit),
        "assembly": witness.assembly,
        "before": {"virtual": _state(witness.virtual), "real": _state(witness.real)},
        "after": {"virtual": _state(witness.virtual_after), "real": _state(witness.real_after)},
        "exit": {"virtual": witness.virtual_exit, "real": witness.real_exit},
        "configuration": witness.configuration.shown(),
        "differs": list(map(str, witness.differs)),
        "through_own_translation": witness.hard,
    }


def _state(values: Mapping[str, StateValue]) -> Json:
    """State by leaf, an array by index in which `*` stands for all other elements."""
    return {
        name: {"*" if i < 0 else str(i): hex(v) for i, v in value.items()} if isinstance(value, Mapping) else hex(value)
        for name, value in values.items()
    }


def _finding(finding: Finding) -> Json:
    return {
        "law": finding.law,
        "status": finding.status,
        "subject": finding.subject,
        "message": finding.message,
        "location": None if finding.position is None else _location(finding.position),
    }


def _timing(effort: Effort) -> Json:
    name, seconds = effort.slowest
    return {
        "seconds": round(effort.seconds, 3),
        "slowest": {"obligation": name, "seconds": round(seconds, 3)},
        "obligations": effort.queries,
        "folded": effort.folded,
        "unsat": effort.unsat,
        "confirmed": effort.confirmed,
        "unconfirmed": dict(effort.doubts),
        "witnesses": effort.witnesses,
        "replayed": effort.replayed,
    }


FORMAT = Format(audience="programs: docs/json.md", written="at the end of the run", render=render)
