"""Exit code 4 is for faults of pgcheck only: every class that some `raise` of the package names has another way, or is such a fault."""

from __future__ import annotations

import ast
import builtins
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from pgcheck import cli, console
from pgcheck.checker.limits import Limited
from pgcheck.checker.solving.evidence import Undecided
from pgcheck.isa.files.errors import NOWHERE, Problem, SpecificationError
from pgcheck.settings.config import ConfigurationError
from pgcheck.waivers.waiver_file import WaiverFileError
from tests.specifications import ROOT

ROOMS: Final = ("isa", "models", "vmm", "checker", "pgcheck")
PROBLEM: Final = (Problem(NOWHERE, "wrong"),)

# What the one door at the end of the program tells as another exit code; what is derived from these it tells alike.
TOLD: Final[tuple[tuple[Callable[[], BaseException], int], ...]] = (
    (lambda: SpecificationError(PROBLEM), 2),
    (lambda: ConfigurationError(PROBLEM), 2),
    (lambda: WaiverFileError(PROBLEM), 2),
    (lambda: click.UsageError("wrong"), 2),
    (lambda: console.Failure("wrong"), 2),
    (lambda: OSError(None, "no such file", "f"), 2),
    (lambda: Limited("too little memory"), 3),
    (lambda: Undecided("x", "too hard"), 3),
    (lambda: console.ReaderGone(), console.READER_GONE),
)

