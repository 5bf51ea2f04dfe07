"""HTML and SVG from values: text is always escaped, so that a class or a version named `<script>` stays a name."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Markup(str):
    """Text that is HTML already; every other text is escaped where it meets Markup."""

    __slots__ = ()


Content = str | int | None
"""What can stand inside an element: Markup as it is, other text escaped, None as nothing."""

_VOID: Final = frozenset({"input", "meta", "link", "br", "path", "line", "rect", "circle", "polyline"})


def tag(element: str, /, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """Return an element. `class_` becomes `class`, `aria_label` `aria-label`; True is a bare attribute, None none."""
    opening = element
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key_text = key.rstrip("_").replace("_", "-")
        opening += f" {key_text}" if value is True else f' {key_text}="{escape(str(value))}"'
    if element in _VOID and not content:
        return Markup(f"<{opening}>" if element in ("input", "meta", "link", "br") else f"<{opening}/>")
    return Markup(f"<{opening}>{joined(content)}</{element}>")


def joined(content: Iterable[Content], between: str = "") -> Markup:
    """Return pieces one after another, each escaped unless it is Markup."""
    return Markup(between.join(_text(piece) for piece in content if piece is not None))


def _text(piece: str | int) -> str:
    return piece if isinstance(piece, Markup) else escape(str(piece))
