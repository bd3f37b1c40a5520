"""CK1 to CK3: what the checker says is true, files are read as they stand, and what is kept is what was found."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.store import BadStore, Shard, Store
from pgcheck.checker.check import solver_for
from pgcheck.checker.laws.canaries import canaries
from pgcheck.checker.options import Limits, Options
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import MachineResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement, judge
from pgcheck.checker.verdicts.result_cache import keep_result, load_result
from pgcheck.checker.verdicts.verdict import verdict
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.files.errors import Problems, Text
from pgcheck.isa.files.tree import Mapping as Tree
from pgcheck.isa.files.tree import Sequence as Branch
from pgcheck.isa.files.tree import compose
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, apply, array, constant, eq, evaluate, ite, lnot, mk, select, store, variable
from tests.specifications import machine_of, path_of

# ---- CK1: whatever a solver process does, only its clean answer is one

A, B = variable(32, "a"), variable(32, "b")
SOLVABLE = [mk("ult", 0, A, B), eq(mk("add", 32, A, B), constant(32, 5))]
CHILD = """
import json, os, signal, struct, sys
def read():
    length = struct.unpack(">I", sys.stdin.buffer.read(4))[0]
    return json.loads(sys.stdin.buffer.read(length))
def raw(data):
    sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
def reply(**rest):
    body = json.dumps(rest).encode()
    raw(struct.pack(">I", len(body)) + body)
request = read()
"""
GOOD = [1, 4]
BAD = [1, 3]
REASONS = ("unsat core is not available", "sat", "tired", "unsat", "error: unsat")


def replies(data: bytes) -> str | None:
    """A solver process that dies, warns, stammers or lies in one of many ways: the status is what its last clean answer was."""
    tape = Tape(data)
    behaviour, expected = _behaviour(tape)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "child.py"
        file.write_text(CHILD + behaviour)
        solver = Solver(Limits(seconds=10.0), command=(sys.executable, "-S", "-E", str(file)))
        try:
            found = solver.check(SOLVABLE, label="")
        finally:
            solver.close()
    return None if found.status in expected else f"{found.status} ({found.reason}) of a solver that did: {behaviour}"


def _behaviour(tape: Tape) -> tuple[str, tuple[str, ...]]:
    """What the child does after it has read a request, and the statuses that may come of it."""
    reason = tape.choose(REASONS)
    match tape.below(8):
        case 0:
            return f"os.kill(os.getpid(), {tape.choose((9, 11, 6))})", ("unknown", "error")
        case 1:
            return f"os._exit({tape.choose((0, 1, 101, 255))})", ("unknown", "error")
        case 2:
            return f"reply(id=request['id'], status={tape.choose(('unknown', 'error'))!r}, reason={reason!r})", (
                "unknown",
                "error",
            )
        case 3:
            text = tape.choose((b"unsat\n", b"(error unsat)\nsat\n", b"\0\0\0\3sat", b"\0\0\0\5unsat"))
            return f"raw({text!r})", ("unknown", "error")
        case 4:
            return f"reply(id=request['id'] - 1, status='unsat', reason={reason!r})", ("unknown", "error")
        case 5:
            return f"reply(id=request['id'], status='sat', reason={reason!r}, values={GOOD!r}, rlimit=1)", ("sat",)
        case 6:
            return f"reply(id=request['id'], status='sat', reason={reason!r}, values={BAD!r}, rlimit=1)", ("error",)
        case _:
            return f"reply(id=request['id'], warning={reason!r}, status='unsat', reason='', rlimit=1)", ("unsat",)


# ---- CK1: what has a solution is never called unsatisfiable

_solver: list[Solver] = []


def planted_solver() -> None:
    """Nothing to prepare: a solver's child belongs to the process that started it."""


def planted(data: bytes) -> str | None:
    """Assertions over arrays that a model chosen beforehand satisfies: no solver's word that there is none is taken."""
    if not _solver:
        _solver.append(Solver(Limits(), second=False))
    assertions = _planted(Tape(data))
    answers = _solver[0].check(assertions, label=""), _solver[0].find(assertions, label="")
    wrong = next((a for a in answers if a.status not in ("sat", "unknown")), None)
    return None if wrong is None else f"{wrong.status} ({wrong.reason}) of assertions that have a model"


