"""The language server, asked by a real client over its pipes."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pgcheck.editor import completion
from pgcheck.editor.completion import Place
from pgcheck.editor.files import read, says_machine
from pgcheck.editor.names import word
from pgcheck.reports.rulebook import BY_NAME
from tests.pgcheck.conftest import Pgcheck
from tests.specifications import ROOT

pytest.importorskip("pygls", reason="pygls is not installed (extra `lsp`)")
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from pgcheck.editor.server import Server

HOLE = BY_NAME["hole"].example
SECONDS = 60.0


class Editor:
    """A client with one server of its own; `shown` are the latest diagnostics by address."""

    def __init__(self) -> None:
        self.client: Any = LanguageClient("editor", "1")
        self.shown: dict[str, list[types.Diagnostic]] = {}
        self.published = asyncio.Condition()
        self.version = 0

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
        async def published(params: types.PublishDiagnosticsParams) -> None:
            async with self.published:
                self.shown[params.uri] = list(params.diagnostics)
                self.published.notify_all()

    async def open(self, path: Path, text: str) -> str:
        uri = path.as_uri()
        document = types.TextDocumentItem(uri, "yaml", self.version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(document))
        return uri

    def change(self, uri: str, text: str) -> None:
        self.version += 1
        whole = types.TextDocumentContentChangeWholeDocument(text)
        document = types.VersionedTextDocumentIdentifier(self.version, uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))

    async def problems(self, uri: str, wanted: Callable[[list[types.Diagnostic]], bool]) -> list[types.Diagnostic]:
        async with self.published:
            await asyncio.wait_for(
                self.published.wait_for(lambda: uri in self.shown and wanted(self.shown[uri])), SECONDS
            )
            return self.shown[uri]

    async def hover(self, uri: str, line: int, column: int = 12) -> str:
        params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, column))
        found = await asyncio.wait_for(self.client.text_document_hover_async(params), SECONDS)
        return "" if found is None else str(found.contents.value)

    async def verdict(self, uri: str, line: int) -> str:
        """Hovers until the answer is there."""
        while "Being checked" in (text := await self.hover(uri, line)):
            await asyncio.sleep(0.2)
        return text

    async def definition(self, uri: str, line: int, column: int) -> tuple[str, int, int] | None:
        params = types.DefinitionParams(types.TextDocumentIdentifier(uri), types.Position(line, column))
        found = await asyncio.wait_for(self.client.text_document_definition_async(params), SECONDS)
        if found is None:
            return None
        assert isinstance(found, types.Location)
        return found.uri, found.range.start.line, found.range.start.character

    async def complete(self, uri: str, line: int, column: int) -> dict[str, types.CompletionItem]:
        params = types.CompletionParams(types.TextDocumentIdentifier(uri), types.Position(line, column))
        found = await asyncio.wait_for(self.client.text_document_completion_async(params), SECONDS)
        assert isinstance(found, list)
        return {item.label: item for item in found}


@contextlib.asynccontextmanager
async def editing(folder: Path, cache: Path) -> AsyncIterator[Editor]:
    editor = Editor()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PGCHECK_CACHE": str(cache)}
    await editor.client.start_io(sys.executable, "-m", "pgcheck", "lsp", env=environment, cwd=folder)
    capabilities = types.ClientCapabilities()
    await asyncio.wait_for(
        editor.client.initialize_async(types.InitializeParams(capabilities, root_uri=folder.as_uri())), SECONDS
    )
    editor.client.initialized(types.InitializedParams())
    try:
        yield editor
        await asyncio.wait_for(editor.client.shutdown_async(None), SECONDS)
    finally:
        editor.client.exit(None)
        await asyncio.wait_for(editor.client.stop(), SECONDS)


Story = Callable[[Callable[[Editor], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Plays what an editor does."""

    def play(act: Callable[[Editor], Coroutine[Any, Any, None]]) -> None:
        async def session() -> None:
            async with editing(tmp_path, tmp_path / "cache") as editor:
                await act(editor)

        asyncio.run(session())

    yield play


def row(text: str, part: str, column: int = 0) -> tuple[int, int]:
    """Line and column (from 0) of the first occurrence of a part, moved to the right."""
    before = text[: text.index(part)]
    return before.count("\n"), len(before) - (before.rfind("\n") + 1) + column


# ---- diagnostics


