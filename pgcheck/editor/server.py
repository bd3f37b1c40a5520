"""The language server: the protocol's words for what `lsp_desk` knows."""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import Any, BinaryIO, Final, cast

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from pgcheck import __version__
from pgcheck.console import LONGEST, Failure
from pgcheck.editor import completion
from pgcheck.editor.desk import Desk
from pgcheck.editor.names import Name, word
from pgcheck.isa.files import door
from pgcheck.isa.files.errors import Position, Problem

MOST_PROBLEMS: Final = 200
_END: Final = re.compile(r"[\w.$]+|\S?")
_PREFIX: Final = re.compile(r"[\w.$]*$")
KINDS: Final = {
    "state": types.CompletionItemKind.Variable,
    "register": types.CompletionItemKind.Variable,
    "function": types.CompletionItemKind.Function,
    "parameter": types.CompletionItemKind.Constant,
    "enum": types.CompletionItemKind.Enum,
    "bitfield": types.CompletionItemKind.Struct,
    "struct": types.CompletionItemKind.Struct,
}


class Server(LanguageServer):
    """The protocol's side of a desk."""

    def __init__(self) -> None:
        super().__init__("pgcheck", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.desk = Desk(self.show)
        self.uris: dict[str, str] = {}

    def path(self, uri: str) -> str:
        """The path of a document; one that is no file goes by its address."""
        path = (uris.to_fs_path(uri) if uri.startswith("file:") else None) or uri
        self.uris.setdefault(path, uri)
        return path

    def uri(self, path: str) -> str:
        return self.uris.get(path) or uris.from_fs_path(path) or path

    def show(self, path: str, problems: tuple[Problem, ...]) -> None:
        lines = self.lines(path)
        shown = [self.diagnostic(problem, lines) for problem in problems[:MOST_PROBLEMS]]
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(self.uri(path), shown))

    def diagnostic(self, problem: Problem, lines: list[str]) -> types.Diagnostic:
        details = (("found", problem.found), ("expected", problem.expected), ("hint", problem.hint))
        message = "\n".join([problem.message, *(f"{name}: {text}" for name, text in details if text)])
        return types.Diagnostic(
            self.range(problem.position, lines), message[:4000], types.DiagnosticSeverity.Error, source="pgcheck"
        )

    def lines(self, path: str) -> list[str]:
        """The lines of a document, or of the file where it is not open."""
        text = self.desk.texts.get(path)
        if text is None:
            try:
                text = door.content(path).decode("utf-8", "replace")
            except OSError:
                return []
        return text.replace("\r\n", "\n").split("\n")

    def units(self, line: str) -> int:
        """How many columns a text takes in the client's counting."""
        match str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding)):
            case "utf-8":
                return len(line.encode("utf-8", "replace"))
            case "utf-32":
                return len(line)
            case _:
                return len(line.encode("utf-16-le", "surrogatepass")) // 2

    def column(self, line: str, character: int) -> int:
        """The client's column as a number of characters, within the line."""
        count = 0
        for place, one in enumerate(line):
            if count >= character:
                return place
            count += self.units(one)
        return len(line)

    def range(self, position: Position, lines: list[str]) -> types.Range:
        """The word at a position; on no line there is only its start."""
        row = min(max(position.line - 1, 0), max(len(lines) - 1, 0))
        line = lines[row] if lines else ""
        start = min(max(position.column - 1, 0), len(line))
        match = _END.match(line, start)
        end = match.end() if match is not None else start
        first, last = self.units(line[:start]), self.units(line[:end])
        return types.Range(types.Position(row, first), types.Position(row, last))

    def place(self, uri: str, position: types.Position) -> tuple[str, list[str], int, int]:
        """Path, lines, row and column of a request; row and column are within the document."""
        path = self.path(uri)
        lines = self.lines(path) or [""]
        row = min(max(position.line, 0), len(lines) - 1)
        return path, lines, row, self.column(lines[row], position.character)


def _described(name: Name) -> str:
    about = name.about.replace("`", "'")
    return f"`{name.name}` ({name.kind})" + (f"\n\n`{about}`" if about else "")


