"""The solver's answers: evaluated models, honest failures of the child process, wishes, cache, second solver."""

import json
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgcheck.checker.options import Limits
from pgcheck.checker.solving import solver as solver_module
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Answer, Model, Wish, zero
from pgcheck.checker.solving.smtlib import script
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.solving.versions import versions
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Term,
    apply,
    array,
    conjunction,
    constant,
    disjunction,
    eq,
    extract,
    ite,
    lnot,
    mk,
    select,
    store,
    variable,
)
from pgcheck.isa.terms.names import FREE, read
from tests.checker.solvers import OTHERS, Other
from tests.specifications import ROOT

A, B = variable(32, "a"), variable(32, "b")
MEMORY = array(32, 8, "mem")
FUNCTION, PREDICATE = Name(FREE, "f"), Name(FREE, "p")
LESS, SUM = mk("ult", 0, A, B), eq(mk("add", 32, A, B), constant(32, 5))
BOTH = [LESS, SUM]
P, Q = variable(40, "p"), variable(40, "q")
HARD = [
    eq(mk("mul", 80, mk("zext", 80, P), mk("zext", 80, Q)), constant(80, 738291028411 * 829384756321 + 2)),
    mk("ult", 0, constant(40, 1), P),
    mk("ult", 0, constant(40, 1), Q),
]
HUGE = [eq(mk("mul", 3000, variable(3000, "x"), variable(3000, "y")), constant(3000, 3**1700)), lnot(eq(A, B))]

FAKE = """
import json, os, signal, struct, sys, time
def read():
    length = struct.unpack(">I", sys.stdin.buffer.read(4))[0]
    return json.loads(sys.stdin.buffer.read(length))
def raw(data):
    sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
def reply(request, **rest):
    body = json.dumps({"id": request["id"], **rest}).encode()
    raw(struct.pack(">I", len(body)) + body)
"""


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    running = Solver(Limits())
    yield running
    running.close()


def fake(folder: Path, behaviour: str, cache: Cache | None = None, **limits: Any) -> Solver:
    """A solver whose child runs `behaviour` instead of z3."""
    file = folder / "fake_worker.py"
    file.write_text(FAKE + behaviour)
    return Solver(replace(Limits(seconds=10.0), **limits), cache, command=(sys.executable, str(file)))


# --- answers


def test_sat_comes_with_a_model_and_unsat_without(solver: Solver) -> None:
    yes = solver.check(BOTH, label="yes")
    assert yes.status == "sat"
    assert yes.model is not None
    assert yes.model.satisfies(BOTH)
    assert not yes.model.satisfies([lnot(LESS)])
    no = solver.check([LESS, mk("ult", 0, B, A)], label="no")
    assert (no.status, no.model) == ("unsat", None)
    assert no.rlimit > 0


@pytest.mark.parametrize("assertions", [[FALSE], [LESS, lnot(LESS)], [TRUE, FALSE]])
def test_folding_needs_no_solver(tmp_path: Path, assertions: list[Term]) -> None:
    answer = fake(tmp_path, "os._exit(3)").check(assertions, label="")
    assert (answer.status, answer.reason) == ("unsat", "folded")


def test_nothing_to_satisfy_is_satisfied(tmp_path: Path) -> None:
    assert fake(tmp_path, "os._exit(3)").check([TRUE], label="") == Answer("sat", "folded", Model({}, {}, {}), 0.0, 0)


def test_a_model_has_arrays_functions_and_every_variable(solver: Solver) -> None:
    where = apply(32, "f", A, LESS)
    written = store(MEMORY, A, constant(8, 3))
    chosen = ite(variable(0, "g"), select(written, where), select(MEMORY, B))
    assertions = [eq(chosen, constant(8, 7)), lnot(eq(where, A)), LESS, apply(0, "p", B), lnot(apply(0, "p", A))]
    answer = solver.check(assertions, label="")
    assert answer.model is not None
    found = answer.model
    a, b = found.leaf(A), found.leaf(B)
    assert {str(n) for n in found.variables} == {"a", "b", "g"}
    assert found.functions[PREDICATE, (a,)] == 0
    assert found.functions[PREDICATE, (b,)] == 1
    assert (MEMORY.name, found.functions[FUNCTION, (a, 1)]) in found.elements
    assert (MEMORY.name, b) in found.elements
    assert found.values([where, select(MEMORY, constant(32, 12345678))])[0] == found.functions[FUNCTION, (a, 1)]


def test_the_same_obligation_costs_the_same_whatever_came_before(solver: Solver) -> None:
    fresh = Solver(Limits())
    solver.check(HARD[1:], label="")
    one, two = fresh.check(BOTH, label=""), solver.check(BOTH, label="")
    assert (one.model, one.rlimit) == (two.model, two.rlimit)
    fresh.close()