# Why a class cannot reach that door but by a fault of ours, and where it is caught ("" where it is one wherever it comes from). A row names a module
# in which its handler stands, and the handler is looked for there.
CAUGHT: Final = {
    "isa.encoding.reading.AssemblyError": ("pgcheck.machines.programs", "assembly that people write is told as a failure"),
    "isa.kept.form.Unwritable": ("pgcheck.isa.kept.machines", "a machine that cannot be kept: it is read again next time"),
    "isa.kept.store.Unsafe": ("pgcheck.isa.kept.machines", "a folder or file that others could have written: nothing is kept, and one line says so"),
    "isa.parsing.parse_tree.Misfit": ("pgcheck.isa.parsing.syntax", "a form of the parse tree that is tried, and another then"),
    "isa.parsing.refusal.Elsewhere": ("pgcheck.isa.idl.statements", "a place in a text that the reader of IDL turns into a problem"),
    "isa.parsing.refusal.Refusal": ("pgcheck.isa.idl.statements", "IDL without a meaning: the reader turns it into a problem with its place"),
    "isa.parsing.syntax.IdlSyntaxError": ("pgcheck.isa.idl.program", "text that is no IDL: a problem with its place"),
    "isa.terms.knownbits.Exhausted": ("pgcheck.isa.encoding.coverage", "a search that is given up, which is an answer"),
    "isa.terms.facts._Contradiction": ("pgcheck.isa.terms.facts", "terms that cannot be true together, which is the answer"),
    "models.computer.image.BadImage": ("pgcheck.machines.bare", "an image that people give is told as a failure"),
    "models.devices.virtqueue.Malformed": ("pgcheck.models.devices.disk", "what a guest writes is answered by the device"),
    "models.generated.facts.Mixed": ("pgcheck.models.generated.facts", "code that is no page's: generated otherwise"),
    "models.generated.lines.TooLong": ("pgcheck.models.generated.program", "code that is interpreted instead"),
    "models.generated.lines.Unsupported": ("pgcheck.models.generated.program", "code that is interpreted instead"),
    "models.generated.memory.Impossible": ("pgcheck.models.generated.compiled", "an access outside RAM: made by the bus"),
    "models.native.linking.Unavailable": ("pgcheck.models.native.engine", "native code that cannot be made here: generated Python runs instead"),
    "models.native.lowering.plan.Unsupported": ("pgcheck.models.native.engine", "code that is not made native"),
    "models.native.records.Full": ("pgcheck.models.native.running", "a record without room: native code stops there, and goes on"),
    "models.state.Ended": ("pgcheck.models.reference.cycle", "the end of a step, with its exit"),
    "vmm.allocator.OutOfMemory": ("pgcheck.machines.guests", "a host without room: a failure, or the guest is lost"),
    "vmm.gate.ResourceControlLost": ("pgcheck.vmm.vmm", "a guest that took the machine, by force: it is lost, and exit code 1"),
    "vmm.paging.pages.NoTables": ("pgcheck.machines.guests", "a machine whose memory no scheme manages is told as a failure"),
    "vmm.schemes.bounds.NoBounds": ("pgcheck.machines.guests", "a machine whose memory no scheme manages is told as a failure"),
    "vmm.translate.Outside": ("pgcheck.vmm.paging.shadow", "a walk that leaves RAM: it is made on the processor"),
    "checker.campaign.cases.layout.TooSmall": ("pgcheck.machines.fuzz", "a memory too small for a property is told"),
    "checker.campaign.finding.BadFinding": ("pgcheck.machines.fuzz", "a file of a finding is told as a failure"),
    "checker.campaign.images.image.Unreachable": ("pgcheck.checker.campaign.images.image", "a hole without a program, which is told"),
    "checker.campaign.properties.sh1.Incoherent": ("pgcheck.checker.campaign.properties.sh1", "a finding of a campaign"),
    "checker.campaign.manuals.block_device.Broken": ("pgcheck.checker.campaign.manuals.block_device", "a request that the manual calls broken: answered so"),
    "checker.campaign.store.BadStore": ("pgcheck.machines.fuzz", "a database that people name is told as a failure"),
    "checker.generated.integers.Unknown": ("pgcheck.checker.monitor.routines", "generated code that is not decided, which is told"),
    "checker.monitor.guest.Over": ("pgcheck.checker.monitor.guest", "the end of a path of the monitor's"),
    "checker.monitor.stage.Irrelevant": ("pgcheck.checker.monitor.shadow", "a case that the premises leave out"),
    "checker.monitor.values.TooManyPaths": ("pgcheck.checker.monitor.obligations", "an obligation that is not decided"),
    "checker.solving.evidence.Contradiction": ("pgcheck.checker.verdicts.judge", "two sources of truth disagree: a row's error, and elsewhere a fault"),
    "checker.solving.pool.WorkerDied": ("pgcheck.checker.solving.pool", "told with the limit that ended it, where there is one"),
    "checker.solving.process.SolverDied": ("pgcheck.checker.solving.solver", "a solver without an answer: not decided"),
    "checker.solving.reading.Unreadable": ("pgcheck.checker.solving.solver", "a reply that is none: the solver starts anew"),
    "checker.traps.together.TooMany": ("pgcheck.checker.traps.table", "a condition that is named instead"),
    "checker.verdicts.crossing.NoCrossing": ("pgcheck.checker.verdicts.policy", "a monitor that exchanges leaves instead"),
    "checker.verdicts.own_memory.NoPlace": ("pgcheck.checker.verdicts.crossing", "frames that have no place: others are tried"),
    "checker.verdicts.policy.Delegated": ("pgcheck.machines.guests", "a monitor that there is not is told"),
    "checker.verdicts.policy.NoMonitor": ("pgcheck.machines.guests", "a monitor that there is not is told"),
    "checker.witnesses.file.BadWitnessFile": ("pgcheck.commands.checking", "a witness file is told as a failure"),
    "checker.witnesses.witness_replay.BadWitness": ("pgcheck.commands.checking", "a witness that people give is told; one of ours must replay"),
    "checker.world.leading.Unreachable": ("pgcheck.checker.premises.guest_can_be_entered", "an address to which nothing leads: a finding"),
    "debugging.packets.Closed": ("pgcheck.debugging.server", "a debugger that is gone: another may come"),
    "plugin.items.Broken": ("", "raised in pytest's items alone, whose report it is"),
    "reports.facts.WrongReport": ("", "a report that does not say what the run found"),
    "bincopy.Error": ("pgcheck.models.computer.records", "a record of an image that is none: told with its line"),
    "pytest.UsageError": ("", "raised in pytest alone, which tells it"),
    "_pickle.PicklingError": ("pgcheck.isa.kept.form", "a value of a kind that is not kept: the machine is read again next time"),
    "_pickle.UnpicklingError": ("", "a kept result that is none: whatever goes wrong in reading one, it is made again"),
    "pydantic_core._pydantic_core.PydanticCustomError": ("", "pydantic's own: it gathers them as problems"),
}  # fmt: skip


