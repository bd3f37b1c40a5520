"""The pytest plugin: off unless `[tool.pgcheck] specs = [...]` stands in the root folder's pyproject.toml.

Nothing of pgcheck is loaded before it is on.
"""

from __future__ import annotations

import pytest

SETTINGS = "pyproject.toml"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    from pgcheck.isa.files import door

    path = config.rootpath / SETTINGS
    try:
        said = b"pgcheck" in door.content(path)
    except OSError:
        return
    if said:
        from pgcheck.plugin import items

        plugin = items.plugin(path)
        if plugin is not None:
            from pgcheck.plugin import fixtures

            config.pluginmanager.register(plugin, fixtures.NAME)
            config.pluginmanager.register(fixtures, "pgcheck-fixtures")
            items.profiles(chosen=bool(config.getoption("hypothesis_profile", None)))
