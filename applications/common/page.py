"""Pages of results: HTML that needs nothing but itself, all in one look."""

from __future__ import annotations

import base64
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **content: Any) -> bytes:
    """The page that a template makes of ``content``.

    A template extends ``common/page.html.j2``, which holds the look and shows ``setup`` (its
    command, start and versions), ``seed`` and ``configuration``; ``common/parts.html.j2`` has what
    stands on more than one page.

    Args:
        template: a path from the folder of the applications.
        content: what the template names.

    Raises:
        jinja2.UndefinedError: the template names something that ``content`` lacks.
    """
    environment = Environment(
        loader=PackageLoader("applications", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"unbroken": _unbroken, "data_uri": _data_uri}
    return environment.get_template(template).render(content).encode()


def _data_uri(content: bytes, media_type: str) -> str:
    """Return an address that holds the content itself."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _unbroken(text: str) -> str:
    """Return `text` with numbers kept beside their unit, and words in one piece, at line ends."""
    for unit in ("%", "dB", "bits"):
        text = re.sub(rf"(?<=\d) {unit}", f"\N{NO-BREAK SPACE}{unit}", text)
    return re.sub(r"(?<=\w)-(?=\w)", "\N{NON-BREAKING HYPHEN}", text)
