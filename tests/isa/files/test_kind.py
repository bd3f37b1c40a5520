"""Which files say that they specify a machine."""

from pathlib import Path

import pytest

from pgcheck.isa.files.kind import says_machine
from pgcheck.shipped import shipped


@pytest.mark.parametrize(
    "text, says",
    [
        ("kind: machine\n", True),
        ('name: x\n"kind" : "machine"  # so it is\n', True),
        ("\ufeffkind: machine\r\n", True),
        (" kind: machine\n", False),
        ("kind: witness\ninclude: [pg74]\n", False),
        ("include: [pg74]\nname: mine\n", True),
        ("include:\n  # what is mine\n  - part.yaml\n  - 'pg74'\nname: mine\n", True),
        ("include:\n- pg74\n", True),
        ("include: [\n  part.yaml,\n  pg74]\nname: mine\n", True),
        ("include: [part.yaml]\n", False),
        ("include: [part.yaml] # pg74\nname: pg74\n", False),
        ("include: [no-such]\n", False),
        ("include: [itself.yaml]\n", False),
        ("include: [pg74]\nbroken: [\n", True),
        ("", False),
    ],
)
def test_a_file_says_so_itself_or_by_what_it_includes(text: str, says: bool, tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("instructions: []\n")
    (tmp_path / "itself.yaml").write_text(text)
    assert says_machine(tmp_path / "itself.yaml", shipped) is says


def test_only_yaml_says_anything(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("kind: machine\n")
    assert not says_machine(tmp_path / "a.txt", shipped)
    assert not says_machine(tmp_path / "none.yaml", shipped)
