"""What folding settles, held against solvers: in every run some rows are judged again from terms as they are written.

Most proofs never reach a solver, for the terms of an obligation fold to FALSE. So a wrong rule would be a wrong verdict that nobody confirms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.solving.evidence import Contradiction
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement, judge
from pgcheck.isa.terms import walk
from pgcheck.isa.terms.folding import as_written

ONE_OF: Final = 256
DRAWN: Final = 24
TRIES: Final = 4
MOST_QUERIES: Final = 16  # what asks more costs more than a sample may


def sample(work: Sequence[InstructionRow], judged: Mapping[str, Judgement], seed: str) -> list[InstructionRow]:
    """The rows that are decided without a witness, in an order that each seed has its own of."""
    fitting = [w for w in work if _fits(judged[w.id])]
    return sorted(fitting, key=lambda w: hashlib.blake2b(f"{seed} {w.id}".encode(), digest_size=8).digest())


def _fits(judgement: Judgement) -> bool:
    return not judgement.trouble and judgement.witness is None and judgement.queries <= MOST_QUERIES


def _asks_outside(setting: Setting, work: InstructionRow) -> bool:
    """Whether a step goes through translation or a table, of which no constant settles anything."""
    return any(t.op == "uf" for t in walk(subject(setting, work.instruction, work.row).transition.roots))


def held(
    setting: Setting, work: Sequence[InstructionRow], judged: Mapping[str, Judgement], solver: Solver, second: bool
) -> Iterator[Judgement]:
    """The judgements of a sample of rows as they are written: one in `ONE_OF`, and one at least, has a proof that does not fold. Raises Contradiction."""
    wanted = 1 + len(work) // ONE_OF
    drawn = sample(work, judged, setting.machine.identity.digest)[: DRAWN * wanted]
    drawn.sort(key=lambda w: not _asks_outside(setting, w))
    for item in drawn[: TRIES * wanted]:
        written = confirm(setting, item, judged[item.id], solver, second)
        yield replace(written, id=f"{item.id} as written")
        wanted -= written.unsat > 0
        if not wanted:
            return


def confirm(setting: Setting, work: InstructionRow, folded: Judgement, solver: Solver, second: bool) -> Judgement:
    """The judgement of a row, without trust in taint, whose obligations are as they are written: what folds no more is asked of the solvers.

    Raises Contradiction where it is another than that of the folded terms; one that has no answer says nothing.
    """
    with as_written():
        machine = replace(setting.machine)  # what was found out about the machine is of folded terms
        written = judge(replace(setting, machine=machine), work, solver, second, trust_taint=False)
    if written.trouble.startswith("error: "):
        raise Contradiction(f"{work.id}, from terms as they are written: {written.trouble}")
    if not written.trouble and _said(written) != _said(folded):
        raise Contradiction(
            f"{work.id}: folding says {_said(folded)}, the solvers say of the terms as they are written {_said(written)}"
        )
    return written


def _said(judgement: Judgement) -> dict[str, object]:
    """What does not hang on which leaves a term names: a configuration is tried only where it does."""
    classical = judgement.classical
    return {
        "holes": sorted(judgement.holed),
        "sensitive": classical is not None and classical.sensitive,
        "privileged": judgement.privileged,
    }
