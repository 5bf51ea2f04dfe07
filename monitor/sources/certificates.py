"""When do the configured certificates expire? Files in PEM, read again when they change, so that a renewal shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from monitor.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.config import Security
    from monitor.config.settings import Tls


class Expiry:
    """The first expiry of what connections rest on: our own certificates, and the authorities that we trust."""

    def __init__(self, security: Security, tls: Tls | None = None) -> None:
        """Watch the files of `security` (Kafka's) and `tls` (the server's); they need not be there yet."""
        own = [security.cert_file] + ([tls.cert_file] if tls else [])
        trusted = [security.ca_file] + ([tls.client_ca_file] if tls else [])
        self._own = [_File(path) for path in own if path is not None]
        self._trusted = [_File(path) for path in trusted if path is not None]

    def at(self, now: int) -> int | None:
        """Return the first expiry, epoch milliseconds, past ones too; None without a certificate that can be read.

        Of our own chains every certificate is needed. Of the authorities in one file only those that have not expired
        can be what a connection rests on: an expired one among them says nothing, unless all are.
        """
        moments = [moment for file in self._own for moment in file.expiries()]
        for file in self._trusted:
            trusted = file.expiries()
            moments += [moment for moment in trusted if moment > now] or sorted(trusted)[-1:]
        return min(moments, default=None)


class _File:
    """The expiries in one file, which is read again only when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: tuple[int, int, int] | None = None
        self._expiries: Sequence[int] = ()

    def expiries(self) -> Sequence[int]:
        """Return the expiry of each certificate, ms. What cannot be read, or is half written, changes nothing."""
        try:
            stat = self._path.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if mark != self._mark:
                self._expiries = expiries(self._path.read_bytes())
                self._mark = mark
        except (OSError, ValueError):
            pass
        return self._expiries


def expiries(pem: bytes) -> list[int]:
    """Return when each certificate in `pem` expires, epoch milliseconds, at least one.

    Raises ValueError where there is none, or one is not whole.
    """
    found = x509.load_pem_x509_certificates(pem)
    if pem.count(b"-----BEGIN CERTIFICATE-----") > len(found):
        message = "a certificate is not whole"
        raise ValueError(message)
    return [round(one.not_valid_after_utc.timestamp()) * SECOND for one in found]