def test_errors_show_as_one_types_and_go_when_they_are_mended(story: Story, tmp_path: Path) -> None:
    async def act(editor: Editor) -> None:
        uri = await editor.open(tmp_path / "a.yaml", HOLE.broken)
        assert await editor.problems(uri, lambda d: True) == []
        wrong = HOLE.broken.replace("IE = 1'b0;", "IF = 1'b0;")
        editor.change(uri, wrong)
        (problem,) = await editor.problems(uri, bool)
        line, column = row(wrong, "IF = 1")
        assert (problem.range.start.line, problem.range.start.character) == (line, column)
        assert problem.range.end.character == column + 2 and problem.severity == types.DiagnosticSeverity.Error
        assert problem.message == "no 'IF' here" and problem.source == "pgcheck"
        editor.change(uri, HOLE.broken)
        assert await editor.problems(uri, lambda d: not d) == []
        document = types.TextDocumentIdentifier(uri)
        editor.change(uri, wrong)
        await editor.problems(uri, bool)
        editor.client.text_document_did_close(types.DidCloseTextDocumentParams(document))
        await editor.problems(uri, lambda d: not d)

    story(act)


def test_columns_are_counted_as_the_client_counts(story: Story, tmp_path: Path) -> None:
    wrong = HOLE.broken.replace("title: A processor of one register", 'title: "𝔸𝔸𝔸" x')

    async def act(editor: Editor) -> None:
        uri = await editor.open(tmp_path / "a.yaml", wrong)
        problem = (await editor.problems(uri, bool))[0]
        line, column = row(wrong, " x\ntypes")
        assert problem.range.start.line == line and problem.range.start.character == column + 1 + 3

    story(act)


@pytest.mark.parametrize(("encoding", "wide"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1), (None, 2)])
def test_a_column_has_the_units_of_the_clients_encoding(encoding: str | None, wide: int) -> None:
    """A client that names none counts UTF-16 (Language Server Protocol 3.17, Position)."""
    server: Any = SimpleNamespace(workspace=SimpleNamespace(position_encoding=encoding))
    server.units = partial(Server.units, server)
    assert [server.units(text) for text in ("", "ab", "a\U00010400b")] == [0, 2, 2 + wide]
    assert [Server.column(server, "a\U00010400b", place) for place in (0, 1, 1 + wide, 99)] == [0, 1, 2, 3]


def test_errors_in_an_included_file_show_there(story: Story, tmp_path: Path) -> None:
    head, _, instructions = HOLE.broken.partition("instructions:\n")
    (tmp_path / "part.yaml").write_text("instructions:\n" + instructions)

    async def act(editor: Editor) -> None:
        whole = await editor.open(tmp_path / "a.yaml", "include: [part.yaml]\n" + head)
        assert await editor.problems(whole, lambda d: True) == []
        part = await editor.open(tmp_path / "part.yaml", "instructions:\n" + instructions.replace("IE", "IX"))
        assert len(await editor.problems(part, bool)) == 1 and editor.shown[whole] == []
        assert await editor.definition(part, *row("instructions:\n" + instructions, "IE", 1)) is None
        editor.change(part, "instructions:\n" + instructions)
        await editor.problems(part, lambda d: not d)
        found = await editor.definition(part, *row("instructions:\n" + instructions, "IE", 1))
        assert found == (whole, *row("include: [part.yaml]\n" + head, "IE: {type"))

    story(act)


# ---- hover, definition, completion


