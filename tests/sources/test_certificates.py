"""When certificates expire: the earliest that a connection rests on, and a renewal shows without a restart."""

from __future__ import annotations

import datetime as dt
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from monitor.clock import DAY, parse_time
from monitor.config import Security, Tls
from monitor.sources.certificates import Expiry

NOW = parse_time("2026-06-01T00:00:00Z")
KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])


def certificate(expires):
    """A certificate in PEM that expires then (ms)."""
    ends = dt.datetime.fromtimestamp(expires / 1_000, dt.UTC)
    builder = x509.CertificateBuilder(NAME, NAME, KEY.public_key(), 7, ends - dt.timedelta(days=900), ends)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


def written(path, *expiries):
    path.write_bytes(b"".join(map(certificate, expiries)))
    return path


def from_renamed(path, *expiries):
    """Put a new file in the place of `path`, as whatever renews certificates does."""
    written(path.with_suffix(".new"), *expiries).replace(path)


def test_nothing_configured_or_nothing_there_is_no_moment(tmp_path):
    assert Expiry(Security()).at(NOW) is None
    assert Expiry(Security(ca_file=tmp_path / "absent.pem")).at(NOW) is None
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    assert Expiry(Security(cert_file=broken)).at(NOW) is None


def test_of_our_own_and_the_authority_the_earlier_one_counts(tmp_path):
    ca, own = written(tmp_path / "ca.pem", NOW + 90 * DAY), written(tmp_path / "own.pem", NOW + 30 * DAY)
    assert Expiry(Security(ca_file=ca)).at(NOW) == NOW + 90 * DAY
    assert Expiry(Security(ca_file=ca, cert_file=own)).at(NOW) == NOW + 30 * DAY


@pytest.mark.parametrize(
    ("file", "days", "expected"),
    [
        ("cert_file", (-1, 300), -1),
        ("cert_file", (300, 20), 20),
        ("ca_file", (-1, 300, 40), 40),
        ("ca_file", (-9, -3), -3),
    ],
)
def test_a_chain_needs_all_its_certificates_and_a_list_of_authorities_those_still_valid(tmp_path, file, days, expected):
    path = written(tmp_path / "some.pem", *(NOW + day * DAY for day in days))
    assert Expiry(Security(**{file: path})).at(NOW) == NOW + expected * DAY


def test_a_renewed_file_shows_at_the_next_look_and_a_half_written_one_changes_nothing(tmp_path):
    path = written(tmp_path / "own.pem", NOW + DAY)
    expiry = Expiry(Security(cert_file=path))
    assert expiry.at(NOW) == NOW + DAY
    path.write_bytes(certificate(NOW + 365 * DAY)[:100])
    assert expiry.at(NOW) == NOW + DAY
    path.write_bytes(certificate(NOW + 365 * DAY))
    assert expiry.at(NOW) == NOW + 365 * DAY
    path.unlink()
    assert expiry.at(NOW) == NOW + 365 * DAY


def test_a_file_put_in_place_by_a_rename_shows_even_with_the_time_of_the_old_one(tmp_path):
    path = written(tmp_path / "own.pem", NOW + DAY)
    expiry = Expiry(Security(cert_file=path))
    assert expiry.at(NOW) == NOW + DAY
    before = path.stat()
    from_renamed(path, NOW + 365 * DAY)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert expiry.at(NOW) == NOW + 365 * DAY


def test_what_the_server_shows_and_whom_it_trusts_counts_too(tmp_path):
    kafka = written(tmp_path / "kafka.pem", NOW + 90 * DAY)
    shown, clients = written(tmp_path / "shown.pem", NOW + 60 * DAY), written(tmp_path / "ca.pem", NOW + 30 * DAY)
    of_kafka = Security(cert_file=kafka)
    assert Expiry(of_kafka, Tls(shown, tmp_path / "key.pem")).at(NOW) == NOW + 60 * DAY
    assert Expiry(of_kafka, Tls(shown, tmp_path / "key.pem", clients)).at(NOW) == NOW + 30 * DAY
    assert Expiry(Security(), Tls(shown, tmp_path / "key.pem")).at(NOW) == NOW + 60 * DAY
    from_renamed(shown, NOW + 5 * DAY)
    assert Expiry(of_kafka, Tls(shown, tmp_path / "key.pem", clients)).at(NOW) == NOW + 5 * DAY


def test_of_each_file_of_authorities_one_that_has_not_expired_is_enough(tmp_path):
    brokers = written(tmp_path / "brokers.pem", NOW - DAY, NOW + 90 * DAY)
    clients = written(tmp_path / "clients.pem", NOW - DAY)
    shown = written(tmp_path / "shown.pem", NOW + 60 * DAY)
    assert Expiry(Security(ca_file=brokers), Tls(shown, shown)).at(NOW) == NOW + 60 * DAY
    assert Expiry(Security(ca_file=brokers), Tls(shown, shown, clients)).at(NOW) == NOW - DAY
