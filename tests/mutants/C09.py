"""Specifications are read with a plain YAML loader."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.isa.files.tree:compose",
    edits=(
        (
            "    return _Composer(text, path, problems).compose()",
            "    def tree(node: Any) -> Node:\n"
            "        if isinstance(node, dict):\n"
            "            return Mapping(at, {Text(str(k), at, ()): tree(v) for k, v in node.items()})\n"
            "        if isinstance(node, list):\n"
            "            return Sequence(at, [tree(v) for v in node])\n"
            "        return Text(str(node), at, ())\n"
            "\n"
            "    at = Position(path, 1, 1)\n"
            "    found = tree(yaml.safe_load(text))\n"
            "    return found if isinstance(found, Mapping) else None",
        ),
    ),
    by=("CK2 strict files",),
    how=(
        "Of two equal keys the last wins, 017 is 15, on is True, and aliases are followed: the machine that "
        "is checked is not the one that the file describes."
    ),
)