def test_hover_tells_the_verdict_and_what_a_name_is(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"

    async def act(editor: Editor) -> None:
        uri = await editor.open(path, HOLE.broken)
        line, _ = row(HOLE.broken, "- name: cli")
        told = await editor.verdict(uri, line)
        assert (
            told.startswith("**cli**") and "**hole**" in told and "without a trap" in told and "checked alone" in told
        )
        assert await editor.verdict(uri, line) == told
        editor.change(uri, HOLE.mended)
        assert "**privileged**" in await editor.verdict(uri, line)
        assert "role: interrupt" in await editor.hover(uri, *row(HOLE.mended, "IE = 1", 1))
        assert "enters the supervisor" in await editor.hover(uri, *row(HOLE.mended, "trap(Cause::Priv", 1))
        assert await editor.hover(uri, *row(HOLE.mended, "spec_version", 1)) == ""
        editor.change(uri, HOLE.mended + "  - nonsense\n")
        assert "has errors" in await editor.hover(uri, line)

    story(act)


def test_hover_takes_the_verdict_of_a_kept_result(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pgcheck: Pgcheck
) -> None:
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(HOLE.broken)
    assert pgcheck("a.yaml").code == 1

    async def act(editor: Editor) -> None:
        uri = await editor.open(tmp_path / "a.yaml", HOLE.broken)
        told = await editor.verdict(uri, row(HOLE.broken, "- name: cli")[0])
        assert "**hole**" in told and "checked alone" not in told

    story(act)


def test_a_cancelled_hover_is_answered_and_ends_its_process(story: Story, tmp_path: Path) -> None:
    async def act(editor: Editor) -> None:
        uri = await editor.open(tmp_path / "a.yaml", HOLE.broken)
        await editor.problems(uri, lambda d: True)
        line, column = row(HOLE.broken, "cli\n")
        params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, column))
        protocol = editor.client.protocol
        asked = asyncio.ensure_future(protocol.send_request_async(types.TEXT_DOCUMENT_HOVER, params, msg_id="hover"))
        await asyncio.sleep(0.3)
        children = processes(tmp_path)
        asked.cancel()
        editor.client.cancel_request(types.CancelParams("hover"))
        editor.change(uri, HOLE.mended)
        for _ in range(100):
            if not processes(tmp_path) & children:
                break
            await asyncio.sleep(0.1)
        assert children and not processes(tmp_path) & children
        assert "**privileged**" in await editor.verdict(uri, line)

    story(act)