def _planted(tape: Tape) -> list[Term]:
    memory = array(8, 8, "memory")
    values = {name: tape.byte() for name in ("x", "y", "z")}
    cells = {k: tape.byte() for k in range(256)} if tape.chance(64) else dict.fromkeys(range(256), tape.byte())
    terms = [variable(8, n) for n in values]
    held: Term = memory
    made: list[Term] = []
    for _ in range(1 + tape.below(5)):
        a, b = tape.choose(terms), tape.choose(terms)
        match tape.below(5):
            case 0:
                held = store(held, a, b)
                continue
            case 1:
                made.append(select(held, a))
            case 2:
                made.append(mk("add", 8, a, b))
            case 3:
                made.append(ite(mk("ult", 0, a, b), a, select(memory, b)))
            case _:
                made.append(apply(8, "f", a))
        terms.append(made[-1])
    made.append(select(held, tape.choose(terms)))
    known = evaluate(made, lambda t: values[t.name.text], lambda t, k: cells[k], lambda n, a, w: a[0] ^ 0x5A)
    return [
        eq(t, constant(8, v)) if tape.chance(200) else lnot(eq(t, constant(8, v ^ 1)))
        for t, v in zip(made, known, strict=True)
    ]


# ---- CK1: verdicts that were found by thought

SPECIFICATIONS = (
    "popf", "jrst1", "read_mode", "halt", "lra", "svc", "trap_mediated", "fence", "fence_traps", "mapped_user", "user_nop", "mfpi",
)  # fmt: skip


@cache
def _known(name: str) -> tuple[Machine, Mapping[str, Mapping[str, Any]]]:
    """A machine, and the answers that its specification was written to have."""
    text = yaml.safe_load(path_of(name).read_text(encoding="utf-8"))
    return machine_of(name), text["verdicts"]["instructions"]


def known_machines() -> None:
    for name in SPECIFICATIONS:
        _known(name)


def known_verdict(data: bytes) -> str | None:
    """The verdict of a small machine's own instruction, and of the canaries made for it."""
    tape = Tape(data)
    name = tape.choose(SPECIFICATIONS)
    machine, truth = _known(name)
    solver = solver_for(Options(cache=False, second=False))
    try:
        evidence = Evidence(solver, False)
        wrong = [f"{f.subject}: {f.message}" for f in canaries(machine, evidence) if f.status == "error"]
        setting = Setting(machine, machine.deployments[0], frozenset(machine.code.exits))
        for identifier, expected in truth.items():
            instruction = machine.instruction(identifier)
            found: Judgement = judge(setting, InstructionRow(instruction, instruction.rows[0]), solver, False)
            said = verdict(found, None)
            if said != expected["verdict"]:
                wrong.append(f"{name}: {identifier} is called {said}, and is {expected['verdict']}; {found.trouble}")
    finally:
        solver.close()
    return "; ".join(wrong) or None


# ---- CK2: a file says what it says

# Snippets with what a reader sees in them; None: strict YAML has no such thing.
SNIPPETS: tuple[tuple[str, Any], ...] = (
    ("k: on", {"k": "on"}), ("k: 017", {"k": "017"}), ("k: 1:30", {"k": "1:30"}), ("k: yes", {"k": "yes"}), ("k: ~", {"k": "~"}),
    ("k: 1\nk: 2", None), ("k: &a 1\nl: *a", None), ("k: !!str 1", None), ("<<: {k: 1}", None), ("k: 0x10", {"k": "0x10"}),
    ("k: 1_000", {"k": "1_000"}), ("k: 2026-11-22", {"k": "2026-11-22"}), ("on: 1", {"on": "1"}), ("1: k", {"1": "k"}),
    ("k: [1, 'a']", {"k": ["1", "a"]}), ("k: 1e3", {"k": "1e3"}), ("? [a]\n: b", None), ("k: 'on'", {"k": "on"}),
)  # fmt: skip


