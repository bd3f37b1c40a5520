"""The pytest plugin: off unless `[tool.pgcheck] specs = [...]` stands in the root folder's pyproject.toml.

Nothing of pgcheck is loaded before it is on.
"""

from __future__ import annotations

from typing import Any

import pytest

SETTINGS = "pyproject.toml"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    specifications = _specifications(config)
    if specifications:
        from pgcheck import pytest_items

        config.pluginmanager.register(pytest_items.Plugin(config.rootpath, specifications), "pgcheck-specifications")
        pytest_items.profiles(chosen=bool(config.getoption("hypothesis_profile", None)))


def _specifications(config: pytest.Config) -> tuple[str, ...]:
    """The files, folders and patterns that the project names; none where it says nothing. Raises UsageError."""
    path = config.rootpath / SETTINGS
    try:
        content = path.read_bytes()
    except OSError:
        return ()
    if b"pgcheck" not in content:
        return ()
    import tomllib

    try:
        tool = tomllib.loads(content.decode("utf-8")).get("tool", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise pytest.UsageError(f"{path}: {error}") from None
    settings: Any = tool.get("pgcheck", {}) if isinstance(tool, dict) else {}
    given: Any = settings.get("specs", []) if isinstance(settings, dict) else None
    if not isinstance(given, list) or not all(isinstance(word, str) and word for word in given):
        raise pytest.UsageError(f"{path}: [tool.pgcheck] specs is a list of files, folders and patterns")
    return tuple(given)
