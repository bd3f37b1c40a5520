"""Decides from an instruction set's specification whether its machine can be virtualized by trap and emulate.

>>> import pgcheck
>>> answer = pgcheck.check("specification.yaml")
>>> answer.result.main.theorems["theorem1"].status
'holds'

`check` gives what `pgcheck SPECIFICATION` reports, `load` the machine alone, `compare` what `pgcheck diff` reports. Nothing is
imported before one of them is called. docs/python.md has examples.
"""

TYPE_CHECKING = False  # `typing` would be the first import of the program, and take time in which Ctrl-C is a traceback
if TYPE_CHECKING:
    from typing import Any

    from pgcheck.api import check, compare, load
    from pgcheck.checker.result import ExitCode, MachineResult
    from pgcheck.checker.verdicts.difference import Difference
    from pgcheck.isa.files.errors import SpecificationError
    from pgcheck.isa.machine.machine import Machine
    from pgcheck.running.events import Checked

    __version__: str

RELEASED = "0.1.0"
__all__ = [
    "Checked",
    "Difference",
    "ExitCode",
    "Machine",
    "MachineResult",
    "SpecificationError",
    "check",
    "compare",
    "load",
]

_PLACES = {
    "Checked": "running.events",
    "Difference": "checker.verdicts.difference",
    "ExitCode": "checker.result",
    "Machine": "isa.machine.machine",
    "MachineResult": "checker.result",
    "SpecificationError": "isa.files.errors",
    "check": "api",
    "compare": "api",
    "load": "api",
}


def __getattr__(name: str) -> "Any":
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(f"pgcheck.{_PLACES[name]}"), name)
    if name == "__version__":
        return _version()
    raise AttributeError(f"module 'pgcheck' has no attribute '{name}'")


def _version() -> str:
    """The version of what is installed; of a checkout that nobody has, the last release."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pgcheck")
    except PackageNotFoundError:
        return RELEASED