def test_equal_products_are_proved_without_multiplying(solver: Solver) -> None:
    x, y = variable(64, "x"), variable(64, "y")
    high = [
        mk("extract", 64, mk("mul", 128, mk("sext", 128, u), mk("sext", 128, v)), data=(127, 64))
        for u, v in ((x, y), (y, x))
    ]
    answer = solver.check([lnot(eq(*high))], label="")
    assert answer.status == "unsat"
    assert answer.rlimit < 10_000
    assert solver.confirm([lnot(eq(*high))]).status == "unsat"


def test_a_product_that_only_the_abstraction_satisfies_is_unsat(solver: Solver) -> None:
    even = [
        eq(extract(mk("mul", 8, variable(8, "x"), variable(8, "y")), 0, 0), constant(1, 1)),
        eq(extract(variable(8, "x"), 0, 0), constant(1, 0)),
    ]
    assert solver.check(even, label="").status == "unsat"
    assert solver.check(even[:1], label="").status == "sat"


def test_the_resource_limit_gives_unknown(solver: Solver) -> None:
    answer = Solver(Limits(rlimit=200_000)).check(HARD, label="")
    assert (answer.status, answer.model) == ("unknown", None)
    assert "resource limit 200000" in answer.reason


def test_a_dump_is_the_text_that_is_solved() -> None:
    seen: list[tuple[str, str]] = []
    dumping = Solver(Limits(), dump=lambda label, written: seen.append((label, written.text)))
    dumping.check([FALSE], label="folded")
    dumping.check(BOTH, label="both")
    assert seen == [("both", script(BOTH).text)]


# --- the honesty rule


def read_smtlib(text: str) -> list[Term]:
    """The assertions of a script with `let`, as terms; only the operators that the file of the test uses."""
    tokens = re.findall(r"\(|\)|[^\s()]+", re.sub(r";[^\n]*", "", text))

    def parse(at: int) -> tuple[object, int]:
        if tokens[at] != "(":
            return tokens[at], at + 1
        items, at = [], at + 1
        while tokens[at] != ")":
            item, at = parse(at)
            items.append(item)
        return items, at + 1

    forms, at = [], 0
    while at < len(tokens):
        form, at = parse(at)
        forms.append(form)
    leaves: dict[str, Term] = {}
    functions: dict[str, int] = {}

    def width(sort: object) -> int:
        return 0 if sort == "Bool" else int(sort[2])  # type: ignore[index]  # (_ BitVec n)

    table: dict[str, Callable[..., Term]] = {
        "and": lambda *a: conjunction(a),
        "or": lambda *a: disjunction(a),
        "not": lnot,
        "=": eq,
        "ite": ite,
        "select": select,
        "distinct": lambda a, b: lnot(eq(a, b)),
        "bvadd": lambda a, b: mk("add", a.width, a, b),
        "concat": lambda a, b: mk("concat", a.width + b.width, a, b),
    }

    def term(e: object, scope: dict[str, Term]) -> Term:
        match e:
            case "true":
                return TRUE
            case str(name):
                return scope[name] if name in scope else leaves[name]
            case ["_", str(value), str(bits)]:
                return constant(int(bits), int(value[2:]))
            case [["_", "extract", str(high), str(low)], x]:
                return extract(term(x, scope), int(high), int(low))
            case ["let", list(bindings), body]:
                return term(body, {**scope, **{n: term(x, scope) for n, x in bindings}})
            case [str(name), *rest]:
                args = [term(x, scope) for x in rest]
                return apply(functions[name], read(name), *args) if name in functions else table[name](*args)
        raise AssertionError(e)

    assertions = []
    for form in forms:
        match form:
            case ["declare-fun", str(name), [], ["Array", index, element]]:
                leaves[name] = array(width(index), width(element), read(name))
            case ["declare-fun", str(name), [], sort]:
                leaves[name] = variable(width(sort), read(name))
            case ["declare-fun", str(name), _, sort]:
                functions[name] = width(sort)
            case ["assert", body]:
                assertions.append(term(body, {}))
    return assertions


