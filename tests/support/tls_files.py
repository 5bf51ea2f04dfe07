"""Certificates as a deployment renews them: signed by the authorities of certificates.py, any age, at their place."""

from __future__ import annotations

import datetime as dt
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from monitor.config import Tls


def issued(ca, name, *, hours=24, key=None):
    """Return (certificate, key) in PEM for 127.0.0.1 and localhost, signed by `ca`, which ends in so many hours."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    by, by_key = (
        x509.load_pem_x509_certificate(ca.read_bytes()),
        load_pem_private_key(ca.with_suffix(".key").read_bytes(), None),
    )
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
    names = [x509.DNSName("localhost"), x509.DNSName(name)]
    builder = x509.CertificateBuilder(
        by.subject,
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        key.public_key(),
        x509.random_serial_number(),
        ends - dt.timedelta(days=30),
        ends,
    ).add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = builder.sign(by_key, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM), pem(key)


def pem(key, password=None):
    """Return a key in PEM."""
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


class Mounted:
    """A folder as Kubernetes mounts a secret: names that lead through `..data` to the folder of the moment."""

    def __init__(self, folder, **files):
        self.folder, self._n = folder, 0
        folder.mkdir()
        self.swap(**files)
        for name in files:
            (folder / f"{name}.pem").symlink_to(f"..data/{name}.pem")

    def swap(self, **files):
        """Put other contents in their place, all at once."""
        self._n += 1
        moment = self.folder / f"..{self._n}"
        moment.mkdir()
        for name, content in files.items():
            (moment / f"{name}.pem").write_bytes(content)
        (self.folder / "..new").symlink_to(moment.name)
        (self.folder / "..new").replace(self.folder / "..data")

    def tls(self, *, clients=False):
        """Return the settings that name these files."""
        names = [self.folder / f"{name}.pem" for name in ("cert", "key", "ca")]
        return Tls(names[0], names[1], names[2] if clients else None)


def trusting(ca, certificate=None, key=None):
    """Return the context of a client that trusts `ca`, and shows a certificate where it has one."""
    context = ssl.create_default_context(cafile=ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
