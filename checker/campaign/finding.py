"""Findings as files: JSON that holds all it takes to see a failure again, and nothing that depends on how cases are made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pgcheck.checker.campaign.cases.case import Author, Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome
from pgcheck.checker.campaign.policies import policy_from, policy_values
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.isa.encoding.templates import disassemble
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.state import Cells, State
from pgcheck.vmm.policy import Policy

KIND: Final = "finding"
VERSION: Final = "3"
READ: Final = ("2", VERSION)
LIMIT: Final = 4 << 20
MAX_CASES: Final = 8


class BadFinding(Exception):
    """A file is no finding, or does not fit the specification; the message says how."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A failure, and what it comes from: the cases of a tape, which is the one with this number of a campaign with this seed."""

    failure: Failure
    cases: Sequence[Case]
    tape: bytes
    seed: str
    number: int


def finding_text(machine: Machine, policy: Policy, found: Finding, version: str) -> str:
    """The file of a finding of this version of the tool."""
    failure = found.failure
    document = {
        "kind": KIND,
        "finding_version": VERSION,
        "tool": version,
        "specification": machine.identity.name,
        "digest": machine.identity.digest,
        "property": failure.law,
        "identity": failure.identity,
        "failure": asdict(failure),
        "seed": found.seed,
        "case": found.number,
        "tape": found.tape.hex(),
        "policy": policy_values(policy),
        "cases": [_case(machine, case) for case in found.cases],
        "programs": [line for case in found.cases for line in listing(machine, case)],
    }
    return json.dumps(document, indent=1) + "\n"


def name(identity: str) -> str:
    """A file name for an identity, without suffix."""
    digest = hashlib.blake2b(identity.encode(), digest_size=4).hexdigest()
    words = "".join(c if c.isascii() and c.isalnum() else "_" for c in identity)[:60].strip("_")
    return f"{words}_{digest}".lower()


def listing(machine: Machine, case: Case) -> list[str]:
    """The instructions among a case's stores, for people."""
    each = machine.decoding.decode.unit // machine.state.memory_unit
    lines: list[str] = []
    for address, count, value in case.stores:
        if count < each or (machine.state.memory_unit == 8 and count < 4 * each):
            continue
        units = _units(machine, count, value)
        at = 0
        while at < len(units) and len(lines) < 80:
            found = decode_at(machine, units[at:])
            if found is None:
                break
            text, length = found
            lines.append(f"{address + at * each:#x}: {text}")
            at += length
    return lines


def decode_at(machine: Machine, units: Sequence[int]) -> tuple[str, int] | None:
    """The text and length in units of the first instruction."""
    found = machine.decoding.decoder.decode(lambda k: units[k] if k < len(units) else 0)
    if found is None:
        return None
    line = machine.instruction(found.id).line
    text = disassemble(line, found.operands, found.length, machine.decoding.csr_names) if line is not None else found.id
    return text, max(1, len(found.units))


def _units(machine: Machine, count: int, value: int) -> list[int]:
    each, unit = machine.decoding.decode.unit // machine.state.memory_unit, machine.state.memory_unit
    if unit != 8:
        return [value]
    content = value.to_bytes(count, machine.state.order)
    return [
        int.from_bytes(content[k : k + each], machine.decoding.decode.order) for k in range(0, count - each + 1, each)
    ]


def _case(machine: Machine, case: Case) -> dict[str, object]:
    state: dict[str, object] = {}
    for leaf, held in case.state.items():
        if isinstance(held, Cells):
            if held != Cells():
                state[leaf] = {"-1": hex(held.fill), **{str(k): hex(v) for k, v in held.apart().items()}}
        elif held:
            state[leaf] = hex(held)
    return {
        "state": state,
        "stores": [[hex(a), n, hex(v)] for a, n, v in case.stores],
        "steps": case.steps,
        "stride": case.stride,
        "site": case.site,
        "events": [list(e) for e in case.events],
        "turns": list(case.turns),
        "writes": [[step, hex(a), n, hex(v)] for step, a, n, v in case.writes],
        "commands": [list(c) for c in case.commands],
        "script": case.script.hex(),
        "tight": case.tight,
        "hot": case.hot,
        "plain": case.plain,
    }


def read(text: str, path: str = "<finding>") -> Mapping[str, Any]:
    """The document of a file. Raises BadFinding."""
    if len(text) > LIMIT:
        raise BadFinding(f"{path}: the file is too large for a finding")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFinding(f"{path}: no JSON: {error}") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise BadFinding(f'{path}: this is no finding ("kind": "{KIND}" is missing)')
    if document.get("finding_version") not in READ:
        raise BadFinding(f"{path}: unknown finding_version, expected {' or '.join(READ)}")
    for key, kind in (("specification", str), ("property", str), ("identity", str), ("policy", dict), ("cases", list)):
        if not isinstance(document.get(key), kind):
            raise BadFinding(f"{path}: key '{key}' is missing or of the wrong type")
    if document["property"] not in PROPERTIES:
        raise BadFinding(f"{path}: unknown property '{document['property'][:40]}'")
    return document