def test_the_query_that_another_z3_gets_wrong_is_solved_with_a_valid_model(tmp_path: Path) -> None:
    text = (ROOT / "tests" / "data" / "invalid_model.smt2").read_text()
    assertions = read_smtlib(text)
    assert len(assertions) == 3
    verbatim = tmp_path / "verbatim.py"
    verbatim.write_text(
        "import json, re, sys\nfrom pgcheck.checker.solving import worker\n"
        f"TEXT = {text!r}.replace('(check-sat)', '')\n"
        "NAMES = re.findall(r'declare-fun ([^ ]+) ', TEXT)\n"
        "check = worker.REQUESTS['check']\n"
        "def verbatim(request):\n"
        "    text = TEXT\n"
        "    for name in NAMES:\n"
        "        text = re.sub(rf'(?<![^ ()]){re.escape(name)}(?![^ ()])', f'|${name}|', text)\n"
        "    shared = [l for l in request['text'].splitlines() if l.startswith('(define-fun')]\n"
        "    return check({**request, 'text': text + ''.join(shared)})\n"
        "worker.REQUESTS['check'] = verbatim\n"
        "worker.main(int(sys.argv[1]), int(sys.argv[2]))\n"
    )
    for asking in (Solver(Limits()), Solver(Limits(), command=(sys.executable, str(verbatim)))):
        answer = asking.check(assertions, label="")
        assert answer.status == "sat", answer.reason
        assert answer.model is not None
        assert answer.model.satisfies(assertions)
        assert answer.model.variables[read("s.cpl")] == 3


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"status": "sat", "values": [3, 2]}, "invalid model"),
        ({"status": "sat", "values": [1, 0]}, "invalid model"),
        ({"status": "sat", "values": [1 << 32, 4]}, "32 bits"),
        ({"status": "sat", "values": [-1, 4]}, "32 bits"),
        ({"status": "sat", "values": ["1", 4]}, "32 bits"),
        ({"status": "sat", "values": [True, 4]}, "32 bits"),
        ({"status": "sat", "values": [1]}, "cannot be read"),
        ({"status": "sat", "values": {"a": 1, "b": 4}}, "cannot be read"),
        ({"status": "sat"}, "cannot be read"),
        ({"status": "proved"}, "'proved'"),
        ({}, "'None'"),
    ],
)
def test_a_wrong_reply_is_an_error(tmp_path: Path, reply: dict[str, object], reason: str) -> None:
    """Whoever gives it: z3, or bitwuzla in its search."""
    cache = Cache(tmp_path / "cache")
    wrong = fake(tmp_path, f"while True: reply(read(), **{reply!r})", cache)
    for answer in (wrong.check(BOTH, label=""), wrong.find(BOTH, label="")):
        assert answer.status == "error"
        assert reason in answer.reason
        assert answer.model is None
    right = Solver(Limits(seconds=10.0), cache)
    assert [right.check(BOTH, label="").reason, right.find(BOTH, label="").reason] == ["", ""]


def test_a_right_reply_is_accepted(tmp_path: Path) -> None:
    good = {"status": "sat", "values": [1, 4], "rlimit": 9}
    own = fake(tmp_path, f"while True: reply(read(), **{good!r})")
    for answer in (own.check(BOTH, label=""), own.find(BOTH, label="")):
        assert (answer.status, answer.model) == ("sat", Model({A.name: 1, B.name: 4}, {}, {}))


# --- whichever solver finds a model


@pytest.mark.parametrize(
    "behaviour",
    [
        "os._exit(1)",
        "os._exit(101)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "raw(b'no reply at all'); time.sleep(60)",
        "time.sleep(60)",
        "reply(request, status='unknown')",
        "reply(request, status='error', reason='cannot parse')",
    ],
)
def test_where_bitwuzla_has_no_answer_z3_decides(tmp_path: Path, behaviour: str) -> None:
    """A search that crashes, hangs, runs out of memory or gives up takes nothing from the verdict, and is not held."""
    body = f"""while True:
    request = read()
    if request['do'] == 'find':
        {behaviour}
    else:
        reply(request, status='sat', values=[1, 4])
"""
    cache = Cache(tmp_path / "cache")
    own = fake(tmp_path, body, cache, second_seconds=0.1, seconds=1.5)
    answer = own.find(BOTH, label="")
    assert (answer.status, answer.model) == ("sat", Model({A.name: 1, B.name: 4}, {}, {}))
    no = fake(tmp_path, body.replace("status='sat', values=[1, 4]", "status='unsat'"), second_seconds=0.1, seconds=1.5)
    assert (no.find(BOTH, label="").status, no.find(BOTH, label="").model) == ("unsat", None)
    tired = fake(tmp_path, body.replace("status='sat', values=[1, 4]", "status='unknown', reason='tired'"), seconds=1.5)
    answer = tired.find(BOTH, label="")
    assert (answer.status, answer.reason) == ("unknown", "tired")


