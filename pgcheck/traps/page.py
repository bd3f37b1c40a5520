"""A trap table as an HTML page."""

from __future__ import annotations

from pgcheck.traps.view import View


def page(view: View) -> str:
    """The page; equal tables give equal bytes."""
    from pgcheck.reports.html.rendering import rendered

    return rendered("traps.html", view=view)
