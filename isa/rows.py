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
    """The values of a kind that the modules of a package define, by module and as they stand there, each once.

    Raises ImportError, which names the module, for one that cannot be imported.
    """
    found: dict[int, Row] = {}
    for name in modules(package):
        try:
            module = import_module(f"{package}.{name}")
        except Exception as error:  # whatever the file does
            raise ImportError(f"{package}.{name} cannot be imported: {type(error).__name__}: {error}") from error
        for value in vars(module).values():
            if isinstance(value, kind):
                found.setdefault(id(value), value)
    return tuple(found.values())
