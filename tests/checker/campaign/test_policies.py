"""A policy that is written down is the policy that is read back."""

from __future__ import annotations

import json

import pytest

from pgcheck import shipped
from pgcheck.checker.campaign import finding
from pgcheck.checker.campaign.pairs.outcome import Failure
from pgcheck.checker.campaign.policies import policy_from, policy_values
from pgcheck.isa.terms import TRUE
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.policy import Policy
from tests.specifications import machine_of
from tests.vmm.lockstep import policy_of


def test_every_policy_of_every_shipped_machine_is_read_back_as_it_was() -> None:
    seen: list[Policy] = []
    for name in shipped.names():
        machine = machine_of(name)
        for deployment in machine.deployments:
            for kind in kinds():
                policy = policy_of(name, deployment.name, kind)
                written = json.dumps(policy_values(policy))
                assert policy_from(machine, json.loads(written)) == policy, f"{name} {deployment.name} {kind}"
                seen.append(policy)
    assert len(seen) > 2 * len(shipped.names()) and len({json.dumps(policy_values(p)) for p in seen}) == len(seen)


@pytest.mark.parametrize("kind", kinds())
def test_a_machine_whose_guests_are_not_everything_keeps_its_kind_of_monitor(kind: str) -> None:
    """That more than the kind restricts what runs directly once made every such policy a hybrid one."""
    policy = policy_of("riscv64", "s_in_u", kind)
    assert policy.kind is kinds()[kind] and policy.direct is not TRUE
    again = policy_from(machine_of("riscv64"), policy_values(policy))
    assert again.kind is policy.kind and again.direct is policy.direct


@pytest.mark.parametrize("kind", kinds())
def test_a_finding_has_the_policy_that_it_was_found_under(kind: str) -> None:
    machine, policy = machine_of("riscv64"), policy_of("riscv64", "s_in_u", kind)
    failure = Failure("EQ2", 0, "", (), "X", "")
    text = finding.finding_text(machine, policy, finding.Finding(failure, [], b"", "0", 0), "1")
    assert policy_from(machine, finding.read(text)["policy"]) == policy


def test_a_policy_of_another_machine_is_refused() -> None:
    values = policy_values(policy_of("pg74"))
    for wrong in ({"kind": "type3"}, {"deployment": "s_in_u"}, {"fixed": {"satp": 0}}, {"responses": {"t": None}}):
        with pytest.raises((KeyError, ValueError)):
            policy_from(machine_of("pg74"), {**values, **wrong})


WRONG = {
    "another kind": ({"kind": "nokind"}, "no kind of monitor 'nokind'; there are type1, hybrid"),
    "a kind that is no text": ({"kind": ["type1"]}, "no kind of monitor"),
    "traps in one text": ({"traps": "x"}, "'traps' of a policy is a list of names"),
    "names by names": ({"intercept": {}}, "'intercept' of a policy is a list of names"),
    "mirrored numbers": ({"mirrored": [1]}, "'mirrored' of a policy is a list of names"),
    "a list of values": ({"real": []}, "'real' of a policy gives values to names"),
    "a text for a number": ({"fixed": {"M": "1"}}, "'fixed' of a policy gives whole numbers to names"),
    "a leaf that is none": ({"real": {"NOPE": 1}}, "no state 'NOPE'"),
    "a table that is none": ({"responses": {"nope": None}}, "no table 'nope'"),
    "a deployment that is none": ({"deployment": "nope"}, "no deployment 'nope'"),
}


@pytest.mark.parametrize("change, said", WRONG.values(), ids=WRONG)
def test_a_policy_that_is_none_is_refused_with_the_reason(change: dict[str, object], said: str) -> None:
    written = policy_values(policy_of("pg74", "default", "type1"))
    assert policy_from(machine_of("pg74"), written) == policy_of("pg74", "default", "type1")
    with pytest.raises(ValueError, match=said):
        policy_from(machine_of("pg74"), {**written, **change})