# The same of Python's own classes, by the module that raises them.
BUILT_IN: Final = {
    "pgcheck: AttributeError": "a name that the package does not have, asked for from Python",
    "api: ValueError": "an argument from Python, for whoever called; no command calls it",
    "isa.rows: ImportError": "a file of a table that cannot be imported: one of ours",
    "isa.encoding.assembly: KeyError": "a label that is not known yet: caught there, and tried again",
    "isa.encoding.codec: ValueError": "operands that the assembler has not made canonical, and code of odd units: both asked first",
    "isa.files.cache: ValueError": "a database that is no cache of this version: caught there, and nothing is kept",
    "isa.files.devices: ValueError": "an option that a device does not have: pydantic makes it a problem",
    "isa.idl.types: TypeError": "a type without a width, of which nobody may ask",
    "isa.kept.form: AttributeError": "a name that a machine does not have",
    "isa.machine.contents: TypeError": "a value in a machine of a kind that is new",
    "isa.machine.machine: AttributeError": "a name that a machine does not have",
    "isa.machine.machine: KeyError": "an instruction by an id that a machine does not have: names that people give are looked up first",
    "isa.parsing.parse_tree: TypeError": "a tree that the grammar does not give",
    "isa.parsing.parse_tree: ValueError": "a kept tree that is none: made again",
    "isa.terms.matching: ValueError": "a rule of folding that is no pattern: the table is ours",
    "isa.terms.names: ValueError": "a name in a finding's policy: read by checker.campaign.terms, whose callers catch it",
    "models.computer.computer: ValueError": "a device that is none: the specification's reader has refused it",
    "models.devices.disk: ValueError": "a disk where memory is not of bytes: the specification's reader has refused it",
    "models.generated.emitter: AssertionError": "a statement that the language does not have",
    "models.generated.lines: TypeError": "a question about a function that belongs to a step",
    "models.lent: KeyError": "a leaf that a state does not have, as in any dictionary",
    "models.native.background: ValueError": "an answer of the process that compiles that is none: caught there, and told",
    "models.native.batches.form: ValueError": "encodings or a tape that are too long: machines.batched says that there are no batches",
    "models.native.linking: KeyError": "a function that native code does not have: the names are ours",
    "models.native.running: RuntimeError": "native code that counts more steps than there are: one of ours",
    "models.state: TypeError": "an array asked for as a number, or the other way round",
    "vmm.allocator: ValueError": "frames that are not the owner's, or none",
    "vmm.binding: ValueError": "a fresh value where a program has none, or interrupts of a machine without: asked first",
    "vmm.guest_memory: ValueError": "frames that the monitor chose badly; sizes that people give are told by machines.guests",
    "vmm.schemes.bounds: ValueError": "frames that the monitor chose badly",
    "vmm.schemes.external: ValueError": "a scheme of translation on a machine without: the specification's reader has refused it",
    "vmm.translate: TypeError": "a walk on a machine without translation: asked first",
    "vmm.vmm: ValueError": "guests' names and sizes: told by machines.guests; a crossing that is not proved is asked first",
    "checker.values: ValueError": "a word in a witness file, a waiver or a finding: each reader catches it",
    "checker.campaign.batches.variants: ValueError": "encodings that are too long: machines.batched says that there are no batches",
    "checker.campaign.crossings: ValueError": "a finding's policy: told by machines.fuzz",
    "checker.campaign.finding: ValueError": "a finding's values: turned into BadFinding there",
    "checker.campaign.pairs.coverage: ValueError": "a database's cells: read by checker.campaign.store, which tells them",
    "checker.campaign.policies: ValueError": "a finding's policy: told by machines.fuzz",
    "checker.campaign.runner: ValueError": "a campaign without end, which the command line does not let pass",
    "checker.campaign.terms: ValueError": "a finding's terms: told by machines.fuzz",
    "checker.generated.replay: OverflowError": "a value that does not fit: caught there as generated code that is wrong",
    "checker.monitor.values: TypeError": "an integer that is not known, used as one that is: caught by checker.monitor.obligations",
    "checker.questions.copies: TypeError": "a type without fields, of which a table's answer is no field",
    "checker.solving.process: EOFError": "a child that is gone: caught there, and not decided",
    "checker.solving.smtlib: ValueError": "an obligation that is ill-formed",
    "checker.solving.worker: ValueError": "a model that cannot be read: caught there, and not decided",
    "checker.witnesses.file: TypeError": "a value in a witness of ours that no file can hold",
    "checker.witnesses.file: ValueError": "a value in a witness file: turned into BadWitnessFile there",
    "debugging.description: ValueError": "a machine that gdb does not know: told by debugging.server",
    "debugging.session: ValueError": "a packet that is none: answered so",
    "machines.bare: KeyboardInterrupt": "a debugger that ends the run: told as an interrupt",
    "machines.guests: KeyboardInterrupt": "a debugger that ends the run: told as an interrupt",
    "plugin.items: NotImplementedError": "an item of the plugin without its question",
    "reports.html.report: ValueError": "a result in JSON that is none: caught there, and told",
}  # fmt: skip

