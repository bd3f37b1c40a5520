"""Innocuous instructions run directly: a configuration that makes one trap spoils it."""

from __future__ import annotations

from collections.abc import Mapping

from pgcheck.checker.example import Edit, Example, operation
from pgcheck.checker.rule import PAPER, Rule
from pgcheck.checker.verdicts.judge import Judgement


def runs_directly(alone: Judgement) -> bool:
    """A row that without a configuration is no hole, goes on in user mode and then neither changes nor shows control state."""
    classical = alone.classical
    return classical is not None and not alone.holed and not classical.tells and classical.completes_user


def spoiled(under: Mapping[str, Judgement]) -> list[str]:
    """Innocuous rows, judged under a configuration, that only trap because of it."""
    return [i for i, j in under.items() if j.classical is not None and not j.classical.completes_user]


_CANDIDATES = ", ".join(map(str, range(1, 34)))
_SPOILING: tuple[Edit, ...] = (
    ("  IE:", "  K: {type: Bits<6>, role: configuration}\n  IE:"),
    (
        "functions: |\n",
        f"configurations: {{k: {{K: [{_CANDIDATES}]}}}}\n"
        'deployments: {default: {guest: "K == 0", real_mode: 1}}\nfunctions: |\n',
    ),
    operation("if (M == 1 && K != 0) { trap(Cause::Privileged); }\nIE = 1'b0;"),
)
_NEXT = '  - name: inc\n    encoding: {match: "00000010"}\n    operation(): |\n      '
_SPOILED = (
    "instructions:\n",
    f"instructions:\n{_NEXT}if (M == 1 && K != 0) {{ trap(Cause::Privileged); }}\n      A = 8'd1;\n",
)
_SPARED = ("instructions:\n", f"instructions:\n{_NEXT}A = 8'd1;\n")
RULE = Rule(
    id="PG114",
    name="efficiency",
    level="error",
    title="The configuration makes innocuous instructions trap",
    law="Instructions run on the hardware directly that are no holes and, where they complete, neither change nor show control state. "
    "Of the configurations that close holes, none of those tried spares one that would run otherwise.",
    formula="forall i that changes and shows no control state: completes(i) in user mode under the configuration",
    reference=f"{PAPER}: the efficiency property",
    example=Example((_SPOILED,), (_SPARED,), _SPOILING),
)
