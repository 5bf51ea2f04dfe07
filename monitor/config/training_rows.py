"""`action.data`: where the rows of a cross-validation come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import action_keys as keys
from monitor.config.kinds import TEXT
from monitor.config.nodes import Scalar
from monitor.config.revalidation import TrainingRows
from monitor.config.revalidation_kinds import beside
from monitor.config.section import Section

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.kinds import At
    from monitor.config.section import Key, Table


def read_rows(at: At, folder: Path, tables: tuple[Table, ...]) -> TrainingRows | None:
    """Read a path, or a mapping; None where something in it is wrong, which is reported. Paths are below `folder`."""
    if isinstance(at.node, Scalar):
        return _of_file(TEXT.read(at), folder)
    before = len(at.problems)
    section = Section(at, keys.DATA_TABLE, tables)
    sources = [key for key in (keys.DATA_FILE, keys.DATA_COMMAND, keys.DATA_QUERY) if key in section]
    if len(at.problems) == before and len(sources) != 1:
        found = " and ".join(f"`{key.name}`" for key in sources) if sources else "no rows"
        at.report(f"names {found}", "name exactly one of `file`, `command` and `query`")
    file, command, query = section.get(keys.DATA_FILE), section.get(keys.DATA_COMMAND), section.get(keys.DATA_QUERY)
    form, url, url_file = section.get(keys.DATA_FORMAT), section.get(keys.DATA_URL), section.get(keys.DATA_URL_FILE)
    if command is not None and not command:
        section.value(keys.DATA_COMMAND).report("is empty", "name the program, such as `[python, rows.py]`")
    _check_database(section)
    _of_use(section, keys.DATA_FORMAT, keys.DATA_COMMAND)
    if len(at.problems) > before or form is None:
        return None
    if file is not None:
        return _of_file(file, folder)
    return TrainingRows(
        command=command or (),
        format=form,
        query=query,
        url=None if url is None else beside(url, folder),
        url_file=None if url_file is None else folder / url_file,
    )


def _of_file(text: str | None, folder: Path) -> TrainingRows | None:
    return None if text is None else TrainingRows(file=folder / text, pattern=str(folder / text))


def _check_database(section: Section) -> None:
    """Report a query without its database, a database without a query, and two databases."""
    if keys.DATA_QUERY not in section:
        _of_use(section, keys.DATA_URL, keys.DATA_QUERY)
        _of_use(section, keys.DATA_URL_FILE, keys.DATA_QUERY)
    elif keys.DATA_URL in section and keys.DATA_URL_FILE in section:
        section.value(keys.DATA_URL_FILE).report("stands beside `url`", "keep one of the two")
    elif keys.DATA_URL not in section and keys.DATA_URL_FILE not in section:
        section.at.report("`url` is missing: nobody knows which database to ask", "add `url`, or `url_file`")


def _of_use(section: Section, key: Key[str], with_: Key[str] | Key[tuple[str, ...]]) -> None:
    """Report a key that is of no use without another."""
    if key in section and with_ not in section:
        section.value(key).report(f"is of no use without `{with_.name}`", f"add `{with_.name}`, or remove it")
