"""What a specification can say of the devices that computers have: the names of their models, and what each leaves open."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Options: TypeAlias = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Option:
    """A natural number that a model leaves open, and what it is unless a specification says otherwise."""

    name: str
    default: int
    description: str


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """A model of devices; `registers` says in words what they are.

    `inputs` is the option that says how many interrupt inputs it has, counted from an unused 0 on; empty if it has none. `unit` is the
    width in bits that the units of memory must have for it, 0 for any. One that `ticks` raises its line after a number of steps.
    """

    name: str
    registers: str
    options: tuple[Option, ...] = ()
    inputs: str = ""
    unit: int = 0
    ticks: bool = False

    def settled(self, given: Options) -> Options:
        """Every option's value. Raises ValueError for one that the model does not have."""
        defaults = {option.name: option.default for option in self.options}
        if unknown := given.keys() - defaults.keys():
            raise ValueError(f"{self.name} has no option '{min(unknown)}'")
        return defaults | dict(given)


Models: TypeAlias = Mapping[str, DeviceModel]


def naming(schema: dict[str, Any], models: Collection[str]) -> dict[str, Any]:
    """The JSON Schema of specifications in which devices are of these models."""
    keys = schema["$defs"]["Device"]["properties"]
    said = {key: value for key, value in keys["model"].items() if key != "type"}
    keys["model"] = dict(sorted((said | {"enum": list(models)}).items()))
    return schema
