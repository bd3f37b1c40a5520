"""The options of checks, each once: the command line, `[tool.pgcheck]` and the pytest plugin are made from this table.

It imports nothing that takes time, for `pgcheck --help` reads it; so nothing here is a dataclass: making one takes a millisecond.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

from pgcheck.isa.rows import modules

Required = Literal["theorem1", "theorem3", "monitor"]
REQUIRED: Final[tuple[Required, ...]] = get_args(Required)
Engine = Literal["auto", "native", "generated", "plain"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)
TRAP_CHANGES: Final = (
    "lost-trap", "new-trap", "other-cause", "other-priority", "other-delivery", "other-end", "traps-not-compared",
    "lost-knob",
)  # fmt: skip
FAIL_ON: Final = ("regression", "hole", "class", "traps", *TRAP_CHANGES, "any", "never")
WAIVERS_FILE: Final = "pgcheck-waivers.yaml"


# ---- what the value of an option may be


class Choice:
    """One of some words, the first by default."""

    __match_args__ = ("words",)

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    @property
    def expected(self) -> str:
        return ", ".join(self.words[:-1]) + f" or {self.words[-1]}"

    def fits(self, value: object) -> bool:
        return isinstance(value, str) and value in self.words


class Number:
    """A number from 1 to `most`."""

    __match_args__ = ("most",)

    def __init__(self, most: int) -> None:
        self.most = most

    @property
    def expected(self) -> str:
        return f"a number from 1 to {self.most}"

    def fits(self, value: object) -> bool:
        return type(value) is int and 1 <= value <= self.most


class Switch:
    """True or false; `denies`: the command line's flag says no."""

    expected = "true or false"

    def __init__(self, *, denies: bool = False) -> None:
        self.denies = denies

    def fits(self, value: object) -> bool:
        return isinstance(value, bool)


class Texts:
    """Any number of texts; `expected` is what they are."""

    def __init__(self, expected: str) -> None:
        self.expected = expected

    def fits(self, value: object) -> bool:
        return isinstance(value, list) and all(isinstance(word, str) and word for word in value)


class Place:
    """A file or folder; a project may also say `false`."""

    expected = "a file, or false"

    def fits(self, value: object) -> bool:
        return value is False or (isinstance(value, str) and bool(value))


class Word:
    """A text, empty by default."""

    expected = "a text"

    def fits(self, value: object) -> bool:
        return isinstance(value, str)


Values = Choice | Number | Switch | Texts | Place | Word


class Option(NamedTuple):
    """An option: the parameter that it sets, how the command line writes it, what its values are.

    `key` is its name in `[tool.pgcheck]`, "" where a project cannot set it; `everywhere`: it presets commands other than `check` too.
    An option without `flags` is the command's argument.
    """

    parameter: str
    flags: tuple[str, ...]
    values: Values
    help: str = ""
    metavar: str | None = None
    key: str = ""
    everywhere: bool = False

    @property
    def denies(self) -> bool:
        """Whether the command line says the opposite of the key."""
        return isinstance(self.values, Switch) and self.values.denies


# ---- the options


def _formats() -> tuple[str, ...]:
    """The names of the formats, the default first."""
    default = "text"
    return default, *(name for name in modules("pgcheck.reports.formats") if name != default)


def said(words: tuple[str, ...]) -> str:
    """The words of a choice for a line of help."""
    return Choice((f"{words[0]} (default)", *words[1:])).expected


