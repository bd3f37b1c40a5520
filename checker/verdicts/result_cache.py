"""Whole results kept between runs: an unchanged specification is not checked again by an unchanged tool."""

from __future__ import annotations

import base64
import hashlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from pgcheck.checker.options import Options
from pgcheck.checker.result import (
    DeploymentResult,
    Effort,
    Finding,
    InstructionResult,
    MachineResult,
    TheoremResult,
    Witness,
)
from pgcheck.checker.solving.versions import versions
from pgcheck.checker.values import Configuration, Mismatch, Sensitivity
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.files.errors import Position, Text
from pgcheck.isa.kept.tool import ROOMS, digest

if TYPE_CHECKING:
    from pgcheck.isa.machine.machine import Machine

_WORKING: Final = frozenset({"jobs", "cache", "dump"})
# Exact names: a dotted one would reach through what these modules import.
Values = Mapping[tuple[str, str], type]
_VALUES: Values = (
    {
        ("pgcheck.checker.result", name.__name__): name
        for name in (DeploymentResult, Effort, Finding, InstructionResult, MachineResult, TheoremResult, Witness)
    }
    | {("pgcheck.checker.values", name.__name__): name for name in (Configuration, Mismatch, Sensitivity)}
    | {("pgcheck.isa.files.errors", "Position"): Position, ("pgcheck.isa.files.errors", "Text"): Text}
)


def tools(options: Options, *without: str) -> tuple[object, ...]:
    """What an answer depends on besides its question: the tool, the solvers, and every option but those that only say how to work."""
    asked = [(f.name, getattr(options, f.name)) for f in fields(options) if f.name not in {*_WORKING, *without}]
    return digest(*ROOMS), sorted(versions().items()), asked


def key(machine: Machine, options: Options) -> str:
    """What a result depends on: the files (and where they lie, for positions), which deployments are asked about, and the tools."""
    parts = (
        machine.identity.digest,
        machine.identity.files,
        [d.name for d in machine.deployments],
        tools(options),
    )
    return "result " + hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


class _Reader(pickle.Unpickler):
    """Only values of the given classes; a foreign cache entry cannot make it run anything."""

    def __init__(self, file: io.BytesIO, values: Values) -> None:
        super().__init__(file)
        self.values = values

    def find_class(self, module: str, name: str) -> object:
        try:
            return self.values[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a result") from None


def read(text: str, values: Values) -> object:
    """What an entry of the cache holds, made of `values` and plain data; None when it cannot be read."""
    try:
        return _Reader(io.BytesIO(base64.b64decode(text)), values).load()
    except Exception:  # whatever a damaged entry does, it is no answer
        return None


def load_result(kept: Cache, machine: Machine, options: Options) -> MachineResult | None:
    """The result of an earlier run, or None; what cannot be read is as good as absent."""
    text = kept.get(key(machine, options))
    result = None if text is None else read(text, _VALUES)
    return result if isinstance(result, MachineResult) else None


def keep_result(kept: Cache, machine: Machine, options: Options, result: MachineResult) -> None:
    """Keep a result in which nothing is unknown and no law is broken: a contradiction between solvers is never kept."""
    rows = (r for d in result.deployments for r in d.instructions)
    if any(r.verdict == "unknown" for r in rows) or any(f.status in ("unknown", "error") for f in result.findings):
        return
    kept.put(key(machine, options), base64.b64encode(pickle.dumps(result)).decode())
