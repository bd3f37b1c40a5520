"""The kinds of values of a specification's keys: how each is read from a node and described in JSON Schema."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema

from pgcheck.isa.files.devices import Models
from pgcheck.isa.files.errors import NOWHERE, Position, Problem, Problems, Text, did_you_mean
from pgcheck.isa.files.tree import Mapping, Node, Sequence

_LITERAL: Final = re.compile("0x[0-9a-fA-F]+|0b[01]+|0o[0-7]+|0|[1-9][0-9]*")
_LEADING_ZERO: Final = re.compile("0[0-9]+")
_LONGEST_LITERAL: Final = 1 << 11
_LONGEST_SHOWN: Final = 60
_HINTED_PROBLEMS: Final = 100
JSON_TEXT: Final[JsonSchemaValue] = {"type": ["string", "number", "boolean"]}
_JSON_BOOLEAN: Final[JsonSchemaValue] = {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]}
_LITERAL_PATTERN: Final = f"^({_LITERAL.pattern})$"


def shown(node: Node) -> str:
    """A node in the words of an error message."""
    match node:
        case Text():
            return f"'{node if len(node) <= _LONGEST_SHOWN else node[:_LONGEST_SHOWN] + '...'}'" if node else "nothing"
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"


@dataclass(frozen=True, slots=True)
class Reading:
    """What goes along while a file is read: where problems go, and the models of devices that there are (None: any may be)."""

    problems: Problems
    models: Models | None = None


def wrong(node: Node, message: str, expected: str = "", hint: str = "") -> PydanticCustomError:
    """The error that a validator raises for a problem with the node."""
    problem = Problem(node.position, message, found=shown(node), expected=expected, hint=hint)
    return PydanticCustomError("problem", "problem", {"problem": problem})


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Marks a type whose values `function` makes from a node; `json` describes what an editor may accept there."""

    function: Callable[[Any], Any]
    json: JsonSchemaValue

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.function)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return dict(self.json)


@dataclass(frozen=True, slots=True, eq=False)
class ReadAlong:
    """As `Read`; the function also gets what goes along."""

    function: Callable[[Any, Reading], Any]
    json: JsonSchemaValue

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(lambda node, info: self.function(node, reading(info)))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return dict(self.json)


@dataclass(frozen=True, slots=True, eq=False)
class Short:
    """Marks a type for which `function` first makes the full form of a short one, which `json` describes."""

    function: Callable[[Any], Any]
    json: JsonSchemaValue

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.function, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), dict(self.json)]}


def reading(info: ValidationInfo) -> Reading:
    """What goes along with a validation."""
    assert isinstance(info.context, Reading)
    return info.context


def literal(text: str) -> int | None:
    """The value of an integer literal (`12`, `0x1f`, `0b101`, `0o17`), or None if the text is no literal."""
    return int(text, 0) if len(text) <= _LONGEST_LITERAL and _LITERAL.fullmatch(text) else None


def _zero_hint(node: Node) -> str:
    return "a number has no leading zero; octal is 0o17" if _LEADING_ZERO.fullmatch(str(node)) else ""


def _any_text(node: Node) -> Text:
    if isinstance(node, Text):
        return node
    raise wrong(node, "text is needed here", "a text", "quote text that starts with a bracket")


def some_text(node: Node) -> Text:
    if isinstance(node, Text) and not node.isspace() and node:
        return node
    raise wrong(node, "text is needed here", "a text that is not empty")


def read_number(node: Node) -> int | Text:
    if isinstance(node, Text) and node and not _LEADING_ZERO.fullmatch(node):
        value = literal(node)
        return node if value is None else value
    raise wrong(node, "a number is needed here", "an integer or a constant expression", _zero_hint(node))


def natural(node: Node) -> int:
    """The integer that a node is."""
    if isinstance(node, Text) and (value := literal(node)) is not None:
        return value
    raise wrong(node, "an integer is needed here", "an integer")


def _boolean(node: Node) -> bool:
    if isinstance(node, Text) and node in ("true", "false"):
        return node == "true"
    raise wrong(node, "a truth value is needed here", "true or false")


def integer(low: int, high: int) -> Read:
    """An integer literal within the bounds."""

    def read(node: Node) -> int:
        value = literal(node) if isinstance(node, Text) else None
        if value is not None and low <= value <= high:
            return value
        message = "an integer is needed here" if value is None else "the integer is out of range"
        bounds = f"an integer from {low} to {high}" if high.bit_length() <= 64 else "an integer"
        raise wrong(node, message, bounds, _zero_hint(node))

    native = {"type": "integer", "minimum": low} | ({"maximum": high} if high.bit_length() <= 53 else {})
    return Read(read, {"anyOf": [native, {"type": "string", "pattern": _LITERAL_PATTERN}]})