def _changed(server: Server, uri: str, *, open_: bool = True) -> None:
    path = server.path(uri)
    server.desk.folder = server.workspace.root_path or ""
    if not open_:
        server.desk.changed(path, None)
        server.uris.pop(path, None)
        return
    server.uris[path] = uri
    server.desk.changed(path, server.workspace.get_text_document(uri).source)


async def _hover(server: Server, params: types.HoverParams) -> types.Hover | None:
    """What is said of the word at a place: an instruction's verdict, or what a name is."""
    path, lines, row, column = server.place(params.text_document.uri, params.position)
    root = await server.desk.settled(path)
    if not root:
        return None
    item = server.desk.item(root, path, row + 1)
    if item is not None:
        text = await server.desk.verdict(root, item)
    else:
        name = server.desk.named(root, word(lines[row], column))
        if name is None:
            return None
        text = _described(name)
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text))


async def _definition(server: Server, params: types.DefinitionParams) -> types.Location | None:
    """Where the name at a place is declared."""
    path, lines, row, column = server.place(params.text_document.uri, params.position)
    root = await server.desk.settled(path)
    name = server.desk.named(root, word(lines[row], column)) if root else None
    if name is None:
        return None
    return types.Location(server.uri(name.position.path), server.range(name.position, server.lines(name.position.path)))


async def _completions(server: Server, params: types.CompletionParams) -> list[types.CompletionItem]:
    """The keys, words or names that may stand at a place."""
    path, lines, row, column = server.place(params.text_document.uri, params.position)
    place = completion.place(lines, row, column)
    root = await server.desk.settled(path)
    found: list[tuple[str, types.CompletionItemKind, str]] = []
    if place.is_key:
        keys = completion.keys(place.path)
        found = [(key, types.CompletionItemKind.Property, about) for key, about in keys.items()]
    else:
        found = [(w, types.CompletionItemKind.EnumMember, "") for w in completion.words(place.path)]
    if not found:
        names = server.desk.loaded(root)[1].values()
        found = [(n.name, KINDS.get(n.kind, types.CompletionItemKind.Text), n.about) for n in names]
    prefix = _PREFIX.search(lines[row][:column])
    start = server.units(lines[row][: prefix.start() if prefix is not None else column])
    end = server.units(lines[row][:column])
    replaced = types.Range(types.Position(row, start), types.Position(row, end))
    return [
        types.CompletionItem(
            text, kind=kind, detail=about or None, filter_text=text, text_edit=types.TextEdit(replaced, text)
        )
        for text, kind, about in found
    ]


class _OneLine(logging.Formatter):
    """A log in which a message that nobody understands is one line."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        said = record.getMessage().partition("\n")[0]
        said += f": {type(error).__name__}: {error}" if error is not None else ""
        return " ".join(said.split())[:300]


class _Bounded(io.BufferedIOBase):
    """Standard input, of which no message is longer than `LONGEST` bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def readline(self, size: int | None = -1, /) -> bytes:
        line = self.stream.readline(LONGEST + 1)
        if len(line) > LONGEST:
            raise Failure(f"the editor sends a line of more than {LONGEST} bytes, which is no message")
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= LONGEST:
            raise Failure(f"the editor announces a message of {size} bytes; one has at most {LONGEST}")
        return self.stream.read(size)


def made() -> Server:
    """A server with all that it can do."""
    server = Server()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        _changed(server, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def edited(params: types.DidChangeTextDocumentParams) -> None:
        _changed(server, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        _changed(server, params.text_document.uri, open_=False)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        return await _hover(server, params)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> types.Location | None:
        return await _definition(server, params)

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions([":", "{", " ", "."]))
    async def completed(params: types.CompletionParams) -> list[types.CompletionItem]:
        return await _completions(server, params)

    @server.feature(types.SHUTDOWN)
    async def ended(*_: Any) -> None:
        server.desk.close()

    return server


def serve() -> None:
    """Serves standard input and output until the editor ends it. Raises Failure for what no editor sends."""
    log = logging.StreamHandler()
    log.setFormatter(_OneLine())
    logging.basicConfig(handlers=[log], level=logging.WARNING)
    made().start_io(stdin=cast(BinaryIO, _Bounded(sys.stdin.buffer)))