def test_bitwuzlas_word_alone_proves_nothing(tmp_path: Path) -> None:
    """z3 says `unsat`, or there is no verdict; where z3 has a model, that one of them is wrong is an error."""
    body = "while True:\n    request = read()\n    reply(request, **(ANSWER if request['do'] == 'check' else {'status': 'unsat'}))\n"
    for told, status, reason in (
        ({"status": "unknown", "reason": "tired"}, "unknown", "tired"),
        ({"status": "unsat"}, "unsat", ""),
        ({"status": "sat", "values": [1, 4]}, "error", "bitwuzla says unsat of what has a model"),
    ):
        answer = fake(tmp_path, f"ANSWER = {told!r}\n{body}").find(BOTH, label="")
        assert (answer.status, answer.model) == (status, None) and reason in answer.reason


def test_what_bitwuzla_proved_is_confirmed_already(tmp_path: Path) -> None:
    log = tmp_path / "asked"
    body = f"""while True:
    request = read()
    open({str(log)!r}, 'a').write(request['do'] + ' ')
    reply(request, status='unsat')
"""
    own = fake(tmp_path, body, Cache(tmp_path / "cache"))
    assert [own.find(BOTH, label="").status, own.confirm(BOTH).status] == ["unsat", "unsat"]
    assert log.read_text().split() == ["find", "check"]
    again = fake(tmp_path, "os._exit(3)", Cache(tmp_path / "cache"))
    assert [again.find(BOTH, label="").status, again.confirm(BOTH).status] == ["unsat", "unsat"]


def test_a_model_of_before_is_one_only_if_it_is(tmp_path: Path) -> None:
    """No solver is asked for what the last models show, and every one is where they show nothing."""
    own = Solver(Limits())
    assert own.find(BOTH, label="").status == "sat"
    own.close()
    assert own.find([LESS], label="").reason == own.find([mk("ule", 0, A, B)], label="").reason == "known"
    assert own.process.child is None
    assert own.find([mk("ult", 0, B, A)], label="").reason == ""
    assert own.find([LESS, mk("ult", 0, B, A)], label="").status == "unsat"
    assert own.check([mk("ule", 0, A, B)], label="").reason == ""
    own.close()


def test_without_a_budget_or_in_the_other_order_z3_alone_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "reply(read(), status='unsat') if read else None\nos._exit(4)"
    assert fake(tmp_path, body, rlimit=999).find(BOTH, label="").status == "unsat"
    assert fake(tmp_path, body, rlimit=1000).find(BOTH, label="").status == "error"
    monkeypatch.setattr(solver_module, "SEARCHING", ("z3", "bitwuzla"))
    assert fake(tmp_path, body, rlimit=1000).find(BOTH, label="").status == "unsat"


# --- the child process


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        ("read(); os.kill(os.getpid(), signal.SIGKILL)", "unknown", "killed by signal 9"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "unknown", "killed by signal 11"),
        ("read(); os._exit(101)", "unknown", "out of memory"),
        ("read(); os._exit(1)", "error", "ended with code 1"),
        ("sys.exit(0)", "error", "ended with code 0"),
        ("raise ImportError('no z3')", "error", "ended with code 1"),
        ("read(); time.sleep(60)", "unknown", "killed after 1 s"),
        ("time.sleep(60)", "unknown", "killed after 1 s"),
        ("read(); os.close(1); time.sleep(60)", "error", "closed its pipe"),
        ("read(); raw(b'sat\\n'); time.sleep(60)", "error", "no reply"),
        ("read(); raw(b'Traceback (most recent call last)'); time.sleep(60)", "error", "no reply"),
        ("read(); raw(struct.pack('>I', 3) + b'sat'); time.sleep(60)", "error", "no reply"),
        ("read(); raw(struct.pack('>I', 2) + b'[]'); time.sleep(60)", "error", "no reply"),
        ("read(); raw(struct.pack('>I', 4) + b'\\xff\\xfe\\xfd\\xfc'); time.sleep(60)", "error", "no reply"),
        ("read(); raw(struct.pack('>I', 90000) + b'[' * 90000); time.sleep(60)", "error", "no reply"),
        ("read(); raw(struct.pack('>I', 100) + b'half'); time.sleep(60)", "unknown", "killed after 1 s"),
        ("reply({'id': read()['id'] - 1}, status='unsat')", "error", "no reply"),
        ("reply(read(), status='error', reason='boom')", "error", "boom"),
        ("reply(read(), status='unknown', reason='tired')", "unknown", "tired"),
    ],
)
def test_a_child_that_fails_is_never_a_verdict(tmp_path: Path, behaviour: str, status: str, reason: str) -> None:
    cache = Cache(tmp_path / "cache")
    answer = fake(tmp_path, behaviour, cache, seconds=1.0).check(BOTH, label="")
    assert (answer.status, answer.model) == (status, None)
    assert reason in answer.reason
    assert Solver(Limits(seconds=1.0), cache).check(BOTH, label="").reason == ""


