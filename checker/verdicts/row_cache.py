"""Judgements of rows kept between runs by what the rows mean: one changed instruction is one judgement asked anew."""

from __future__ import annotations

import base64
import hashlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import cached_property

from pgcheck.checker.options import Options
from pgcheck.checker.questions.classical import Classical
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.questions.taint import Footprint
from pgcheck.checker.result import Finding, Witness
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.values import Configuration, Mismatch, Payload, Sensitivity
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement
from pgcheck.checker.verdicts.result_cache import Values, read, tools
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.machine.contents import Contents
from pgcheck.isa.machine.machine import Instruction, Machine

_VALUES: Values = {
    (kind.__module__, kind.__name__): kind
    for kind in (Judgement, Footprint, Classical, Sensitivity, Mismatch, Configuration, Payload, Witness)
} | {("builtins", "frozenset"): frozenset}


class RowCache:
    """The judgements of a machine's rows, on disk where `cache` is one; what has trouble is never kept."""

    def __init__(self, cache: Cache | None, machine: Machine, options: Options) -> None:
        self.cache, self.machine, self.options = cache, machine, options

    def judged(
        self,
        pool: Pool,
        one: Callable[[InstructionRow, Solver], Judgement],
        rows: Sequence[InstructionRow],
        setting: Setting,
        configuration: Configuration | None,
    ) -> Iterator[tuple[InstructionRow, Judgement]]:
        """Every row with its judgement, in order; `one` makes those that are not kept."""
        keys = {row.id: self._key(row, setting, configuration) for row in rows} if self.cache is not None else {}
        known = {i: j for i, key in keys.items() if (j := self._recalled(key)) is not None}
        fresh = pool.each(one, [row for row in rows if row.id not in known])
        for row in rows:
            if row.id in known:
                yield row, known[row.id]
                continue
            _, judgement = next(fresh)
            if self.cache is not None and not judgement.trouble:
                text = base64.b64encode(pickle.dumps(judgement)).decode()
                self.cache.put(keys[row.id], text)
            yield row, judgement

    def examined(
        self, pool: Pool, one: Callable[[Instruction, Solver], list[Finding]], instructions: Sequence[Instruction]
    ) -> Iterator[Finding]:
        """The findings about instructions; one that broke no law is not examined again."""
        open_ = [i for i in instructions if self.cache is None or self.cache.get(self._lint_key(i)) is None]
        for instruction, findings in pool.each(one, open_):
            if self.cache is not None and not findings:
                self.cache.put(self._lint_key(instruction), "clean")
            yield from findings

    @cached_property
    def _contents(self) -> Contents:
        return Contents(self.machine)

    @cached_property
    def _around(self) -> tuple[object, ...]:
        """What every answer depends on besides its instruction: the machine around it and the tools."""
        return self._contents.around(), tools(self.options, "only")

    def _key(self, row: InstructionRow, setting: Setting, configuration: Configuration | None) -> str:
        under = [getattr(setting, f.name) for f in fields(setting) if f.name != "machine"]
        contents = self._contents
        parts = (
            self._around,
            contents.instruction(row.instruction),
            contents.closed(row.row),
            contents.closed(under),
            None if configuration is None else configuration.shown(),
        )
        return "row " + hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def _lint_key(self, instruction: Instruction) -> str:
        parts = (self._around, self._contents.instruction(instruction))
        return "lint " + hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def _recalled(self, key: str) -> Judgement | None:
        text = None if self.cache is None else self.cache.get(key)
        judgement = None if text is None else read(text, _VALUES)
        if not isinstance(judgement, Judgement):
            return None
        if judgement.witness is None:
            return judgement
        return replace(judgement, witness=replace(judgement.witness, digest=self.machine.identity.digest))
