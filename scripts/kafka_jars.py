"""Kafka's jars: fetched from Maven Central once, kept in a cache folder, checked to the byte each time."""
# ruff: noqa: INP001, S603, T201 - beside a script, for which it runs Maven, and prints

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "4.1.0"
JARS = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3")
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
SUMS = Path(__file__).with_name("kafka.sha256")


def refuse(finding: str, remedy: str) -> NoReturn:
    """Say what is wrong and what helps, and end."""
    print(f"kafka-broker: {finding}; {remedy}", file=sys.stderr)
    raise SystemExit(2)


def tool(name: str, package: str) -> str:
    """Return the path of a command, or end."""
    found = shutil.which(name)
    if found is None:
        refuse(f"{name} is not on PATH", f"run `make system`, or install {package} (Debian's name)")
    return found


def fetch() -> Path:
    """Return the folder of Kafka's jars, every one checked against its sum; fetch them first where there is none."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foldwatch"
    jars = home / f"kafka-{VERSION}"
    if not jars.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with locked(jars):
            if not jars.is_dir():  # nobody was quicker
                download(jars)
    verify(jars, f"remove {jars} and run `scripts/kafka-broker fetch`")
    return jars


@contextlib.contextmanager
def locked(jars: Path) -> Iterator[None]:
    """Keep others who would make the same waiting."""
    with jars.with_name(f".{jars.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def download(jars: Path) -> None:
    """Let Maven copy the jars into a folder beside `jars`, check them, and only then give it its name."""
    maven = tool("mvn", "the package `maven`")
    tool("java", "the package `openjdk-17-jre-headless`")
    print(f"kafka-broker: fetching Apache Kafka {VERSION} from Maven Central (43 MB), once", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix=".fetch-") as folder:
        fresh = Path(folder, "jars")
        Path(folder, "pom.xml").write_text(pom())
        command = [maven, "--batch-mode", "--quiet", PLUGIN, "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        answer = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if answer.returncode:
            print("\n".join(answer.stdout.decode(errors="replace").splitlines()[:8]), file=sys.stderr)
            refuse("Maven could not fetch Kafka", "it needs Maven Central, or a mirror in ~/.m2/settings.xml")
        verify(fresh, "look at what stands between here and Maven Central")
        fresh.rename(jars)


def pom() -> str:
    """Return a project that needs Kafka and nothing else."""
    parts = [jar.split(":") for jar in JARS]
    needs = "".join(
        f"<dependency><groupId>{g}</groupId><artifactId>{a}</artifactId><version>{v}</version></dependency>"
        for g, a, v in parts
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>foldwatch</groupId>'
        f"<artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{needs}</dependencies></project>"
    )


def verify(jars: Path, remedy: str) -> None:
    """End unless the folder holds exactly the jars of kafka.sha256, to the byte."""
    wanted = {name: total for total, name in (line.split() for line in SUMS.read_text().splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in jars.iterdir()}
    problems = [
        *(f"{name} is missing" for name in sorted(wanted.keys() - found.keys())),
        *(f"{name} does not belong there" for name in sorted(found.keys() - wanted.keys())),
        *(f"{name} has another checksum" for name in sorted(wanted) if wanted[name] != found.get(name, wanted[name])),
    ]
    if problems:
        refuse(f"{jars} is not what {SUMS.name} names: {', '.join(problems)}", remedy)