def test_a_command_that_does_not_exist_is_an_error() -> None:
    answer = Solver(Limits(), command=("/nonexistent/solver",)).check(BOTH, label="")
    assert answer.status == "error"
    assert "cannot run" in answer.reason


def test_a_child_that_does_not_read_a_long_request_is_killed(tmp_path: Path) -> None:
    long = [eq(variable(32, f"{'x' * 200}{i}"), constant(32, i)) for i in range(3000)]
    answer = fake(tmp_path, "time.sleep(60)", seconds=1.0).check(long, label="")
    assert (answer.status, answer.reason) == ("unknown", "killed after 1 s")


def test_another_child_starts_after_one_died(tmp_path: Path) -> None:
    mark = tmp_path / "died"
    once = f"if not os.path.exists({str(mark)!r}): open({str(mark)!r}, 'w'); os._exit(1)"
    again = fake(tmp_path, f"request = read()\n{once}\nreply(request, status='unsat')")
    assert [again.check(BOTH, label="").status for _ in range(2)] == ["error", "unsat"]


def solver_child(own: Solver) -> int:
    process = own.process.child
    assert process is not None
    return process.pid


def test_a_solver_that_is_killed_in_its_search_is_unknown_and_starts_again() -> None:
    own = Solver(Limits(rlimit=4_000_000_000, seconds=30.0))
    own.check(BOTH, label="")
    pid = solver_child(own)
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    answer = own.check(HARD, label="")
    assert (answer.status, answer.reason) == ("unknown", "the solver process was killed by signal 9")
    assert own.check(BOTH[:1], label="").status == "sat"
    assert solver_child(own) != pid
    own.close()


def test_the_same_terms_are_asked_once_of_each_solver(tmp_path: Path) -> None:
    log = tmp_path / "asked"
    body = f"""while True:
    request = read()
    open({str(log)!r}, 'a').write(request['do'] + ' ')
    reply(request, status='unsat')
"""
    own = fake(tmp_path, body)
    for _ in range(2):
        assert [own.check(BOTH, label="").status, own.confirm(BOTH).status] == ["unsat", "unsat"]
    assert own.check(BOTH[:1], label="").status == "unsat"
    assert log.read_text().split() == ["check", "bitwuzla", "check"]


def test_a_search_that_takes_too_long_is_killed() -> None:
    own = Solver(Limits(rlimit=4_000_000_000, seconds=1.0))
    answer = own.check(HARD, label="")
    assert (answer.status, answer.reason) == ("unknown", "killed after 1 s")
    assert answer.seconds < 5


def test_too_little_memory_is_unknown() -> None:
    own = Solver(Limits(rlimit=4_000_000_000, seconds=60.0, memory=250, circuit=1 << 40))
    assert own.check(BOTH, label="").status == "sat"
    answer = own.check(HUGE, label="")
    assert (answer.status, answer.reason) == ("unknown", "out of memory (250 MiB)")
    assert own.check(BOTH, label="").status == "sat"
    own.close()


def test_the_child_is_out_of_reach_of_the_terminal(solver: Solver) -> None:
    solver.check(BOTH, label="")
    assert os.getsid(solver_child(solver)) != os.getsid(0)


PARENT = """
import sys, threading
from pgcheck.checker.options import Limits
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms import constant, eq, mk, variable
from tests_hard import HARD
own = Solver(Limits(rlimit=4_000_000_000, seconds=100.0))
own.check([eq(variable(8, "a"), constant(8, 1))], label="")
print(own.process.child.pid, flush=True)
if sys.argv[1] == "search":
    own.check(HARD, label="")
"""


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("way", "number"),
    [("search", signal.SIGKILL), ("search", signal.SIGINT), ("search", signal.SIGTERM), ("exit", None)],
)
def test_the_child_dies_with_its_parent(tmp_path: Path, way: str, number: signal.Signals | None) -> None:
    (tmp_path / "tests_hard.py").write_text(
        "from pgcheck.isa.terms import constant, eq, mk, variable\nP, Q = variable(40, 'p'), variable(40, 'q')\n"
        "PRODUCT = mk('mul', 80, mk('zext', 80, P), mk('zext', 80, Q))\n"
        "HARD = [eq(PRODUCT, constant(80, 738291028411 * 829384756321 + 2)),"
        "mk('ult', 0, constant(40, 1), P), mk('ult', 0, constant(40, 1), Q)]\n"
    )
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py"), way], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    if number is not None:
        time.sleep(0.3)
        parent.send_signal(number)
    parent.wait(10)
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_forked_process_gets_a_child_of_its_own(solver: Solver) -> None:
    solver.check(BOTH, label="")
    pid = solver_child(solver)
    forked = os.fork()
    if forked == 0:
        good = solver.check(BOTH[:1], label="").status == "sat" and solver_child(solver) != pid
        solver.close()
        os._exit(0 if good else 1)
    assert os.waitpid(forked, 0)[1] == 0
    assert solver.check(BOTH[1:], label="").status == "sat"
    assert solver_child(solver) == pid


