"""What a language server knows of the documents of an editor: their readings, diagnostics and verdicts. Knows no protocol."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pgcheck
from pgcheck.editor import verdict
from pgcheck.editor.files import Read, known, read, says_machine
from pgcheck.editor.names import Item, Name, declared, items, names
from pgcheck.isa.files.errors import Problem
from pgcheck.isa.files.loader import Loaded

REST: Final = 0.25
PATIENCE: Final = 4.0
MOST_VERDICTS: Final = 2000
ERRORS: Final = "No verdict while the specification has errors."
UNDERWAY: Final = "Being checked; ask again in a moment."

Show = Callable[[str, tuple[Problem, ...]], None]


class Desk:
    """The open documents by path. `show` is told the problems of a file, none when they are gone."""

    def __init__(self, show: Show, rest: float = REST, patience: float = PATIENCE) -> None:
        self.texts: dict[str, str] = {}
        self.folder = ""
        self._show, self._rest, self._patience = show, rest, patience
        self._reads: dict[str, Read] = {}
        self._named: dict[str, tuple[Loaded, dict[str, Name]]] = {}
        self._refreshing: dict[str, asyncio.Task[None]] = {}
        self._shown: dict[str, set[str]] = {}
        self._verdicts: dict[tuple[str, str], str] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[str]] = {}
        self._reader = ThreadPoolExecutor(1, "read")

    def changed(self, path: str, text: str | None) -> None:
        """A document is open with this text; None: it is closed."""
        if text is None:
            self.texts.pop(path, None)
        else:
            self.texts[path] = text
        for task in self._asking.values():
            task.cancel()
        for root in {*self._reads, *self._refreshing, path}:
            if not self._machine(root):
                self._forget(root)
            elif root == path or root not in self._reads or path in self._reads[root].sources:
                self._again(root)

    def _machine(self, path: str) -> bool:
        return path in self.texts and says_machine(path, self.texts)

    def _again(self, root: str) -> None:
        task = self._refreshing.get(root)
        if task is not None:
            task.cancel()
        self._refreshing[root] = asyncio.ensure_future(self._refresh(root))

    def _forget(self, root: str) -> None:
        task = self._refreshing.pop(root, None)
        if task is not None:
            task.cancel()
        self._reads.pop(root, None)
        for path in self._shown.pop(root, set()):
            self._show(path, self._of_others(root, path))

    async def _refresh(self, root: str) -> None:
        await asyncio.sleep(self._rest)
        texts = dict(self.texts)
        found = await asyncio.get_running_loop().run_in_executor(self._reader, read, root, texts)
        self._reads[root] = found
        if found.loaded is not None:
            self._named[root] = found.loaded, names(found.loaded)
        told = {p.position.path if known(p.position) else root for p in found.problems}
        before, self._shown[root] = self._shown.get(root, set()), told
        for path in {*told, *before, root}:
            self._show(path, (*self._problems(root, path), *self._of_others(root, path)))

    def _problems(self, root: str, path: str) -> Iterator[Problem]:
        for problem in self._reads[root].problems if root in self._reads else ():
            if problem.position.path == path or (path == root and not known(problem.position)):
                yield problem

    def _of_others(self, root: str, path: str) -> tuple[Problem, ...]:
        """What other specifications have to say of a file that they include too."""
        return tuple(p for other in self._reads if other != root for p in self._problems(other, path))

    async def settled(self, path: str) -> str:
        """The specification that a file belongs to, once it is read; "" if there is none."""
        await asyncio.wait(
            [*self._refreshing.values(), asyncio.ensure_future(asyncio.sleep(0))], timeout=self._patience
        )
        return next((root for root, r in self._reads.items() if root == path or path in r.sources), "")

    def loaded(self, root: str) -> tuple[Loaded | None, Mapping[str, Name]]:
        """What a specification declared when it could last be read."""
        return self._named.get(root, (None, {}))

    def named(self, root: str, word: str) -> Name | None:
        return declared(dict(self.loaded(root)[1]), word)

    def item(self, root: str, path: str, line: int) -> Item | None:
        """The instruction whose name, or the start of whose entry, stands on a line (from 1)."""
        loaded = self.loaded(root)[0]
        for item in items(loaded) if loaded is not None else ():
            lines = (item.named.line, item.position.line)
            if item.named.path == path and line in lines:
                return item
        return None

    async def verdict(self, root: str, item: Item) -> str:
        """The verdict in Markdown: known, or asked of a process and waited for a while. Cancelling ends the process."""
        found = self._reads.get(root)
        if found is None or found.machine is None:
            return ERRORS
        key = (found.machine.identity.digest, item.id)
        if key in self._verdicts:
            return self._verdicts[key]
        for other, running in self._asking.items():
            if other != key:
                running.cancel()
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.ensure_future(self._ask(key, root))
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        try:
            done, _ = await asyncio.wait([task], timeout=self._patience)
        except asyncio.CancelledError:
            task.cancel()
            raise
        return UNDERWAY if not done or task.cancelled() else task.result()

    async def _ask(self, key: tuple[str, str], root: str) -> str:
        others = [os.path.relpath(root, self.folder)] if self.folder else []
        question: dict[str, Any] = {"path": root, "texts": self.texts, "instruction": key[1], "others": others}
        packages = str(Path(pgcheck.__file__).parents[1])
        search = os.pathsep.join(filter(None, (packages, os.environ.get("PYTHONPATH", ""))))
        text = await verdict.ask(question, {**os.environ, "PYTHONPATH": search})
        if len(self._verdicts) >= MOST_VERDICTS:
            self._verdicts.clear()
        self._verdicts[key] = text
        return text

    def close(self) -> None:
        """Ends everything that is under way."""
        for task in (*self._refreshing.values(), *self._asking.values()):
            task.cancel()
        self._reader.shutdown(wait=False, cancel_futures=True)
