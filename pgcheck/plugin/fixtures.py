"""The fixture of a project with specifications: a function, for pytest 10 takes no methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.plugin.items import Plugin

NAME: Final = "pgcheck-specifications"


@pytest.fixture(scope="session")
def pgcheck_machine(pytestconfig: pytest.Config) -> Callable[[str], Machine]:
    """Gives the machine that a name means: a file's stem, its path below the root, or a shipped specification."""
    plugin = pytestconfig.pluginmanager.get_plugin(NAME)
    assert isinstance(plugin, Plugin)
    return plugin.machine
