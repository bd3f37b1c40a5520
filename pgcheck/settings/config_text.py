"""`pgcheck --show-config`: every setting as TOML, with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pgcheck.options import ENGINES, NO_WAIVERS, SETTINGS, WAIVERS_FILE
from pgcheck.settings.config import TABLE, Configuration


def shown(context: click.Context, found: Configuration) -> str:
    """The settings that a command line and the project's pyproject.toml mean together; paths as seen from here."""
    lines = [(f"{key} = {_toml(value)}", source) for key, value, source in _settings(context, found)]
    width = max(len(text) for text, _ in lines)
    return "\n".join([TABLE, *(f"{text:{width}}  # {source}" for text, source in lines)])


def _settings(context: click.Context, found: Configuration) -> list[tuple[str, Any, str]]:
    return [(key, *_setting(context, found, key)) for key in SETTINGS]


def _setting(context: click.Context, found: Configuration, key: str) -> tuple[Any, str]:
    """The value of a key and its source."""
    option = SETTINGS[key]
    elsewhere = found.presets(everywhere=True).get(option.parameter, ENGINES[0])
    value = context.params.get(option.parameter, elsewhere)
    spoken = context.get_parameter_source(option.parameter) is ParameterSource.COMMANDLINE
    if key == "specs" and not value:
        spoken, value = False, found.specifications()
    elif key == "waivers":
        denied = context.params[NO_WAIVERS.parameter]
        said_no = context.get_parameter_source(NO_WAIVERS.parameter) is ParameterSource.COMMANDLINE
        value = False if said_no or (denied and not spoken) else value or WAIVERS_FILE
        spoken = spoken or said_no
    elif option.denies:
        value = not value
    if spoken:
        return value, "command line"
    return (value, str(found.values[key].position)) if key in found.values else (_default(key, value), "default")


def _default(key: str, value: Any) -> Any:
    """The value that a run takes where nothing is said."""
    if key in ("jobs", "budget"):
        from pgcheck.checker.options import Options, default_jobs

        return default_jobs() if key == "jobs" else Options().rlimit
    return value


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False)
        case Sequence():
            return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value))
