"""Batches of small machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgcheck.checker.campaign.batches.share import Share
from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import policy
from tests.checker.results import Checked
from tests.specifications import machine_of

Shares = Callable[[str], Share]


@pytest.fixture(scope="module")
def shares(checked: Checked, evidence: Evidence) -> Shares:
    """The batches of a specification under the policy that its check promises, or that is forced."""
    pytest.importorskip("llvmlite")
    known: dict[str, Share] = {}

    def get(name: str) -> Share:
        if name not in known:
            machine = machine_of(name)
            known[name] = Share(Author(machine, policy(machine, checked(name).main, evidence, force=True)))
        return known[name]

    return get
