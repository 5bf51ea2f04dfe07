"""Near misses: what somebody probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MOST_SHOWN = 20


def meant(word: str, known: Collection[str], also: Mapping[str, str] | None = None) -> str:
    """Return a remedy: the known word that is meant, if one is near, and what else there is.

    `also` maps other people's words for the same thing to ours.
    """
    near = nearest(word, known, also)
    return f"did you mean `{near}`? There are: {listed(known)}" if near else f"use one of: {listed(known)}"


def listed(words: Collection[str]) -> str:
    """Return the words with commas, the first 20 of them."""
    return ", ".join(list(words)[:_MOST_SHOWN]) + (", …" if len(words) > _MOST_SHOWN else "")


def nearest(word: str, known: Collection[str], also: Mapping[str, str] | None = None) -> str | None:
    """Return the known word nearest to `word`, None where none is near."""
    plain = word.strip().lower().replace("-", "_").replace(" ", "_")
    synonym = (also or {}).get(plain)
    if synonym in known:
        return synonym
    by_plain = {name.lower(): name for name in known}
    close = get_close_matches(plain, by_plain, n=1)
    return by_plain[close[0]] if close else None
