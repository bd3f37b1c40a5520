"""The border of a specification: the shape of every key of docs/language.md, and `load`, which reads files into it.

Attributes are named as the keys. A text keeps its place in the file (`Text`) and every entry knows its `position`.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import Field as Key
from pydantic import PrivateAttr, ValidationError
from pydantic.json_schema import JsonSchemaValue

from pgcheck.isa.files import loader
from pgcheck.isa.files.devices import Models, naming
from pgcheck.isa.files.errors import NOWHERE, Problems, Text
from pgcheck.isa.files.instruction_keys import Csr, Csrs, Decode, Encoding, FieldSpec, Instruction, Label, Syntax
from pgcheck.isa.files.platform_keys import Debugger, DebuggerRegisters, Device, Firmware, Platform, RamRange
from pgcheck.isa.files.sources import Shipped, without_collector
from pgcheck.isa.files.state_keys import (
    Deployment,
    Exit,
    Field,
    Interrupt,
    Memory,
    ModeClass,
    ModeClasses,
    Modes,
    Realise,
    StateEntry,
    Table,
    Translate,
)
from pgcheck.isa.files.tree import Mapping, Node, as_list
from pgcheck.isa.files.values import (
    JSON_TEXT,
    AnyText,
    Entry,
    Function,
    Identifier,
    Leaf,
    Number,
    Read,
    Reading,
    Short,
    SomeText,
    choice,
    problem_of,
    version,
    wrong,
)

VERSION: Final = 1  # of the language: what an older file would come to mean something else by makes a new one

__all__ = [
    "Csr",
    "Csrs",
    "Decode",
    "Deployment",
    "Device",
    "Encoding",
    "Exit",
    "Field",
    "FieldSpec",
    "Debugger",
    "DebuggerRegisters",
    "Firmware",
    "Instruction",
    "Interrupt",
    "Label",
    "Memory",
    "ModeClass",
    "ModeClasses",
    "Modes",
    "Platform",
    "RamRange",
    "Realise",
    "Specification",
    "StateEntry",
    "Syntax",
    "Table",
    "Translate",
    "json_schema",
    "load",
]


def _verdicts(node: Node) -> Mapping:
    if isinstance(node, Mapping):
        return node
    raise wrong(node, "a mapping is needed here", "a mapping")


IdlTexts: TypeAlias = Annotated[list[SomeText], Short(as_list, {"type": "string"})]


class Specification(Entry):
    """A specification of an instruction set as an executable machine."""

    taken_before: ClassVar[tuple[str, ...]] = ("include", "override")

    spec_version: Annotated[int, version(VERSION)] = Key(description="The version of the language.")
    kind: Annotated[Text, choice("machine")] = Key(description="What the file specifies.")
    name: Label = Key(description="The short name.")
    title: AnyText = Key(Text(""), description="The name in words.")
    description: AnyText = Key(Text(""), description="What is specified.")
    source: list[SomeText] = Key(default_factory=list, description="The manuals that the semantics were read from.")
    unmodelled: list[SomeText] = Key(default_factory=list, description="What was left out, by name.")
    params: dict[Identifier, Number] = Key(default_factory=dict, description="NAME: value of constants of IDL.")
    types: IdlTexts = Key(default_factory=list, description="IDL: enum, bitfield and struct.")
    state: dict[Identifier, StateEntry] = Key(description="NAME: registers and memory.")
    memory: Memory = Key(description="Which state is the memory.")
    modes: Modes = Key(description="Supervisor and user mode.")
    legal: list[SomeText] = Key(default_factory=list, description="Boolean expressions that hold before every step.")
    functions: IdlTexts = Key(default_factory=list, description="IDL functions.")
    exits: dict[Function, Exit] = Key(default_factory=dict, description="FUNCTION: terminators.")
    interrupt: Interrupt | None = Key(None, description="How external interrupts come in.")
    platform: Platform | None = Key(None, description="The computer around the processor.")
    translate: Translate | None = Key(None, description="The translation of addresses.")
    tables: dict[Function, Table] = Key(default_factory=dict, description="FUNCTION: lookups that the monitor owns.")
    nondeterminism: dict[SomeText, SomeText] = Key(
        default_factory=dict, description="SITE: type, of undefined and choice."
    )
    configurations: dict[Label, dict[Leaf, list[Number]]] = Key(
        default_factory=dict, description="NAME: {LEAF: candidates} for state that the monitor may fix."
    )
    deployments: dict[Label, Deployment] = Key(
        default_factory=dict, description="NAME: a way to run the virtual machine on the real one."
    )
    decode: Decode = Key(description="Fetching, and the field groups of encodings.")
    syntax: Syntax | None = Key(None, description="The assembly language.")
    csrs: Csrs | None = Key(None, description="The control and status registers.")
    instructions: list[Instruction] = Key(description="The instructions.")
    verdicts: Annotated[Mapping, Read(_verdicts, {"type": "object"})] = Key(
        default_factory=lambda: Mapping(NOWHERE), description="Published verdicts to compare with."
    )
    _override: dict[str, list[Text]] = PrivateAttr(default_factory=dict)
    _sources: tuple[Path, ...] = PrivateAttr(())
    _names: tuple[str, ...] = PrivateAttr(())
    _digest: str = PrivateAttr("")

    @property
    def override_types(self) -> list[Text]:
        """IDL types that replace those of the same name in `types` and in earlier texts of this list."""
        return self._override.get("types", [])

    @property
    def override_functions(self) -> list[Text]:
        """IDL functions that replace those of the same name in `functions` and in earlier texts of this list."""
        return self._override.get("functions", [])

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files read, the including ones before the included."""
        return self._sources

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which `sources` are included."""
        return self._names

    @property
    def digest(self) -> str:
        """blake2b over the names, lengths and bytes of `sources`, in hexadecimal."""
        return self._digest

    def complete(self, loaded: loader.Loaded, override: dict[str, list[Text]]) -> None:
        """Notes what is not under a key of the specification."""
        self._override = override
        self._sources = loaded.sources
        self._names = loaded.names
        self._digest = loaded.digest


def load(path: Path, shipped: Shipped = lambda _name: None, models: Models | None = None) -> Specification:
    """Reads the specification and the files it includes; `shipped` finds one by name. Raises SpecificationError.

    `models` are those that its devices may be of; without them what it says of devices is taken as it stands.
    """
    loaded = loader.load(path, shipped)
    override = loaded.root.pop(Text("override"), None)
    problems = Problems()
    try:
        with without_collector():
            specification = Specification.model_validate(loaded.root, context=Reading(problems, models))
        specification.complete(loaded, _override_texts(override, problems))
        problems.raise_if_any()
    except ValidationError as error:
        for details in error.errors(include_url=False):
            problems.add(problem_of(details))
        problems.raise_if_any()
        raise
    return specification


def _override_texts(override: Node | None, problems: Problems) -> dict[str, list[Text]]:
    """The IDL texts under `override`, by key."""
    texts: dict[str, list[Text]] = {}
    for key, nodes in override.items() if isinstance(override, Mapping) else ():
        texts[key] = [node for node in as_list(nodes) if isinstance(node, Text)]
        for node in as_list(nodes):
            if not isinstance(node, Text):
                problems.report(node.position, "text is needed here", expected="IDL")
    return texts


def json_schema(models: Collection[str] | None = None) -> JsonSchemaValue:
    """The shape of a specification file in JSON Schema, for editors, which read numbers and truth values natively.

    Devices are of the models of these names (None: any), and what included files may complete is not required.
    """
    schema = Specification.model_json_schema(by_alias=True)
    keys = schema["properties"]
    identity = ("spec_version", "kind")
    removed = {"type": "array", "items": JSON_TEXT, "description": "The ids of instructions that are left out."}
    replaced = {key: value for key, value in keys.items() if key not in identity} | {"remove_instructions": removed}
    keys["include"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Files to merge: relative paths, or names of shipped specifications.",
    }
    keys["override"] = {
        "type": "object",
        "properties": replaced,
        "additionalProperties": False,
        "description": "What takes the place of the same key, entry, function or instruction of the included files.",
    }
    for partial in (schema, schema["$defs"]["Decode"], schema["$defs"]["Csrs"]):
        del partial["required"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | (
        schema if models is None else naming(schema, models)
    )
