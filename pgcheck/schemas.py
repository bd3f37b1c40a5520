"""The JSON Schemas of what pgcheck reads and writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final

from pgcheck.isa.files.devices import naming
from pgcheck.models.devices.standard import models

Schema = dict[str, Any]


def specification() -> Schema:
    """That of specifications, whose devices are of the models that there are."""
    return naming(_file("pgcheck.isa", "schema.json"), models())


def result() -> Schema:
    """That of results."""
    return _file("pgcheck", "result-schema.json")


SCHEMAS: Final[Mapping[str, Callable[[], Schema]]] = {"specification": specification, "result": result}


def _file(package: str, name: str) -> Schema:
    schema: Schema = json.loads(files(package).joinpath(name).read_text(encoding="utf-8"))
    return schema
