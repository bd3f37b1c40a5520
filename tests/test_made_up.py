"""What is one file is one file: made-up ones work from a file in a folder that is looked through as if it were the package's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.specifications import ROOT

BEFORE = "import sys, {0} as package; package.__path__.append({1!r}); sys.argv[0] = 'pgcheck'; "
CLI = "from pgcheck.cli import main; main()"
TABLE = "import runpy; print('\\n'.join(runpy.run_path('docs/generate.py')[sys.argv[1]]()))"

DEVICE = '''
"""A lamp that blinks: a register that yields the number last written, times `factor`."""

from pgcheck.isa.files.devices import Option
from pgcheck.models.devices.device import Model


class Lamp:
    size = 1

    def __init__(self, factor):
        self.factor, self.held = factor, 0

    def read(self, offset, count):
        return self.held * self.factor

    def write(self, offset, count, value):
        self.held = value

    def due(self):
        return None

    def tick(self, now):
        return


MODEL = Model(
    name="lamp",
    registers="one that glows",
    options=(Option("factor", 2, "how much brighter"),),
    make=lambda wiring, options, outside: Lamp(options["factor"]),
)
'''
PROGRAM = """
        .org 2
        li a1, 17
        sio a1, 8
        tio a2, 8
        sio a2, 0
        halt
"""
PROPERTY = '''
"""MU1: every case fails."""

from pgcheck.checker.campaign.pairs.outcome import failed
from pgcheck.checker.campaign.pairs.property import Property


def mu1(ground, cases, stride):
    machines = ground.pair(cases[0])
    machines.load(cases[0])
    machines.bare.run(1)
    return failed("MU1", machines.oracle.log, 0, "mood", "good bare, bad monitored")


MU1 = Property("MU1", mu1, title="nothing ever works", claim="whatever is tried fails", subject=())
'''
KIND = '''
"""A monitor that simulates: nothing runs on the processor."""

from pgcheck.isa.terms import FALSE
from pgcheck.vmm.kind import Kind


def direct(deployment):
    return (FALSE,)


SIMULATOR = Kind(
    name="simulator",
    title="simulating",
    theorem="monitor",
    premise="monitor",
    runs="nothing",
    rank=9,
    direct=direct,
)
'''


class Added:
    """pgcheck with one more module in a package."""

    def __init__(self, package: str, folder: Path, name: str, text: str) -> None:
        (folder / "added").mkdir()
        (folder / "added" / f"{name}.py").write_text(text, encoding="utf-8")
        self.before, self.folder = BEFORE.format(package, str(folder / "added")), folder

    def run(self, *words: str, program: str = CLI, code: int = 0) -> str:
        """What it prints, on both outputs, ending with this exit code."""
        environment = {**os.environ, "PGCHECK_CACHE": str(self.folder / "cache"), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", self.before + program, *words]
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr


def test_a_device_is_one_file(tmp_path: Path) -> None:
    added = Added("pgcheck.models.devices", tmp_path, "lamp", DEVICE)
    models = json.loads(added.run("schema"))["$defs"]["Device"]["properties"]["model"]["enum"]
    assert "lamp" in models and "console" in models
    assert "| `lamp` | one that glows | `factor` (2): how much brighter |" in added.run("_models", program=TABLE)
    spec, program = tmp_path / "mine.yaml", tmp_path / "glow.s"
    shipped = (ROOT / "specs" / "pg74.yaml").read_text(encoding="utf-8")
    line = "    timer: {model: counter, in: TIMER, line: EXPIRED}\n"
    assert line in shipped
    with_lamp = shipped.replace(line, line + "    lamp: {model: lamp, in: DEVICE, at: 8, options: {factor: 3}}\n")
    program.write_text(PROGRAM, encoding="utf-8")
    spec.write_text(with_lamp, encoding="utf-8")
    assert added.run("run", str(spec), str(program)).startswith("3")  # 51 in ASCII
    spec.write_text(with_lamp.replace("factor: 3", "facto: 3"), encoding="utf-8")
    assert "lamp has no option 'facto'" in added.run("validate", str(spec), code=2)
    spec.write_text(with_lamp.replace("model: lamp", "model: lmap"), encoding="utf-8")
    assert "did you mean 'lamp'?" in added.run("validate", str(spec), code=2)


@pytest.mark.parametrize("spec", ["pg74"])
def test_a_campaign_property_is_one_file(tmp_path: Path, spec: str) -> None:
    added = Added("pgcheck.checker.campaign.properties", tmp_path, "mu1", PROPERTY)
    assert "MU1" in added.run("fuzz", "--help")
    assert "| MU1 | whatever is tried fails |" in added.run("_properties", program=TABLE)
    found = tmp_path / "found"
    report = added.run(
        *("fuzz", spec, "--property", "MU1", "--cases", "2", "--json", "--write-test", str(found)), code=1
    )
    (row,) = json.loads(report[report.index("{") : report.rindex("}") + 1])["properties"]
    assert (row["id"], row["law"], row["cases"]) == ("MU1", "nothing ever works", 2)
    (file, *_) = sorted(found.glob("*.json"))
    assert "happens again" in added.run("replay", str(file))


def test_a_kind_of_monitor_is_one_file(tmp_path: Path) -> None:
    """It can be asked for, is documented, runs, and is reported by its name."""
    added = Added("pgcheck.vmm.kinds", tmp_path, "simulator", KIND)
    for command in ("run", "fuzz", "prove-monitor"):
        assert "[type1|hybrid|simulator]" in added.run(command, "--help")
    assert "| `simulator` | nothing | `monitor` |" in added.run("_kinds", program=TABLE)
    few = ("--cases", "5", "--property", "EQ2", "--database", str(tmp_path / "c.sqlite"))
    report = added.run("fuzz", "pg74", "--monitor", "simulator", *few, code=3)
    assert "pg74, default, simulating: no findings" in report
    assert "EQ2 never met what it is about: a guest took a step on the processor" in report
    program = str(ROOT / "tests" / "guests" / "pg74" / "hello.s")
    account = added.run("run", "pg74", program, "--vmm", "simulator", "--report", "json")
    assert "pg74 under a simulating monitor" in account and '"monitor": "simulator"' in account