FORMATS: Final = _formats()
SPECS: Final = Option(
    parameter="specifications", flags=(), values=Texts("a list of files, folders and patterns"), key="specs"
)
FORMAT: Final = Option(
    parameter="format_",
    flags=("--format",),
    values=Choice(FORMATS),
    metavar="NAME",
    help=f"What standard output is: {said(FORMATS)}.",
    key="format",
)
OUTPUT: Final = Option(
    parameter="outputs",
    flags=("--output",),
    values=Texts('a list of "FORMAT=FILE"'),
    metavar="FORMAT=FILE",
    help="Write a file besides; github needs none.",
    key="output",
)
SARIF_WAIVED: Final = Option(
    parameter="sarif_waived",
    flags=("--sarif-waived",),
    values=Choice(("keep", "omit")),
    help="Waived results in SARIF.",
    key="sarif-waived",
)
PRESENT: Final = Option(
    parameter="present", flags=("--present",), values=Switch(), help="Make the HTML page one of slides, for a screen."
)
PLAN: Final = Option(
    parameter="plan", flags=("--plan",), values=Switch(), help="Put on the HTML page what a monitor has to do."
)
REQUIRE: Final = Option(
    parameter="require",
    flags=("--require",),
    values=Choice(REQUIRED),
    metavar="NAME",
    help=f"What exit code 0 asks for: {said(REQUIRED)}.",
    key="require",
)
EXIT_ZERO: Final = Option(
    parameter="exit_zero", flags=("--exit-zero",), values=Switch(), help="Exit 0 for answers 1 and 3 too."
)
ONLY: Final = Option(
    parameter="only",
    flags=("--only",),
    values=Texts("ids or mnemonics"),
    metavar="INSTRUCTION",
    help="These alone: ids or mnemonics, with * and ?; several with commas.",
)
ROWS: Final = Option(
    parameter="rows", flags=("--rows",), values=Switch(), help="Group nothing in the text: a line for every row."
)
WITNESSES: Final = Option(
    parameter="witnesses",
    flags=("--witnesses",),
    values=Place(),
    metavar="DIR",
    help="Write a file per hole, for `pgcheck replay`.",
)
TIMING: Final = Option(
    parameter="no_timing",
    flags=("--no-timing/--timing",),
    values=Switch(denies=True),
    help="Leave out what differs from run to run.",
    key="timing",
)
WAIVERS: Final = Option(
    parameter="waivers",
    flags=("--waivers",),
    values=Place(),
    metavar="FILE",
    help=f"Default: {WAIVERS_FILE} at or above them.",
    key="waivers",
)
NO_WAIVERS: Final = Option(parameter="no_waivers", flags=("--no-waivers",), values=Switch(), help="Nothing is waived.")
DEPLOYMENT: Final = Option(
    parameter="deployment",
    flags=("--deployment",),
    values=Word(),
    metavar="NAME",
    help="Default: all; the first one answers.",
)
JOBS: Final = Option(
    parameter="jobs",
    flags=("--jobs", "-j"),
    values=Number(256),
    metavar="N",
    help="Default: one per processor.",
    key="jobs",
    everywhere=True,
)
BUDGET: Final = Option(
    parameter="budget",
    flags=("--budget",),
    values=Number(2**32 - 1),
    metavar="N",
    help="z3's rlimit per obligation.",
    key="budget",
    everywhere=True,
)
SECOND: Final = Option(
    parameter="no_second",
    flags=("--no-second/--second",),
    values=Switch(denies=True),
    help="Let no second solver confirm the proofs.",
    key="second",
    everywhere=True,
)
CACHE: Final = Option(
    parameter="no_cache",
    flags=("--no-cache/--cache",),
    values=Switch(denies=True),
    help="Neither use nor keep results on disk.",
    key="cache",
    everywhere=True,
)
ENGINE: Final = Option(
    parameter="engine",
    flags=("--engine",),
    values=Choice(ENGINES),
    metavar="NAME",
    help=f"What runs instructions: {said(ENGINES)}; auto takes native code for long programs.",
    key="engine",
    everywhere=True,
)
DUMP: Final = Option(
    parameter="dump_smt",
    flags=("--dump-smt",),
    values=Place(),
    metavar="DIR",
    help="Keep every obligation as SMT-LIB 2.",
)

# Those of `check`, those of every command that asks a solver, and those that a project can set, by key.
CHECKING: Final = (
    FORMAT, OUTPUT, SARIF_WAIVED, PRESENT, PLAN, REQUIRE, EXIT_ZERO, ONLY, ROWS, WITNESSES, TIMING, WAIVERS, NO_WAIVERS,
)  # fmt: skip
JUDGING: Final = (DEPLOYMENT, JOBS, BUDGET, SECOND, CACHE, DUMP)
SETTINGS: Final = {
    one.key: one
    for one in (SPECS, REQUIRE, WAIVERS, FORMAT, OUTPUT, SARIF_WAIVED, TIMING, JOBS, BUDGET, SECOND, CACHE, ENGINE)
}