# What is raised by a variable, or made by a method: of classes that are in the tables too.
AGAIN: Final = {
    "pgcheck.checker.monitor.proof: refusals[0]": "NoMonitor",
    "pgcheck.checker.premises.entry_is_recoverable: undecided[0]": "Undecided",
    "pgcheck.checker.solving.pool: _explained(workers, died)": "Limited, or WorkerDied",
    "pgcheck.checker.solving.pool: failure if isinstance(failure, OSError | Limited) else _failed(*failure)": "or WorkerFailed: what nobody caught there",
    "pgcheck.checker.solving.process: self._post_mortem()": "SolverDied",
    "pgcheck.cli: error": "the door itself",
    "pgcheck.isa.encoding.assembly: error": "AssemblyError",
    "pgcheck.isa.encoding.assembly: next(filter(None, reversed(errors)), None) or AssemblyError('no encoding holds these operands', column, found=source.strip())": "AssemblyError",
    "pgcheck.isa.encoding.assembly: wrong[0]": "AssemblyError",
    "pgcheck.models.native.host: raised": "what a call out of native code raised",
    "pgcheck.machines.guests: refusals[0]": "NoMonitor",
    "pgcheck.plugin.items: self.CollectError(str(error))": "pytest's own",
    "pgcheck.running.run: gone": "ReaderGone",
}  # fmt: skip


def sources() -> Iterator[tuple[str, Path]]:
    """Every module of the package with its file; links are not followed."""
    for room in ROOMS:
        for folder, _, files in os.walk(ROOT / room):
            for path in (Path(folder, name) for name in sorted(files) if name.endswith(".py")):
                parts = path.relative_to(ROOT).with_suffix("").parts
                inside = [part for part in parts if part != "__init__"]
                yield ".".join(inside if room == "pgcheck" else ["pgcheck", *inside]), path


MODULES: Final = dict(sources())


TREES: Final = {module: ast.parse(path.read_text("utf-8")) for module, path in MODULES.items()}