def processes(folder: Path) -> set[int]:
    """The processes that ask for verdicts with this cache."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and b"pgcheck.editor.verdict" in (entry / "cmdline").read_bytes():
                if os.fsencode(folder) in (entry / "environ").read_bytes():
                    found.add(int(entry.name))
    return found


def test_go_to_definition_finds_functions_state_and_types(story: Story, tmp_path: Path) -> None:
    text = HOLE.mended

    async def act(editor: Editor) -> None:
        uri = await editor.open(tmp_path / "a.yaml", text)
        await editor.problems(uri, lambda d: True)
        for use, declaration in (
            ("trap(Cause::Pri", "trap {"),
            ("IE = 1", "IE: {"),
            ("Cause::Pri", "Cause {"),
            ("fetch, undefined", "fetch {"),
        ):
            assert await editor.definition(uri, *row(text, use, 1)) == (uri, *row(text, declaration))
        assert await editor.definition(uri, *row(text, "A processor")) == (uri, *row(text, "A: {"))
        assert await editor.definition(uri, *row(text, "processor", 3)) is None

    story(act)


def test_completion_offers_names_roles_and_keys(story: Story, tmp_path: Path) -> None:
    text = HOLE.mended + "  - name: x\n    \n"

    async def act(editor: Editor) -> None:
        uri = await editor.open(tmp_path / "a.yaml", HOLE.mended)
        await editor.problems(uri, lambda d: True)
        editor.change(uri, text)
        names = await editor.complete(uri, *row(text, "IE = 1", 1))
        assert {"IE", "PC", "trap", "Cause"} <= names.keys() and "role" not in names
        edit = names["IE"].text_edit
        assert isinstance(edit, types.TextEdit) and edit.range.end.character - edit.range.start.character == 1
        roles = await editor.complete(uri, *row(text, "role: interrupt", len("role: int")))
        assert {"interrupt", "translation_cache"} <= roles.keys() and "IE" not in roles
        keys = await editor.complete(uri, text.count("\n") - 1, 4)
        assert {"encoding", "operation()", "access"} <= keys.keys() and keys["access"].detail
        assert {"spec_version", "translate"} <= (await editor.complete(uri, *row(text, "kind: machine"))).keys()

    story(act)


# ---- hostile documents and clients


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind: machine",
        "kind: machine\n" + "[" * 5000,
        "kind: machine\na: " + "{a: " * 3000,
        "kind: machine\n\0\x1b\ud800",
        "kind: machine\n" + "- " * 40000,
        "kind: machine\na: &a [*a]\n",
        "kind: machine\ninclude: [a.yaml, /etc/passwd, ../a.yaml]\n",
        HOLE.broken.replace("IE = 1'b0;", "(" * 20000),
        HOLE.broken.replace("{type: Bits<8>, size: 256", "{type: Bits<8>, size: 1 << 4000"),
    ],
    ids=range(10),
)
def test_hostile_texts_are_problems(text: str, tmp_path: Path) -> None:
    found = read(str(tmp_path / "a.yaml"), {str(tmp_path / "a.yaml"): text})
    assert found.machine is None and found.problems
    assert all(isinstance(p.message, str) and "internal error" not in p.message for p in found.problems)


def test_hostile_requests_are_survived(story: Story, tmp_path: Path) -> None:
    async def act(editor: Editor) -> None:
        uri = await editor.open(tmp_path / "a.yaml", "kind: machine\n" + "[" * 5000)
        assert await editor.problems(uri, bool)
        for line, column in ((0, 0), (99999, 99999), (1, 2**31 - 1)):
            assert await editor.hover(uri, line, column) == ""
            assert await editor.definition(uri, line, column) is None
            await editor.complete(uri, line, column)
        assert (
            await editor.hover("untitled:Untitled-1", 0) == "" and await editor.hover("file:///no/such/file", 0) == ""
        )
        span = types.Range(types.Position(500, 0), types.Position(2, 7))
        change = types.TextDocumentContentChangePartial(span, "\ud800 kind: [")
        document = types.VersionedTextDocumentIdentifier(77, uri)
        with contextlib.suppress(UnicodeEncodeError):
            editor.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        editor.change(uri, HOLE.mended)
        assert await editor.problems(uri, lambda d: not d) == []

    story(act)


def test_without_pygls_the_message_says_what_to_install(pgcheck: Pgcheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused = pgcheck("lsp")
    assert refused.code == 2 and "pip install 'pgcheck[lsp]'" in refused.err


# ---- without a server


@pytest.mark.parametrize(
    "text, path, is_key",
    [
        ("|", (), True),
        ("spec|", (), True),
        ("kind: |", ("kind",), False),
        ("state:\n  |", ("state",), True),
        ("state:\n  A: {type: B, |", ("state", "A"), True),
        ("state:\n  A: {ro|", ("state", "A"), True),
        ("state:\n  A: {type: B, role: ge|", ("state", "A", "role"), False),
        ("state:\n  A:\n    role: |", ("state", "A", "role"), False),
        ("state:\n  A: {fields: {I: |", ("state", "A", "fields", "I"), False),
        ("state:\n  A: {hardwired: {0: 0}, |", ("state", "A"), True),
        ("instructions:\n  - na|", ("instructions", "[]"), True),
        ("instructions:\n  - name: x\n    enc|", ("instructions", "[]"), True),
        ("instructions:\n- name: x\n  encoding: {|", ("instructions", "[]", "encoding"), True),
        (
            "instructions:\n  - name: x\n    encoding:\n      match: |",
            ("instructions", "[]", "encoding", "match"),
            False,
        ),
        ("instructions:\n  - name: x\n    operation(): |\n      IE = |", ("instructions", "[]", "operation()"), False),
        ("a:\n  b: 1\nmemory: {endian: |", ("memory", "endian"), False),
        ("legal: [|", ("legal", "[]"), False),
    ],
)
def test_where_a_cursor_is(text: str, path: tuple[str, ...], is_key: bool) -> None:
    before = text[: text.rindex("|")]
    lines = text.replace("|", "", 1).split("\n") if "operation()" not in text else text.split("\n")
    row_, column = before.count("\n"), len(before) - (before.rfind("\n") + 1)
    assert completion.place(lines, row_, column) == Place(path, is_key)


def test_the_schema_says_what_may_stand_where() -> None:
    assert "general" in completion.words(("state", "A", "role")) and completion.words(("state", "A", "type")) == []
    assert "mode" in completion.words(("state", "A", "fields", "F"))
    assert {"little", "big"} <= set(completion.words(("memory", "endian")))
    assert "match" in completion.keys(("instructions", "[]", "encoding"))
    assert completion.keys(("no", "such", "key")) == {} and completion.words(("[]",)) == []


@pytest.mark.parametrize(
    "line, column, found",
    [
        ("a = EFLAGS.IF + 1", 5, "EFLAGS"),
        ("a = EFLAGS.IF + 1", 12, "EFLAGS.IF"),
        ("f?(x)", 0, "f?"),
        ("1 + 2", 2, ""),
        ("", 0, ""),
    ],
)
def test_which_word_is_meant(line: str, column: int, found: str) -> None:
    assert word(line, column) == found


@pytest.mark.parametrize(
    "text, ours",
    [("kind: machine", True), ('a: 1\n"kind": "machine" # x', True), (" kind: machine", False), ("kind: x", False)],
)
def test_which_documents_are_checked(text: str, ours: bool) -> None:
    assert says_machine("/mine.yaml", {"/mine.yaml": text}) is ours
