"""What the pytest plugin adds once it is on: specifications as test files, a fixture for machines, Hypothesis profiles."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pgcheck.checker.result import InstructionResult, MachineResult, TheoremResult
    from pgcheck.isa.machine.machine import Machine
    from pgcheck.request import Request
    from pgcheck.running.events import Checked, Failed
    from pgcheck.settings.config import Configuration


def plugin(path: Path) -> Plugin | None:
    """The plugin that a project's pyproject.toml asks for; None if it names no specifications. Raises UsageError."""
    from pgcheck.settings import config

    try:
        configuration = config.load(path)
        if not configuration.values.get("specs"):
            return None
        files = frozenset(Path(name).resolve() for name in configuration.specifications())
    except config.ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None
    return Plugin(configuration, files) if files else None


class Broken(Exception):
    """An obligation does not hold, or is not decided; the text says why."""


class Plugin:
    """The hooks of a project with specifications, and its machines by name."""

    def __init__(self, configuration: Configuration, files: frozenset[Path]) -> None:
        self.configuration, self.files = configuration, files
        self.known: dict[str, Machine] = {}

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        from pgcheck.isa.files.kind import says_machine
        from pgcheck.shipped import shipped

        if file_path.resolve() not in self.files or not says_machine(file_path, shipped):
            return None
        file: pytest.Collector = SpecificationFile.from_parent(
            parent, path=file_path, request=self.request(), require=self.require
        )
        return file

    @property
    def require(self) -> str:
        """The answer that must be proved."""
        given = self.configuration.values.get("require")
        return str(given.value) if given is not None else "theorem1"

    def request(self) -> Request:
        """What the command line would ask for in this project."""
        from pgcheck.request import request

        alone = {"jobs": 1} if "PYTEST_XDIST_WORKER" in os.environ else {}
        return request(alone | self.configuration.presets())

    def machine(self, name: str) -> Machine:
        """The machine that a name means: a file's stem, its path below the root, or a shipped specification."""
        from pgcheck.running import finding

        if name not in self.known:
            self.known[name] = finding.loaded(str(self._found(name)))
        return self.known[name]

    def _found(self, name: str) -> Path:
        path = self.configuration.folder / name
        return path if path.is_file() else next((p for p in sorted(self.files) if p.stem == name), Path(name))


class SpecificationFile(pytest.File):
    """A specification: its obligations are the items. It is checked once, by the first that runs."""

    def __init__(self, *, request: Request, require: str, **given: Any) -> None:
        super().__init__(**given)
        self.request, self.require = request, require
        self._outcome: Checked | Failed | None = None

    def collect(self) -> Iterator[pytest.Item]:
        from pgcheck.checker.questions.subject import judgeable
        from pgcheck.checker.result import THEOREMS
        from pgcheck.isa.files.errors import SpecificationError
        from pgcheck.language import load

        try:
            machine = load(self.path)
        except SpecificationError as error:
            raise self.CollectError(str(error)) from None
        yield Law.from_parent(self, name="lint")
        for name in THEOREMS:
            yield Theorem.from_parent(self, name=name)
        for mnemonic in dict.fromkeys(i.name for i in judgeable(machine)):
            yield Instruction.from_parent(self, name=f"instruction[{mnemonic}]", mnemonic=mnemonic)

    def checked(self) -> Checked:
        """The answer of the whole check. Raises Broken where there is none."""
        from pgcheck.running import run
        from pgcheck.running.events import Checked, Event, Failed

        def heard(event: Event) -> None:
            if isinstance(event, Checked | Failed):
                self._outcome = event

        if self._outcome is None:
            run.each([str(self.path)], self.request, [heard], ())
        if not isinstance(self._outcome, Checked):
            raise Broken(self._outcome.message if self._outcome is not None else "there is no answer")
        return self._outcome


class Obligation(pytest.Item):
    """One group of obligations of a specification."""

    parent: SpecificationFile

    def runtest(self) -> None:
        self.demand(self.parent.checked())

    def demand(self, checked: Checked) -> None:
        """Raises Broken unless the obligation holds."""
        raise NotImplementedError

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Broken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.path.stem}: {self.name}"


class Law(Obligation):
    """What must be true of a specification before its verdicts mean anything, and that its waivers hold still."""

    def demand(self, checked: Checked) -> None:
        stale = [w for w in checked.waivers if w.status != "accepted"]
        if stale:
            raise Broken("\n".join(f"waiver of {w.waiver.instruction}: {w.status}: {w.message}" for w in stale))
        wrong = tuple(f for f in checked.result.findings if f.status in ("error", "fails", "unknown"))
        if wrong:
            raise Broken(shown(checked, replace(checked.result, findings=wrong), ()))


class Theorem(Obligation):
    """The premise of a theorem; of one that is not required the answer is told and nothing else."""

    def demand(self, checked: Checked) -> None:
        from pgcheck.waivers import application

        theorem = checked.result.main.theorems[self.name]
        if theorem.status in ("holds", "conditional") or application.waived(theorem):
            return
        if self.name == self.parent.require:
            whole = shown(checked, replace(checked.result, findings=()), checked.result.main.instructions)
            raise Broken("\n\n".join(whole.split("\n\n")[:2]))
        pytest.xfail(f"{theorem.status}, which nobody requires")


class Instruction(Obligation):
    """The rows of a mnemonic: none is a hole, none is undecided, and the required theorem fails on none."""

    def __init__(self, *, mnemonic: str, **given: Any) -> None:
        super().__init__(**given)
        self.mnemonic = mnemonic

    def demand(self, checked: Checked) -> None:
        main = checked.result.main
        if main.void:
            pytest.skip("void: the specification breaks a law")
        failing, accepted = _open(main.theorems[self.parent.require]), _accepted(checked)
        rows = [r for r in main.instructions if r.name == self.mnemonic]
        holes = {r.id for r in rows if r.verdict == "hole"} - accepted
        wrong = [r for r in rows if r.id in failing | holes or r.verdict == "unknown"]
        if wrong:
            raise Broken(shown(checked, replace(checked.result, findings=()), wrong))


def _open(theorem: TheoremResult) -> set[str]:
    """The rows on which a premise fails, or is not decided, and nobody has accepted it."""
    return {*theorem.failing} - {*theorem.waived}


def _accepted(checked: Checked) -> set[str]:
    """The holes of the answering deployment that somebody has accepted."""
    return {row for deployment, row in checked.waived if deployment == checked.result.main.name}


def shown(checked: Checked, result: MachineResult, rows: Iterable[InstructionResult]) -> str:
    """The command line's text about these rows alone."""
    import click

    from pgcheck.reports.text import report

    main = replace(result.main, instructions=tuple(rows))
    about = replace(result, deployments=(main,), unmodelled=())
    return click.unstyle(report.report(about, checked.machine.decoding.decode, timing=False, every_row=True))


def profiles(*, chosen: bool) -> None:
    """Registers ci, dev and nightly where Hypothesis is used or a profile is chosen; a project's own are left alone."""
    if not chosen and "hypothesis" not in sys.modules:
        return
    from hypothesis import settings
    from hypothesis.errors import InvalidArgument

    wanted: dict[str, dict[str, Any]] = {
        "ci": {"derandomize": True, "deadline": None, "database": None, "print_blob": True},
        "dev": {"max_examples": 20},
        "nightly": {"max_examples": 5000, "deadline": None, "print_blob": True},
    }
    for name, values in wanted.items():
        try:
            settings.get_profile(name)
        except InvalidArgument:
            settings.register_profile(name, **values)
