"""Stories of runs made by hand, and specifications whose every text is hostile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pgcheck.checker.result import DeploymentResult, ExitCode, Finding, InstructionResult, MachineResult
from pgcheck.checker.values import NOTHING, Mismatch, Sensitivity
from pgcheck.isa.files.errors import Position, Problem
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.running.events import Began, Checked, Ended, Event, Failed, Manner, Recorder, Story
from pgcheck.shipped import shipped
from tests.pgcheck.factory import CLI, DECODE, HOLE, LGDT, ODD, PLAIN, WITNESS, result, theorems

TIMELESS = Manner(timing=False)
VERSIONS = {"z3-solver": "1"}
HOSTILE = "</script><!-- ]]> & \"'\x00\x1b[31m\r\n::error::owned\n##[error]owned ${{ x }} {0} [a](http://b) \udcff\ufffe\u202e %0A,:"
LONG = "x" * 100_000


@cache
def machine(name: str = "pg74") -> Machine:
    path = shipped(name)
    assert path is not None
    found = load(path, shipped=shipped)
    return replace(found, decoding=replace(found.decoding, decode=DECODE))


def checked(
    answer: MachineResult,
    word: str = "toy",
    code: ExitCode = ExitCode.PROVED,
    waived: Mapping[tuple[str, str], str] | None = None,
) -> Checked:
    return Checked(word, machine(), answer, code, waived or {})


def story(
    *events: Event, complete: bool = True, code: int = 0, words: tuple[str, ...] = (), require: str = "theorem1"
) -> Story:
    """The story of these events, in a run of their specifications and of `words`, which have no answer."""
    recorder = Recorder()
    named = tuple(e.specification for e in events if isinstance(e, (Checked, Failed)))
    for event in (Began((*named, *words), require), *events):
        recorder(event)
    return recorder.story(Ended(code, VERSIONS, complete))


FINDINGS = (
    Finding("leaves_specification", "ok", "default", "1 of 7 rows"),
    Finding("general_or_mirror", "warning", "IF", "user mode changes it"),
    Finding("traps_are_precise", "error", "popf", "state changes before trap", Position("toy.yaml", 7, 3)),
    Finding("legal_is_inductive", "unknown", "popf", "out of budget", Position("toy.yaml", 7, 3)),
)
ELSEWHERE = DeploymentResult("elsewhere", theorems(theorem1="fails"), (HOLE,), NOTHING)
RICH = result(
    HOLE,
    LGDT,
    CLI,
    ODD,
    *PLAIN,
    theorem1="fails",
    theorem3="unknown",
    monitor="fails",
    others=(ELSEWHERE,),
    findings=FINDINGS,
)
WRONG = Failed(
    "wrong.yaml",
    "the specification has 2 errors",
    (
        Problem(Position("wrong.yaml", 3, 9), "no 'IF' here", hint="did you mean 'IE'?"),
        Problem(Position("wrong.yaml", 9, 1), "too wide"),
    ),
    ExitCode.USAGE,
)
BROKEN = Failed("broken.yaml", "ZeroDivisionError: by zero", (), ExitCode.INTERNAL)


def hostile(row: InstructionResult = HOLE, text: str = HOSTILE) -> Story:
    """A run in which every text that can come from a specification is this one."""
    given: dict[str, Any] = {"virtual": {text: 1}, "real": {}, "virtual_after": {text: {0: 1}}, "real_after": {}}
    witness = replace(WITNESS, assembly=text, operands={text: 1}, differs=(Mismatch("virtual", text),), **given)
    bad = replace(
        row,
        id=text,
        name=text,
        variant=text,
        row=text,
        reason=text,
        sensitivities=(Sensitivity(text, text, text),),
        witness=witness,
        position=Position(text, 1, 1),
    )
    found = (Finding("canaries", "error", text, text, Position(text, 1, 1)),)
    answer = replace(
        result(bad, findings=found, unmodelled=(text,), theorem1="fails"), name=text, title=text, path=text
    )
    main = replace(
        answer.main, name=text, theorems={n: replace(t, failing=(text,)) for n, t in answer.main.theorems.items()}
    )
    problem = Problem(Position(text, 2, 2), text, found=text, expected=text, hint=text)
    return story(
        checked(replace(answer, deployments=(main,)), text),
        Failed(text + "1", text, (problem,), ExitCode.USAGE),
        Failed(text + "2", text, (), ExitCode.INTERNAL),
        words=(text + "3",),
        complete=False,
    )
