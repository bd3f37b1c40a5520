"""Shipped specifications are found by name."""

from pgcheck.shipped import folder, names, shipped


def test_every_shipped_name_is_a_file() -> None:
    assert names() and names() == sorted(p.stem for p in folder().glob("*.yaml"))
    assert all(shipped(name) == folder() / f"{name}.yaml" for name in names())


def test_other_words_are_not_shipped() -> None:
    first = names()[0]
    assert shipped(first) is not None
    for word in ("", "nothing", f"../specs/{first}", f"{first}.yaml", f"{first}/", "."):
        assert shipped(word) is None
