"""Certificates for tests, made anew by openssl: an authority, a server's, a client's, and an authority nobody knows."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY_PASSWORD = "opens the client's key"  # noqa: S105 - the test's own


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM, a day valid."""

    ca: Path
    foreign_ca: Path
    """Of an authority that has signed none of these."""
    server: Path
    """Key and certificate in one file, for 127.0.0.1 and localhost."""
    client: Path
    client_key: Path
    client_locked_key: Path
    """The same key, encrypted with KEY_PASSWORD."""
    foreign_client: Path
    """Signed by the foreign authority."""
    foreign_client_key: Path


def certify(openssl: str, folder: Path) -> Certificates:
    """Make them all in a folder. `openssl`: path of the command."""

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)

    def authority(name: str) -> None:
        run(
            "req", "-x509", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "1", "-subj", f"/CN={name}"
        )

    def signed(name: str, by: str, names: str) -> None:
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        run("req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ("-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial", "-days", "1")
        run("x509", "-req", "-in", f"{name}.csr", *signing, "-extfile", f"{name}.ext", "-out", f"{name}.pem")

    folder.mkdir(parents=True, exist_ok=True)
    authority("ca")
    authority("foreign-ca")
    signed("server", "ca", "IP:127.0.0.1,DNS:localhost")
    signed("client", "ca", "DNS:client")
    signed("foreign-client", "foreign-ca", "DNS:client")
    run("pkcs8", "-topk8", "-in", "client.key", "-out", "client.locked.key", "-passout", f"pass:{KEY_PASSWORD}")
    both = folder / "server.both.pem"
    both.write_text((folder / "server.key").read_text() + (folder / "server.pem").read_text())
    return Certificates(
        ca=folder / "ca.pem",
        foreign_ca=folder / "foreign-ca.pem",
        server=both,
        client=folder / "client.pem",
        client_key=folder / "client.key",
        client_locked_key=folder / "client.locked.key",
        foreign_client=folder / "foreign-client.pem",
        foreign_client_key=folder / "foreign-client.key",
    )


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
