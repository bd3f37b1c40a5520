"""Templates filled in: every text from outside is escaped, and scripts and styles stand in the page."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pgcheck import __version__
from pgcheck.glossary import WORDS, terms
from pgcheck.reports.book import book
from pgcheck.reports.html.page import EVIDENCE, MONITORS, MOST_NAMES, PRIVILEGED, STATUSES
from pgcheck.reports.remarks import printable
from pgcheck.words import VERDICTS, counted

LONGEST = 100_000


def rendered(template: str, **given: Any) -> str:
    """A template of pgcheck/reports/html/templates with what it is given; every text from outside is escaped."""
    return _environment().get_template(template).render(**given).rstrip("\n")


@cache
def _environment() -> Environment:
    loader = PackageLoader("pgcheck.reports.html", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=clean
    )
    script, palette, page, opcodes = (
        loader.get_source(environment, name)[0].strip() for name in ("page.js", "palette.css", "page.css", "map.css")
    )
    environment.globals |= {
        "version": __version__,
        "script": Markup(script),
        "script_hash": _hash(script),
        "palette": Markup(palette),
        "map_style": Markup(opcodes),
        "style": Markup("\n".join((palette, page, opcodes))),
        "verdicts": VERDICTS,
        "glossary": WORDS,
        "terms_in": terms,
        "rule_titles": {name: rule.title for name, rule in book().items()},
        "statuses": STATUSES,
        "monitors": MONITORS,
        "evidence_words": EVIDENCE,
        "counted": counted,
        "most_names": MOST_NAMES,
        "privileged_columns": PRIVILEGED,
    }
    return environment


def _hash(text: str) -> str:
    """The hash by which a content security policy names an inline script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def clean(value: object) -> object:
    """Text without characters that a page may not have or that change how others are shown."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value.expandtabs(), LONGEST)
