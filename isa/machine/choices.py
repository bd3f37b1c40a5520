"""What a monitor may fix of a machine, as plain values: for whoever names a choice and needs no machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Fields = Mapping[str, int]
MIRROR: Literal["mirror"] = "mirror"
Choice = int | Literal["mirror"]
