"""The rooms of the code, read off its imports: `python docs/rooms.py` draws docs/rooms.svg. Tests hold the code to what is drawn.

A *box* is a folder of a room, or a file that lies in a room itself. An arrow leads from what imports to what is imported, wherever the import
stands: at the top of a module, in a function, under TYPE_CHECKING, or by name in `import_module`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Final

import networkx as nx

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "rooms.svg"
ROOMS: Final = ("isa", "models", "vmm", "checker", "pgcheck")
WIDTH: Final = 112
HEIGHT: Final = 24
GAP: Final = 34
MARGIN: Final = 14
STYLE: Final = (
    "text{font:12px sans-serif;fill:#222}.room{font-weight:bold}rect{fill:#fff;stroke:#667}.band{fill:#eef1f6;stroke:none}"
    "path{fill:none;stroke:#667}.tip{fill:#667;stroke:none}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#23262e;stroke:#99a}.band{fill:#171a20}path{stroke:#99a}.tip{fill:#99a}}"
)
Graph = Mapping[str, frozenset[str]]


def sources(folder: Path) -> Iterator[Path]:
    """Every file of code below a folder; links lead out of it, and pgcheck/ holds one to each other room."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from sources(path)
        elif path.suffix == ".py":
            yield path


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in the code, also for types or in a function, or by its name in a call."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"), args=args
            ):
                yield from (a.value for a in args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def modules(root: Path = ROOT) -> dict[str, Path]:
    """The files of all rooms, by the name under which their modules are imported."""
    found = {}
    for room in ROOMS:
        for path in sources(root / room):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts if room == "pgcheck" else ("pgcheck", *parts))
            found[name.removesuffix(".__init__")] = path
    return found


def imports(files: Mapping[str, Path]) -> Graph:
    """What each module imports of the others. `from package import module` is no import of the package."""
    graph = {}
    for name, path in files.items():
        found = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
        submodules = {n.rpartition(".")[0] for n in found if n in files}
        graph[name] = frozenset(
            (found & files.keys()) - (submodules - {n for n in found if _takes(n, found, files)}) - {name}
        )
    return graph


def _takes(package: str, found: set[str], files: Mapping[str, Path]) -> bool:
    """Whether something of a package itself is imported, and no module of it."""
    return any(n.rpartition(".")[0] == package and n not in files for n in found)


def box(module: str) -> str:
    """The box that a module lies in, as ROOM/NAME; the face's own files are in the room `pgcheck`."""
    parts = module.split(".")
    if len(parts) == 1:
        return "pgcheck/__init__"
    room, rest = (parts[1], parts[2:]) if parts[1] in ROOMS else ("pgcheck", parts[1:])
    return f"{room}/{rest[0]}" if rest else f"{room}/__init__"


def boxes(graph: Graph) -> nx.DiGraph[str]:
    """The boxes and what each imports of others."""
    found: nx.DiGraph[str] = nx.DiGraph()
    found.add_nodes_from(box(name) for name in graph)
    found.add_edges_from((box(a), box(b)) for a, names in graph.items() for b in names if box(a) != box(b))
    return found


def circles(graph: Graph | nx.DiGraph[str]) -> list[list[str]]:
    """The sets of modules or boxes that import each other, each in order."""
    whole = nx.DiGraph({a: list(names) for a, names in graph.items()}) if isinstance(graph, dict) else graph
    return sorted(sorted(c) for c in nx.strongly_connected_components(whole) if len(c) > 1)


def picture(graph: Graph) -> str:
    """The rooms from bottom to top, in each its boxes from what imports nothing of it, left, and the arrows not implied by others."""
    whole = boxes(graph)
    whole.remove_nodes_from([n for n in whole if n.endswith("__")])
    body, top, width = [], MARGIN, 0
    for room in reversed(ROOMS):
        inside = nx.transitive_reduction(whole.subgraph([n for n in whole if n.startswith(room + "/")]))
        places = _places(inside)
        rows = 1 + max(row for _, row in places.values())
        right = 1 + max(column for column, _ in places.values())
        height = rows * (HEIGHT + 8) + 34
        body.append(
            f'<rect class="band" x="{MARGIN}" y="{top}" width="{right * (WIDTH + GAP) + GAP // 2}" height="{height}"/>'
        )
        body.append(f'<text class="room" x="{MARGIN + 8}" y="{top + 18}">{room}/</text>')
        corners = {
            name: (MARGIN + 16 + column * (WIDTH + GAP), top + 28 + row * (HEIGHT + 8))
            for name, (column, row) in places.items()
        }
        body += [_arrow(corners[a], corners[b]) for a, b in sorted(inside.edges)]
        body += [_drawn(name.partition("/")[2], *corners[name]) for name in sorted(corners)]
        top, width = top + height + MARGIN, max(width, right * (WIDTH + GAP) + GAP // 2 + 2 * MARGIN)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" role="img" aria-label="The rooms of the code">'
    tip = '<defs><marker id="t" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    tip += '<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
    return "\n".join([head, f"<style>{STYLE}</style>", tip, *body, "</svg>"]) + "\n"


def _places(inside: nx.DiGraph[str]) -> dict[str, tuple[int, int]]:
    """Column and row of every box: what it imports stands in columns further left."""
    columns: dict[str, int] = {}
    for name in reversed(list(nx.lexicographical_topological_sort(inside))):
        columns[name] = 1 + max((columns[n] for n in inside.successors(name)), default=-1)
    rows: dict[int, int] = {}
    places = {}
    for name in sorted(columns):
        row = rows.get(columns[name], 0)
        places[name], rows[columns[name]] = (columns[name], row), row + 1
    return places


def _drawn(name: str, x: int, y: int) -> str:
    frame = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="3"/>'
    return f'{frame}<text x="{x + 7}" y="{y + 16}">{escape(name)}</text>'


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x, y), (right, low) = start, (end[0] + WIDTH, end[1])
    y, low = y + HEIGHT // 2, low + HEIGHT // 2
    bend = GAP // 2
    return f'<path d="M{x} {y}C{x - bend} {y} {right + bend} {low} {right + 1} {low}" marker-end="url(#t)"/>'


if __name__ == "__main__":
    PICTURE.write_text(picture(imports(modules())), encoding="utf-8")