def strict_file(data: bytes) -> str | None:
    """Snippets of YAML in a mapping: read as they stand, or refused with a place."""
    tape = Tape(data)
    lines, truth, refused = list[str](), dict[str, Any](), False
    for number in range(1 + tape.below(4)):
        snippet, meaning = tape.choose(SNIPPETS)
        lines += [f"part{number}:", *("  " + line for line in snippet.split("\n"))]
        truth[f"part{number}"] = meaning
        refused = refused or meaning is None
    problems = Problems()
    tree = compose("\n".join(lines) + "\n", "file.yaml", problems)
    if refused:
        return None if len(problems) else f"accepted: {lines}"
    return None if len(problems) == 0 and _plain(tree) == truth else f"{lines} is read as {_plain(tree)}"


def _plain(node: Any) -> Any:
    match node:
        case Tree():
            return {str(k): _plain(v) for k, v in node.items()}
        case Branch():
            return [_plain(v) for v in node]
        case Text():
            return str(node)
    return node


# ---- CK3: a kept answer is of the same question


@cache
def _result() -> tuple[Machine, MachineResult]:
    machine = machine_of("jrst1")
    return machine, MachineResult(
        machine.identity.name, machine.identity.title, machine.identity.path, machine.identity.digest, (), (), (), {}
    )


def kept_result(data: bytes) -> str | None:
    """Questions that differ in one thing never share an answer, and the same question has its own again."""
    tape = Tape(data)
    machine, result = _result()
    questions = [(machine, Options())]
    for _ in range(1 + tape.below(3)):
        m, o = tape.choose(questions)
        questions.append(_another(tape, m, o))
    with tempfile.TemporaryDirectory() as folder:
        kept = Cache(Path(folder))
        for number, (m, o) in enumerate(questions):
            if (m.identity.digest, o) in [(a.identity.digest, b) for a, b in questions[:number]]:
                continue
            known = load_result(kept, m, o)
            if known is not None:
                return f"an answer to {o} of {m.identity.digest[:8]} before it was asked"
            keep_result(kept, m, o, replace(result, title=f"{m.identity.digest} {o}"))
        for m, o in questions:
            known = load_result(kept, m, o)
            if known is None or known.title != f"{m.identity.digest} {o}":
                return f"the answer to {o} of {m.identity.digest[:8]} is another's"
        kept.close()
        first, second = Solver(Limits(rlimit=1 + tape.byte())), Solver(Limits(rlimit=1000 + tape.byte()))
        if first.key(SOLVABLE, "z3-solver", 1) == second.key(SOLVABLE[:1], "z3-solver", 1):
            return "two obligations have one key"
    return None


def _another(tape: Tape, machine: Machine, options: Options) -> tuple[Machine, Options]:
    match tape.below(5):
        case 0:
            return replace(machine, identity=replace(machine.identity, digest=f"{tape.bits(64):032x}")), options
        case 1:
            return machine, replace(options, rlimit=1 + tape.bits(16))
        case 2:
            return machine, replace(options, second=not options.second)
        case 3:
            return machine, replace(options, only=(tape.choose(("add", "lrr", "popf")),))
        case _:
            return machine, replace(options, trust_taint=not options.trust_taint)


# ---- CK3: a finding that was kept is there


def kept_findings(data: bytes) -> str | None:
    """Findings and progress on a disk that becomes full: what was acknowledged is there when the file is opened again, and nothing else."""
    tape = Tape(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "campaign.sqlite"
        store, kept, done = Store(path), dict[str, str](), set[int]()
        try:
            for step in range(12):
                if tape.chance(60):
                    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
                    store.connection.execute(f"PRAGMA max_page_count = {pages + tape.below(4)}")
                try:
                    if tape.chance(128):
                        identity, file = f"finding {tape.below(8)}", "x" * (1 + 40 * tape.byte())
                        store.add("one", identity, step, file)
                        kept.setdefault(identity, file)
                    else:
                        store.finish("one", Shard("EQ2", step, 1, 1, 0, (), "y" * (1 + 40 * tape.byte()), {}))
                        done.add(step)
                except BadStore:
                    pass
                if tape.chance(60):
                    store.close()
                    store = Store(path)
                found, shards = store.findings("one"), {n for _, n in store.shards("one")}
                if found != kept or shards != done:
                    return f"step {step}: findings {sorted(found)} of {sorted(kept)}, shards {sorted(shards)} of {sorted(done)}"
        finally:
            store.close()
    return None
