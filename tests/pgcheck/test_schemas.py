"""The JSON Schemas are those of what is read and written."""

from __future__ import annotations

import jsonschema  # type: ignore[import-untyped]
import pytest

from pgcheck.isa.files.schema import json_schema
from pgcheck.models.devices.standard import models
from pgcheck.schemas import SCHEMAS, specification


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name]())
    assert SCHEMAS[name]()["$defs"]


def test_the_schema_of_specifications_is_what_their_keys_and_the_models_give() -> None:
    assert specification() == json_schema(models())
