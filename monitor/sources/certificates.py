"""When do the configured certificates expire? Files in PEM, read again when they change, so that a renewal shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from monitor.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.config import Security


class Expiry:
    """The first expiry of what a connection rests on: our own certificates, and the authorities that we trust."""

    def __init__(self, security: Security) -> None:
        """Watch the files of `security`; they need not be there yet."""
        self._own = _File(security.cert_file)
        self._trusted = _File(security.ca_file)

    def at(self, now: int) -> int | None:
        """Return the first expiry, epoch milliseconds, past ones too; None without a certificate that can be read.

        Of our own chain every certificate is needed. Of the authorities only those that have not expired can be what
        the connection rests on: an expired one among them says nothing, unless all are.
        """
        trusted = self._trusted.expiries()
        valid = [moment for moment in trusted if moment > now] or sorted(trusted)[-1:]
        return min((*self._own.expiries(), *valid), default=None)


class _File:
    """The expiries in one file, which is read again only when it has changed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._mark: tuple[int, int, int] | None = None
        self._expiries: Sequence[int] = ()

    def expiries(self) -> Sequence[int]:
        """Return the expiry of each certificate, ms. What cannot be read, or is half written, changes nothing."""
        if self._path is None:
            return ()
        try:
            stat = self._path.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if mark != self._mark:
                found = x509.load_pem_x509_certificates(self._path.read_bytes())
                self._expiries = [round(one.not_valid_after_utc.timestamp()) * SECOND for one in found]
                self._mark = mark
        except (OSError, ValueError):
            pass
        return self._expiries