def test_close_ends_the_child() -> None:
    own = Solver(Limits())
    own.check(BOTH, label="")
    pid = solver_child(own)
    assert alive(pid)
    own.close()
    assert not alive(pid)


def test_a_small_obligation_costs_milliseconds(solver: Solver) -> None:
    times = []
    for i in range(60):
        times.append(solver.check([LESS, eq(mk("add", 32, A, B), constant(32, i))], label="").seconds)
    assert sorted(times)[30] < 0.03


# --- wishes


def test_wishes_are_fulfilled_in_their_order(solver: Solver) -> None:
    assertions = [mk("ult", 0, constant(32, 1000), mk("or", 32, A, B)), lnot(eq(select(MEMORY, A), constant(8, 0)))]
    answer = solver.check(assertions, label="")
    assert answer.model is not None
    first = solver.minimise(assertions, answer.model, [zero(A), zero(B), zero(select(MEMORY, A))])
    second = solver.minimise(assertions, answer.model, [zero(B), zero(A), zero(select(MEMORY, A))])
    assert first.satisfies(assertions)
    assert first.variables == {A.name: 0, B.name: 1001}
    assert second.variables == {A.name: 1001, B.name: 0}
    assert first.elements == {(MEMORY.name, 0): 1}


def test_a_wish_that_cannot_be_is_passed_over(solver: Solver) -> None:
    given = Model({A.name: 2, B.name: 3}, {}, {})
    assert solver.minimise(BOTH, given, [Wish(eq(A, B)), zero(A)]) == Model({A.name: 0, B.name: 5}, {}, {})
    assert solver.minimise(BOTH, given, [Wish(eq(A, B), B), zero(A)]) == given
    assert solver.minimise([*BOTH, eq(A, constant(32, 2))], given, [zero(A)]) == given


WIDE = variable(100, "wide")