def meant(module: str, expression: ast.expr) -> type[BaseException] | None:
    """The class that an expression of a module means: a class, or a function that returns one; None for what is neither, as a variable."""
    named = ast.unparse(expression.func if isinstance(expression, ast.Call) else expression)
    head, *rest = named.split(".")
    spaces = (vars(importlib.import_module(module)), local(module, head), vars(builtins))
    found = next((space[head] for space in spaces if head in space), None)
    for part in rest:
        found = getattr(found, part, None)
    if not isinstance(found, type) and callable(found):
        said = getattr(found, "__annotations__", {}).get("return")
        found = vars(importlib.import_module(found.__module__)).get(said) if isinstance(said, str) else said
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def local(module: str, name: str) -> dict[str, object]:
    """What a function of a module imports by a name."""
    for node in ast.walk(TREES.get(module, ast.Module([], []))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                if name == (one.asname or one.name):
                    source = importlib.import_module(node.module)
                    return {name: getattr(source, one.name, None)}
    return {}


def raised(module: str, tree: ast.AST) -> tuple[set[type[BaseException]], set[str]]:
    """The classes that the `raise` statements of a module name, and what they raise besides."""
    classes: set[type[BaseException]] = set()
    others: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            cls = meant(module, node.exc)
            if cls is None:
                others.add(f"{module}: {ast.unparse(node.exc)}")
            else:
                classes.add(cls)
    return classes, others


def named(cls: type[BaseException]) -> str:
    return f"{cls.__module__.removeprefix('pgcheck.')}.{cls.__qualname__}"


RAISED: Final = {module: raised(module, tree) for module, tree in TREES.items()}
CLASSES: Final = frozenset(cls for classes, _ in RAISED.values() for cls in classes)
TOLD_CLASSES: Final = tuple(type(make()) for make, _ in TOLD)


def told(cls: type[BaseException]) -> bool:
    """Whether the door tells a class as another exit code, for itself or for one that it is derived from."""
    return issubclass(cls, TOLD_CLASSES)


@pytest.mark.parametrize(("make", "code"), TOLD, ids=lambda item: getattr(item, "__name__", str(item)))
def test_the_door_tells_it_as_another_code(
    make: Callable[[], BaseException], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended(make, monkeypatch) == code != 4


def ended(make: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch) -> int:
    """What the program ends with when a command raises this."""

    def raising(text: str) -> None:
        raise make()

    monkeypatch.setattr(console, "say", raising)
    return cli.run(["list"])


def test_anything_else_is_exit_code_4(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(lambda: LookupError("odd"), monkeypatch) == 4
    assert capsys.readouterr().err.startswith("Internal error: LookupError: odd; ")


def test_every_class_that_is_raised_has_another_way_or_a_reason() -> None:
    without = {named(cls) for cls in CLASSES if not told(cls) and cls.__module__ != "builtins"}
    assert without == set(CAUGHT), (
        "tell it in pgcheck/running/trouble.py, catch it, or say why it is a fault of pgcheck"
    )


def test_every_built_in_class_that_is_raised_has_a_reason_by_its_module() -> None:
    odd = {
        module: sorted(cls.__name__ for cls in classes if cls.__module__ == "builtins" and not told(cls))
        for module, (classes, _) in RAISED.items()
    }
    assert {f"{m.removeprefix('pgcheck.')}: {n}" for m, names in odd.items() for n in names} == set(BUILT_IN)


def handled(module: str) -> frozenset[type[BaseException]]:
    """The classes that the handlers of a module name."""
    nodes = [n.type for n in ast.walk(TREES[module]) if isinstance(n, ast.ExceptHandler) and n.type is not None]
    parts = [part for node in nodes for part in (node.elts if isinstance(node, ast.Tuple) else [node])]
    return frozenset(cls for part in parts if (cls := meant(module, part)) is not None)


@pytest.mark.parametrize("name", [name for name, (module, _) in CAUGHT.items() if module])
def test_what_is_caught_has_its_handler_where_the_table_says(name: str) -> None:
    cls = next(c for c in CLASSES if named(c) == name)
    assert any(issubclass(cls, each) and each is not Exception for each in handled(CAUGHT[name][0]))


def test_what_is_raised_by_a_variable_is_one_of_these() -> None:
    assert {one for _, others in RAISED.values() for one in others} == set(AGAIN)


def test_a_class_that_is_raised_is_noticed() -> None:
    text = "raise ValueError('x')\nraise Failure('x') from None\nraise\nraise wrong\nraise console.Failure"
    classes, others = raised("pgcheck.machines.bare", ast.parse(text))
    assert classes == {ValueError, console.Failure} and others == {
        "pgcheck.machines.bare: Failure('x')",
        "pgcheck.machines.bare: wrong",
    }
