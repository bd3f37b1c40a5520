"""Tables of rows that files carry themselves: a law, a device, a format is one module of a folder, and the folder is the table."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TypeVar

Row = TypeVar("Row")


def modules(package: str) -> tuple[str, ...]:
    """The names of the modules of a package, in order; none is imported but the package itself."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(import_module(package).__path__)))


def rows(package: str, kind: type[Row]) -> tuple[Row, ...]:
    """The values of a kind that the modules of a package define, by module and as they stand there, each once."""
    found: dict[int, Row] = {}
    for name in modules(package):
        for value in vars(import_module(f"{package}.{name}")).values():
            if isinstance(value, kind):
                found.setdefault(id(value), value)
    return tuple(found.values())
