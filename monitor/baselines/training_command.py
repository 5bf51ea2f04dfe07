"""A table that a local program prints: read from its standard output, whatever it is written in."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from monitor.baselines.training_set import read_frame
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

_BLOCK: Final = 1 << 20
_LINES: Final = 5
_WIDTH: Final = 300


def printed_frame(
    argv: Sequence[str], table: str, as_text: Iterable[str | None], folder: Path, most_bytes: int
) -> pd.DataFrame:
    """Run a program in `folder`, without a shell, and return the table that it prints (`csv`, `jsonl`, `parquet`).

    Its output waits in a temporary file, of `most_bytes` at most. It is ended with whoever runs it: time and memory
    are limited there. Raises InputError with the last lines of its standard error.
    """
    place = f"command {argv[0]}"
    with tempfile.TemporaryDirectory(prefix="foldwatch-") as kept:
        path = Path(kept) / f"rows.{table}"
        try:
            program = subprocess.Popen(  # noqa: S603 - the configuration names it
                argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            finding = f"cannot be started in {folder} ({error.strerror or error})"
            raise InputError(Problem(place, finding, "check its name, its path and that it may be run")) from None
        said: deque[str] = deque(maxlen=_LINES)
        with program:
            if program.stdout is None or program.stderr is None:  # never: both are pipes
                return read_frame(str(path), as_text)
            listener = threading.Thread(target=_listen, args=(program.stderr, said), daemon=True)
            listener.start()
            try:
                whole = _kept(program.stdout, path, most_bytes)
            except OSError as error:
                program.kill()
                finding = f"its output cannot be kept in {kept} ({error.strerror or error})"
                raise InputError(Problem(place, finding, "free some space there, or set TMPDIR")) from None
            if not whole:
                program.kill()
                finding = f"prints more than {most_bytes:,} bytes"
                raise InputError(Problem(place, finding, "let it print fewer rows, or raise memory_limit"))
            code = program.wait()
            listener.join(timeout=1)
        if code != 0:
            ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            told = f"; it said: {' / '.join(said)}" if said else " and said nothing on standard error"
            raise InputError(Problem(place, ended + told, f"run it by hand in {folder}"))
        if not path.stat().st_size:
            raise InputError(Problem(place, "printed nothing", f"it has to print the table as {table}"))
        try:
            return read_frame(str(path), as_text)
        except InputError as error:
            raise InputError(*(_of_output(problem, path, place) for problem in error.problems)) from None


def _listen(stream: IO[bytes], said: deque[str]) -> None:
    """Keep the last lines of a stream, however much comes."""
    while line := stream.readline(_BLOCK):
        text = line.decode(errors="replace").strip()
        if text:
            said.append(text[:_WIDTH])


def _kept(stream: IO[bytes], path: Path, most_bytes: int) -> bool:
    """Write a stream into a file; False where it is longer than allowed."""
    size = 0
    with path.open("wb") as file:
        while block := stream.read(_BLOCK):
            size += len(block)
            if size > most_bytes:
                return False
            file.write(block)
    return True


def _of_output(problem: Problem, path: Path, place: str) -> Problem:
    """Return a problem of the temporary file as one of the program's output."""
    return Problem(problem.place.replace(str(path), f"output of {place}"), problem.finding, problem.remedy)
