"""What the pytest plugin adds once it is on: specifications as test files, a fixture for machines, Hypothesis profiles."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pgcheck.checker.result import InstructionResult, MachineResult
    from pgcheck.events import Checked, Failed
    from pgcheck.isa.machine import Machine

REQUIRED: Final = "theorem1"
THEOREMS: Final = ("theorem1", "theorem2", "theorem3", "monitor")
SUFFIXES: Final = (".yaml", ".yml")
LONGEST: Final = 4 << 20
_MACHINE = re.compile(rb"""^["']?kind["']?[ \t]*:[ \t]*(["']?)machine\1[ \t\r]*(#.*)?$""", re.MULTILINE)


class Broken(Exception):
    """An obligation does not hold, or is not decided; the text says why."""


@dataclass(frozen=True, slots=True)
class Specifications:
    """The files, folders and patterns of a project, relative to its root."""

    root: Path
    words: tuple[str, ...]

    def have(self, path: Path) -> bool:
        """Whether a file is among them and says `kind: machine`."""
        return path.suffix in SUFFIXES and any(self._named(path, word) for word in self.words) and says_machine(path)

    def _named(self, path: Path, word: str) -> bool:
        named = self.root / word
        if path == named or named in path.parents:
            return True
        return path.is_relative_to(self.root) and _matches(
            path.relative_to(self.root).parts, PurePath(word.removeprefix("./")).parts
        )

    def found(self, name: str) -> Path | None:
        """The file that a name means: a path below the root, or the stem of one of the files."""
        path = self.root / name
        if path.is_file():
            return path
        return next((p for p in self._all() if p.stem == name), None)

    def _all(self) -> Iterator[Path]:
        for word in self.words:
            named = self.root / word
            if named.is_file():
                yield named
            elif named.is_dir():
                yield from sorted(p for p in named.rglob("*") if p.suffix in SUFFIXES and says_machine(p))
            elif not PurePath(word).is_absolute():
                yield from sorted(p for p in self.root.glob(word) if self.have(p))


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path fits a pattern as in glob: `*` within one name, `**` for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[n:], pattern[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def says_machine(path: Path) -> bool:
    """Whether a file says of itself that it specifies a machine."""
    try:
        with path.open("rb") as file:
            return _MACHINE.search(file.read(LONGEST)) is not None
    except OSError:
        return False


class Plugin:
    """The hooks and the fixture of a project with specifications."""

    def __init__(self, root: Path, words: Iterable[str]) -> None:
        self.specifications = Specifications(root, tuple(words))

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if not self.specifications.have(file_path):
            return None
        file: pytest.Collector = SpecificationFile.from_parent(parent, path=file_path)
        return file

    @pytest.fixture(scope="session")
    def pgcheck_machine(self) -> Callable[[str], Machine]:
        """Gives the machine that a name means: a file's stem, its path below the root, or a shipped specification."""
        from pgcheck import run

        known: dict[str, Machine] = {}

        def machine(name: str) -> Machine:
            if name not in known:
                known[name] = run.loaded(str(self.specifications.found(name) or name))
            return known[name]

        return machine


class SpecificationFile(pytest.File):
    """A specification: its obligations are the items. It is checked once, by the first that runs."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._outcome: Checked | Failed | None = None

    def collect(self) -> Iterator[pytest.Item]:
        from pgcheck.isa.build import load
        from pgcheck.isa.errors import SpecificationError
        from pgcheck.shipped import shipped

        try:
            machine = load(self.path, shipped=shipped)
        except SpecificationError as error:
            raise self.CollectError(str(error)) from None
        yield Law.from_parent(self, name="lint")
        for name in THEOREMS:
            yield Theorem.from_parent(self, name=name)
        for mnemonic in dict.fromkeys(i.name for i in machine.instructions):
            yield Instruction.from_parent(self, name=f"instruction[{mnemonic}]", mnemonic=mnemonic)

    def checked(self) -> Checked:
        """The answer of the whole check. Raises Broken where there is none."""
        from pgcheck import run
        from pgcheck.checker.check import Options, default_jobs
        from pgcheck.events import Checked, Event, Failed

        def heard(event: Event) -> None:
            if isinstance(event, Checked | Failed):
                self._outcome = event

        if self._outcome is None:
            jobs = 1 if "PYTEST_XDIST_WORKER" in os.environ else default_jobs()
            run.each([str(self.path)], run.Request(Options(jobs=jobs), require=REQUIRED), [heard], ())
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
    """What must be true of a specification before its verdicts mean anything."""

    def demand(self, checked: Checked) -> None:
        wrong = tuple(f for f in checked.result.findings if f.status in ("error", "unknown"))
        if wrong:
            raise Broken(shown(checked, replace(checked.result, findings=wrong), ()))


class Theorem(Obligation):
    """The premise of a theorem; of one that is not required the answer is told and nothing else."""

    def demand(self, checked: Checked) -> None:
        theorem = checked.result.main.theorems[self.name]
        if theorem.status in ("holds", "conditional") or set(theorem.failing) <= set(_waived(checked)) != set():
            return
        text = shown(checked, replace(checked.result, findings=()), ())
        if self.name == REQUIRED:
            raise Broken(text)
        pytest.xfail(f"{theorem.status}, which nobody requires")


class Instruction(Obligation):
    """The rows of a mnemonic: none is a hole, none is undecided, and the required theorem fails on none."""

    def __init__(self, *, mnemonic: str, **given: Any) -> None:
        super().__init__(**given)
        self.mnemonic = mnemonic

    def demand(self, checked: Checked) -> None:
        main = checked.result.main
        open_ = {*main.theorems[REQUIRED].failing} - {*_waived(checked)}
        rows = [r for r in main.instructions if r.name == self.mnemonic]
        wrong = [r for r in rows if r.verdict == "unknown" or r.id in open_ or _hole(r, checked)]
        if wrong:
            raise Broken(shown(checked, replace(checked.result, findings=()), wrong))


def _hole(row: InstructionResult, checked: Checked) -> bool:
    return row.verdict == "hole" and row.id not in _waived(checked)


def _waived(checked: Checked) -> list[str]:
    """The rows of the answering deployment whose difference somebody has accepted."""
    return [row for deployment, row in checked.waived if deployment == checked.result.main.name]


def shown(checked: Checked, result: MachineResult, rows: Iterable[InstructionResult]) -> str:
    """The command line's text about these rows alone."""
    import click

    from pgcheck import text

    main = replace(result.main, instructions=tuple(rows))
    about = replace(result, deployments=(main,), unmodelled=())
    return click.unstyle(text.report(about, checked.machine.decode, timing=False, every_row=True))


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
