"""What may kill a fault, by name, each run in a process of its own: what a user runs, and tests.

    check PATH            the command that the first line of a case names, held against the exit code that it says
    verdicts NAME         a small machine whose text says its verdicts
    prove SPECIFICATION   `pgcheck prove-monitor`, which must exit with 0
    fuzz SPECIFICATION    `pgcheck fuzz` with the words that follow, which must exit with 0
    suite FILE[::TEST]    tests
    EQ2 pg74, ...         a property of properties.py

`python -m tests.mutants.killers [--fault ID] KILLER` ends with 0 when it passes, and with KILLED when it fails.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from tests.mutants.apart import Lost, apart
from tests.mutants.mutant import Mutant, Stale
from tests.mutants.planted import ROOT, Fault, faults, plant

KILLED = 9
RIGHT = re.compile(r"# .*`pgcheck (?P<command>[a-z-]* ?)FILE(?P<words>[^`]*)` must exit with (?P<codes>\d( or \d)*)\.")
FUZZED = ("EQ2", "EQ3", "RC1", "RC2", "ISO1", "ISO2", "ISO3", "SH1", "SH2", "IR1", "DV1", "DV2", "NE1", "EF1")
SPECIFICATIONS = ("pg74", "m68010", "riscv64", "i386", "pdp10-ka10")
WHO = ("check", "prove-monitor", "fuzz", "suite")
SECONDS = 300.0
SHOWN = 400


@dataclass(frozen=True, slots=True)
class Tried:
    """What a killer came to: whether it failed, what it showed, and in how many seconds; `lost`: it came to no end, or its harness crashed."""

    failed: bool
    shown: str
    seconds: float
    lost: bool = False


def who(killer: str) -> str:
    """Who runs a killer: check, prove-monitor, fuzz or suite."""
    word, _, rest = killer.partition(" ")
    match word:
        case "check":
            command = _right(ROOT / rest)["command"].strip()
            return command if command in WHO else "check"
        case "verdicts":
            return "check"
        case "prove" | "EQ1":
            return "prove-monitor"
        case "fuzz":
            return "fuzz"
        case _ if word in FUZZED and rest.split(" ")[0] in SPECIFICATIONS:
            return "suite" if rest.endswith(("maps", "extents", "maps with few tables")) else "fuzz"
    return "suite"


def tried(killer: str, fault: Fault | None = None, seconds: float = SECONDS) -> Tried:
    """Run a killer in a child with a cache of its own, with a fault planted or none.

    The child is forked where the fault is in a function; tests have a process of their own, for pytest is at home in none that has run long.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        if not killer.startswith("suite ") and (fault is None or _fits(fault)):
            found = _forked(killer, fault, folder, seconds)
        else:
            found = _anew(killer, fault, folder, seconds)
    return replace(found, seconds=time.monotonic() - started)


def _mutant(fault: Fault) -> Mutant:
    return Mutant(fault.target, fault.edits, fault.by, "")


def _fits(fault: Fault) -> bool:
    """Whether the fault is in the code of a function, which can be put in the place of what there is."""
    try:
        _mutant(fault).code()
    except Stale:
        return False
    return True


def _forked(killer: str, fault: Fault | None, folder: str, seconds: float) -> Tried:
    def work() -> list[str]:
        os.environ["PGCHECK_CACHE"] = folder
        if fault is not None:
            _mutant(fault).apply()
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            wrong = run(killer)
        return [wrong, " ".join(said.getvalue().split())[-SHOWN:]]

    try:
        wrong, said = apart(work, seconds)
    except Lost as lost:
        return Tried(False, str(lost), 0.0, lost=True)
    return Tried(bool(wrong), f"{said} {wrong}"[-SHOWN:], 0.0)


def _anew(killer: str, fault: Fault | None, folder: str, seconds: float) -> Tried:
    environment = {**os.environ, "PGCHECK_CACHE": folder, "PYTHONDONTWRITEBYTECODE": "1"}
    planted = ["--fault", fault.id] if fault is not None else []
    command = [sys.executable, "-m", "tests.mutants.killers", *planted, killer]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return Tried(False, f"no end after {seconds:g} s", 0.0, lost=True)
    shown = " ".join((done.stdout + done.stderr).split())
    return Tried(done.returncode == KILLED, shown[-SHOWN:], 0.0, done.returncode not in (0, KILLED))


def _checked(path: Path) -> str:
    """Why the answer to a case is wrong; empty if it is right."""
    right = _right(path)
    words = [*right["command"].split(), str(path), *right["words"].split()]
    return _commanded(words, [int(code) for code in right["codes"].split(" or ")])


def _right(path: Path) -> re.Match[str]:
    """What the first line of a case says of its command."""
    right = RIGHT.match(path.read_text("utf-8"))
    assert right is not None, f"{path} does not say how its command must end"
    return right


def _commanded(words: list[str], codes: list[int]) -> str:
    from pgcheck import cli  # after the fault is planted

    code = cli.run(words)
    return "" if code in codes else f"pgcheck {' '.join(words)} exits with {code}, and must with {codes}"


def _verdicts(name: str) -> str:
    import yaml

    from pgcheck.checker.check import Options, check  # after the fault is planted
    from tests.specifications import machine_of, path_of

    wanted: Mapping[str, object] = yaml.safe_load(path_of(name).read_text("utf-8"))["verdicts"]
    main = check(machine_of(name), Options(cache=False, second=False)).main
    found: dict[str, object] = {n: t.status for n, t in main.theorems.items()}
    rows = {r.id: r for r in main.instructions}
    wrong = [f"{n} {found[n]}, not {w}" for n, w in wanted.items() if n != "instructions" and found[n] != w]
    instructions = wanted.get("instructions")
    assert isinstance(instructions, dict)
    for identifier, said in instructions.items():
        wrong += [f"{identifier}: {k} {v}" for k in said if (v := getattr(rows[identifier], k)) != said[k]]
    return ", ".join(wrong)


def _tests(words: str) -> str:
    import pytest

    asked = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:randomly", "-m", "not campaign"]
    code = pytest.main([*asked, *words.split(" ")])
    assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), f"pytest ends with {code}"
    return "" if code == pytest.ExitCode.OK else "a test fails"


def _property(name: str) -> str:
    from tests.mutants.properties import PROPERTIES  # after the fault is planted
    from tests.mutants.trial import found

    one = PROPERTIES[name]
    one.prepare()
    result = found(one.case, 0, one.length, one.cases)
    return str(result["failure"]) if "failure" in result else ""


def run(killer: str) -> str:
    """What a killer finds wrong, run in this process; empty if nothing is."""
    word, _, rest = killer.partition(" ")
    match word:
        case "check":
            return _checked(ROOT / rest)
        case "verdicts":
            return _verdicts(rest)
        case "prove":
            return _commanded(["prove-monitor", *rest.split()], [0])
        case "fuzz":
            return _commanded(["fuzz", *rest.split()], [0])
        case "suite":
            return _tests(rest)
        case _:
            return _property(killer)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", default="")
    parser.add_argument("killer")
    options = parser.parse_args()
    if options.fault:
        plant(faults()[options.fault])
    wrong = run(options.killer)
    print(f"\n{wrong or 'passes'}")
    return KILLED if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