def version(latest: int) -> Read:
    """A version from 1 up to the latest that is known."""

    def read(node: Node) -> int:
        value = literal(node) if isinstance(node, Text) else None
        if value is None or value < 1:
            raise wrong(node, "a version is needed here", f"a number from 1 to {latest}")
        if value > latest:
            hint = "a newer pgcheck reads it"
            raise wrong(node, "this is written for a newer version of the language", f"at most {latest}", hint)
        return value

    known = range(1, latest + 1)
    return Read(read, {"enum": [*map(str, known), *known]})


def choice(*words: str) -> Read:
    """One of the words."""

    native = {"enum": [*words, *(int(word) for word in words if word.isdigit())]}
    return Read(lambda node: one_of(words, node), native)


def one_of(words: Collection[str], node: Node) -> Text:
    """The node, which is one of the words."""
    if isinstance(node, Text) and node in words:
        return node
    hint = did_you_mean(node, words) if isinstance(node, Text) else ""
    raise wrong(node, "one of a few words is needed here", ", ".join(words), hint)


def named(pattern: str, what: str) -> Read:
    """A text of the pattern; `what` says what it names."""
    whole = re.compile(pattern)

    def read(node: Node) -> Text:
        if isinstance(node, Text) and whole.fullmatch(node):
            return node
        raise wrong(node, f"this is not {what}", f"{what} ({pattern})")

    return Read(read, JSON_TEXT | {"pattern": f"^({pattern})$"})


AnyText: TypeAlias = Annotated[Text, Read(_any_text, JSON_TEXT)]
SomeText: TypeAlias = Annotated[Text, Read(some_text, JSON_TEXT)]
Boolean: TypeAlias = Annotated[bool, Read(_boolean, {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]})]
Number: TypeAlias = Annotated[int | Text, Read(read_number, {"type": ["integer", "string"]})]
Natural: TypeAlias = Annotated[int, integer(0, (1 << (4 * _LONGEST_LITERAL)) - 1)]
Identifier: TypeAlias = Annotated[Text, named("[A-Za-z_][A-Za-z0-9_]*", "a name")]
Function: TypeAlias = Annotated[Text, named(r"[A-Za-z_][A-Za-z0-9_]*\??", "the name of a function")]
Leaf: TypeAlias = Annotated[Text, named(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?", "NAME or NAME.FIELD")]


def distinct_keys(node: Node) -> Node:
    """Refuses a mapping in which two keys are the same integer in different spelling."""
    if isinstance(node, Mapping):
        seen: dict[int, Text] = {}
        for key in node:
            if (value := literal(key)) is not None and seen.setdefault(value, key) is not key:
                raise wrong(key, f"'{key}' is the same number as '{seen[value]}' at line {seen[value].position.line}")
    return node


class Entry(BaseModel):
    """A mapping of a specification with known keys; `position` is where it stands.

    `taken_before` are keys that the loader has already taken out.
    """

    taken_before: ClassVar[tuple[str, ...]] = ()

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    _position: Position = PrivateAttr(default_factory=lambda: NOWHERE)

    @property
    def position(self) -> Position:
        return self._position

    @model_validator(mode="wrap")
    @classmethod
    def _place(cls, node: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Notes the position, and reports unknown keys; the context of the validation is a `Reading`."""
        keys, along = known_keys(cls), reading(info)
        problems = along.problems
        if not isinstance(node, Mapping):
            raise wrong(node, "a mapping is needed here", f"a mapping with {_listed(keys)}")
        if unknown := [key for key in node if key not in keys]:
            missing = [name for name in keys if name not in node]
            for key in unknown:
                hint = did_you_mean(key, (*missing, *cls.taken_before)) if len(problems) < _HINTED_PROBLEMS else ""
                expected = "" if hint else _listed((*keys, *cls.taken_before))
                if any(problem.expected == expected for problem in problems):  # the list is told once
                    expected = ""
                problems.report(key.position, f"unknown key '{key}'", expected=expected, hint=hint)
            node = Mapping(node.position, {key: value for key, value in node.items() if key in keys})
        entry = handler(node)
        entry._position = node.position
        entry.check(along)
        return entry

    def check(self, along: Reading) -> None:
        """Reports what is wrong between the keys of this mapping."""


@cache
def known_keys(entry: type[BaseModel]) -> tuple[str, ...]:
    """The keys of such a mapping, as a file spells them."""
    return tuple(field.alias or name for name, field in entry.model_fields.items())


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


_KINDS: Final = {"dict_type": "a mapping", "list_type": "a list", "tuple_type": "a list"}


def problem_of(error: ErrorDetails) -> Problem:
    """What went wrong at a node, in plain words; each error's input is the node that is wrong."""
    node: Node = error["input"]
    match error:
        case {"type": "problem", "ctx": {"problem": Problem() as problem}}:
            return problem
        case {"type": "missing", "loc": (*_, key)}:
            return Problem(node.position, f"key '{key}' is missing")
        case _:
            expected = _KINDS.get(error["type"], "something else")
            return Problem(node.position, f"{expected} is needed here", found=shown(node), expected=expected)