@pytest.mark.parametrize("first", ["bitwuzla", "z3"])
def test_a_smallest_model_hangs_on_the_obligation_alone(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on the model that it begins with, nor on the solver; whatever no wish speaks of is as small as it can be."""
    monkeypatch.setattr(solver_module, "SEARCHING", (first, *({"bitwuzla", "z3"} - {first})))
    own = Solver(Limits())
    cell, call = select(MEMORY, B), apply(8, "f", A)
    assertions = [*BOTH, mk("ult", 0, constant(8, 4), cell), lnot(eq(extract(WIDE, 70, 70), constant(1, 0)))]
    assertions += [mk("ult", 0, constant(8, 2), call), lnot(variable(0, "g")), mk("ult", 0, cell, call)]
    best = Model(
        {A.name: 0, B.name: 5, WIDE.name: 1 << 70, Name(FREE, "g"): 0}, {(MEMORY.name, 5): 5}, {(FUNCTION, (0,)): 6}
    )
    for b in (3, 4, 5):
        values = {A.name: 5 - b, B.name: b, WIDE.name: (1 << 100) - b, Name(FREE, "g"): 0}
        begin = Model(values, {(MEMORY.name, b): 9}, {(FUNCTION, (5 - b,)): 200})
        for wishes in ([zero(A)], [zero(A), zero(B), zero(cell)], [Wish(eq(A, constant(32, 0)))]):
            assert own.minimise(assertions, begin, wishes) == best
    assert {n: v for n, v in own.minimise(assertions, best, []).variables.items() if n != B.name} == {
        n: v for n, v in best.variables.items() if n != B.name
    }
    own.close()


def test_bits_are_wished_one_by_one(solver: Solver) -> None:
    odd = [eq(extract(A, 3, 3), constant(1, 1)), mk("ult", 0, constant(32, 100), A)]
    assert solver.minimise(odd, Model({A.name: 0xFFFFFFFF}, {}, {}), [zero(A)]).variables == {A.name: 0x68}


@pytest.mark.parametrize(
    "behaviour",
    [
        "os._exit(1)",
        "read(); raw(b'garbage!')",
        "reply(read(), status='error', reason='boom')",
        "while True: reply(read(), status='sat', values=[3, 2])",
        "while True: reply(read(), status='sat', values=['x', 2])",
    ],
)
def test_a_failure_to_minimise_keeps_the_model(tmp_path: Path, behaviour: str) -> None:
    given = Model({A.name: 2, B.name: 3}, {}, {})
    assert fake(tmp_path, behaviour).minimise(BOTH, given, [zero(A)]) is given


# --- cache


def test_a_verdict_is_remembered_and_its_model_evaluated_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assertions = [LESS, eq(select(MEMORY, apply(32, "f", A)), constant(8, 9))]
    first = Solver(Limits(), cache).check(assertions, label="")
    dead = fake(tmp_path, "os._exit(3)", cache)
    again = dead.check(assertions, label="")
    assert (again.status, again.reason) == ("sat", "cached")
    assert (again.model, again.rlimit) == (first.model, first.rlimit)
    assert dead.check([*assertions, SUM], label="").status == "error"
    Solver(Limits(), cache).check([LESS, mk("ult", 0, B, A)], label="")
    assert dead.check([LESS, mk("ult", 0, B, A)], label="").status == "unsat"


def test_other_limits_are_another_question(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    Solver(Limits(), cache).check(BOTH, label="")
    assert fake(tmp_path, "os._exit(3)", cache, rlimit=49_999_999).check(BOTH, label="").status == "error"


def test_unknown_is_not_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    limits = Limits(rlimit=100_000)
    assert Solver(limits, cache).check(HARD, label="").status == "unknown"
    again = fake(tmp_path, "while True: reply(read(), status='unknown', reason='asked')", cache, rlimit=100_000)
    assert again.check(HARD, label="").reason == "asked"


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "null",
        "[]",
        '{"status":"sat"}',
        '{"status":"sat","rlimit":1,"variables":{"a":9},"elements":[],"functions":[]}',
    ],
)
def test_a_wrong_entry_in_the_cache_is_not_believed(tmp_path: Path, stored: str) -> None:
    cache = Cache(tmp_path / "cache")
    own = Solver(Limits(), cache)
    cache.put(own.key(BOTH, "z3-solver", Limits().rlimit), stored)
    answer = own.check(BOTH, label="")
    assert (answer.status, answer.reason) == ("sat", "")
    assert Solver(Limits(), cache).check(BOTH, label="").reason == "cached"


def test_a_minimal_model_is_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    given = Model({A.name: 2, B.name: 3}, {}, {})
    best = Model({A.name: 0, B.name: 5}, {}, {})
    dead = fake(tmp_path, "os._exit(3)", cache)
    assert dead.minimise(BOTH, given, [zero(A)]) is given
    assert Solver(Limits(), cache).minimise(BOTH, given, [zero(A)]) == best
    assert dead.minimise(BOTH, given, [zero(A)]) == best
    assert dead.minimise(BOTH, given, [zero(B)]) is given
    assert dead.minimise(BOTH, Model({A.name: 1, B.name: 4}, {}, {}), [zero(A)]) == best


def test_where_one_solver_cannot_minimise_the_other_does(tmp_path: Path) -> None:
    """It lies, gives up or dies: the smallest model is the same."""
    body = """while True:
    request = read()
    if request['solver'] == 'bitwuzla':
        BEHAVIOUR
    else:
        reply(request, status='sat', values=[0, 5])
"""
    given = Model({A.name: 2, B.name: 3}, {}, {})
    for behaviour in (
        "os._exit(1)",
        "raw(b'garbage!')",
        "reply(request, status='unknown')",
        "reply(request, status='sat', values=[3, 2])",
        "reply(request, status='unsat')",
    ):
        own = fake(tmp_path, body.replace("BEHAVIOUR", behaviour))
        assert own.minimise(BOTH, given, [zero(A)]) == Model({A.name: 0, B.name: 5}, {}, {})


# --- the second solver


@pytest.mark.parametrize("name", OTHERS)
def test_a_second_solver_says_the_same(solver: Solver, name: Other) -> None:
    assert solver.confirm(BOTH, name).status == "sat"
    assert solver.confirm([LESS, mk("ult", 0, B, A)], name).status == "unsat"


def test_without_a_second_solver_nothing_is_confirmed() -> None:
    assert Solver(Limits(), second=False).confirm([LESS, mk("ult", 0, B, A)]) == Answer(
        "unknown", "no second solver was asked for"
    )


def test_the_second_solver_has_a_time_limit() -> None:
    own = Solver(Limits(second_seconds=0.5))
    start = time.monotonic()
    assert own.confirm(HARD) == Answer("unknown", "bitwuzla: no answer within 0.5 s and 6144 MiB")
    assert time.monotonic() - start < 5
    own.close()


def test_a_second_solver_that_fails_confirms_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for behaviour, status, why in (
        ("os._exit(1)", "error", "ended with code 1"),
        ("reply(read(), status='maybe')", "error", "answered 'maybe'"),
        ("reply(read(), status='error', reason='cannot parse')", "error", "cannot parse"),
        ("os.kill(os.getpid(), 9)", "unknown", "killed by signal 9"),
    ):
        answer = fake(tmp_path, behaviour, cache).confirm(BOTH)
        assert answer.status == status and answer.reason.startswith("bitwuzla: ") and why in answer.reason


def test_a_proof_that_is_not_confirmed_says_why(tmp_path: Path) -> None:
    no = [LESS, mk("ult", 0, B, A)]

    class Tired(Solver):
        def confirm(self, assertions: Sequence[Term], solver: str = "bitwuzla") -> Answer:  # as its base
            return Answer("unknown", f"{solver}: no answer")

    for own, expected in ((Tired(Limits()), (None, "bitwuzla: no answer")), (Solver(Limits()), (True, ""))):
        evidence = Evidence(own)
        assert not evidence.possible(no, "no") and evidence.possible(BOTH, "both")
        assert [(q.confirmed, q.doubt) for q in evidence.queries] == [expected, (None, "")]
        own.close()


def test_a_confirmation_is_remembered_only_if_it_is_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    no = [LESS, mk("ult", 0, B, A)]
    assert (Solver(Limits(), cache).confirm(no).status, Solver(Limits(), cache).confirm(BOTH).status) == (
        "unsat",
        "sat",
    )
    dead = fake(tmp_path, "os._exit(3)", cache)
    assert (dead.confirm(no).status, dead.confirm(BOTH).status) == ("unsat", "error")
    assert dead.check(no, label="").status == "error"


def test_versions_are_known_without_importing_a_solver() -> None:
    code = (
        "import json, sys; from pgcheck.checker.solving.versions import versions\n"
        "print(json.dumps([versions(), [m for m in ('z3', 'bitwuzla', 'cvc5') if m in sys.modules]]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, imported = json.loads(run.stdout)
    assert found == versions()
    assert found["z3-solver"] == "4.15.4.0"
    assert imported == []


@pytest.mark.parametrize("op", ["udiv", "urem", "sdiv", "srem", "mul"])
def test_a_circuit_that_is_too_large_is_not_made(op: str) -> None:
    x, y = variable(2048, "x"), variable(2048, "y")
    own = Solver(Limits(seconds=60.0))
    wide = [eq(mk(op, 2048, x, y), constant(2048, 12345)), lnot(eq(x, y))]
    answer = own.check(wide, label="")
    own.close()
    assert (answer.status, answer.seconds < 20) == ("unknown", True)
    assert answer.reason == "its products and quotients take 4194304 gates, more than 65536"


def test_what_needs_no_circuit_is_proved_however_wide(solver: Solver) -> None:
    x, y = variable(2048, "x"), variable(2048, "y")
    same = [eq(x, y), lnot(eq(mk("udiv", 2048, x, y), mk("udiv", 2048, y, x)))]
    assert solver.check(same, label="").status == "unsat"


def test_the_net_counts_the_making_of_a_circuit() -> None:
    x, y, z = (variable(256, n) for n in "xyz")
    own = Solver(Limits(rlimit=4_000_000_000, seconds=60.0, circuit=1 << 40, circuit_seconds=1.0))
    hard = [eq(mk("udiv", 256, x, y), mk("urem", 256, x, z)), lnot(eq(mk("udiv", 256, z, y), constant(256, 1)))]
    answer = own.check([*hard, eq(mk("mul", 256, x, z), constant(256, 12345))], label="")
    own.close()
    assert (answer.status, answer.reason) == ("unknown", "killed after 1 s")
    assert answer.seconds < 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc" or not Path("/proc/self/stat").exists(), reason="glibc and Linux")
def test_a_small_proof_maps_no_memory_anew() -> None:
    """A context's tables are 4,096 pages: a child that gave them back would fault them in for every proof."""
    own = Solver(Limits())

    def faults() -> int:
        child = own.process.child
        assert child is not None
        return int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[7])

    def prove(values: range) -> None:
        for i in values:
            assert own.check([LESS, mk("ult", 0, B, A), eq(A, constant(32, i))], label="").status == "unsat"

    prove(range(2))
    before = faults()
    prove(range(2, 12))
    assert faults() - before < 10 * 1000
    own.close()