def again(machine: Machine, document: Mapping[str, Any], path: str = "<finding>") -> Outcome:
    """Run the cases of a document. Raises BadFinding."""
    try:
        policy = policy_from(machine, document["policy"])
        cases = [_read_case(machine, given) for given in document["cases"][:MAX_CASES]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFinding(f"{path}: does not fit {machine.identity.name}: {type(error).__name__} {error}") from None
    chosen = PROPERTIES[document["property"]]
    if len(cases) != chosen.cases:
        raise BadFinding(f"{path}: {len(cases)} cases, and {chosen.id} takes {chosen.cases}")
    return chosen.tried(Ground(Author(machine, policy)), cases, 1)


def _read_case(machine: Machine, given: Mapping[str, Any]) -> Case:
    """A case that fits a machine. Raises KeyError, TypeError, ValueError, AttributeError."""
    state: State = {}
    for leaf_name, leaf in machine.state.leaves.items():
        held = given["state"].get(leaf_name)
        if isinstance(held, dict) != isinstance(leaf, ArrayLeaf) and held is not None:
            raise ValueError(f"{leaf_name} is not like that")
        if isinstance(leaf, ArrayLeaf):
            cells = {int(k): _number(v, leaf.element_width) for k, v in (held or {}).items()}
            fill = cells.pop(-1, 0)
            if any(not 0 <= k < leaf.size for k in cells):
                raise ValueError(f"{leaf_name} has {leaf.size} elements")
            state[leaf_name] = Cells(fill, cells)
        else:
            state[leaf_name] = _number(held or 0, leaf.width or 1)
    unknown = set(given["state"]) - set(machine.state.leaves)
    if unknown:
        raise ValueError(f"no state {min(unknown)}")
    width = machine.state.address_width
    unit = machine.state.memory_unit
    stores = [_placed(placed, width, unit) for placed in given["stores"]]
    writes = [(int(step), *_placed(placed, width, unit)) for step, *placed in given.get("writes", ())]
    steps, stride = given["steps"], given["stride"]
    if not (isinstance(steps, int) and isinstance(stride, int) and 0 < steps <= 1 << 16 and 0 < stride):
        raise ValueError("steps and stride are positive numbers")
    events = tuple((int(c), str(n), int(level)) for c, n, level in given["events"])
    if any(n not in machine.state.leaves for _, n, _ in events):
        raise ValueError("an event of no leaf")
    commands = [_command(machine, *given_) for given_ in given.get("commands", ())]
    turns = tuple(max(1, int(t)) for t in given["turns"])
    return Case(
        state=state,
        stores=tuple(stores),
        steps=steps,
        stride=stride,
        site=int(given["site"]),
        events=events,
        turns=turns or (1,),
        writes=tuple(writes),
        commands=tuple(commands),
        script=bytes.fromhex(given.get("script", "")),
        tight=bool(given.get("tight")),
        hot=bool(given.get("hot")),
        plain=bool(given.get("plain")),
    )


def _command(
    machine: Machine, step: int, device: str, offset: int, count: int, value: int
) -> tuple[int, str, int, int, int]:
    """A write to a device's register. Raises ValueError, TypeError."""
    if all(device != d.name for d in machine.platform.devices):
        raise ValueError(f"no device {device}")
    if not 0 < count <= 8:
        raise ValueError(f"a register of {count} units")
    return int(step), device, _number(offset, machine.state.address_width), count, _number(value, 64)


def _placed(placed: Sequence[object], width: int, unit: int) -> tuple[int, int, int]:
    """An address, a number of memory units and their value."""
    address, count, value = placed
    if not isinstance(count, int) or not 0 < count <= 1 << 16:
        raise ValueError(f"a store of {count} units")
    return _number(address, width), count, _number(value, count * unit)


def _number(value: object, width: int) -> int:
    number = int(value, 0) if isinstance(value, str) else value
    if not isinstance(number, int) or number < 0 or number >> width:
        raise ValueError(f"{value!r} does not fit {width} bits")
    return number


def pytest_case(file: str, identity: str, specification: str | None) -> str:
    """A test that fails as long as the finding in `file` happens again on `specification`: paths from the test's folder; None if it is shipped."""
    path = 'document["specification"]' if specification is None else f"HERE / {specification!r}"
    return f'''"""{identity}: a finding of a campaign."""

from pathlib import Path

import pgcheck
from pgcheck.checker.campaign import finding

HERE = Path(__file__).parent


def test_{name(identity)}() -> None:
    document = finding.read((HERE / {file!r}).read_text(encoding="utf-8"))
    outcome = finding.again(pgcheck.load({path}), document)
    assert outcome.failure is None, outcome.failure.seen
'''
