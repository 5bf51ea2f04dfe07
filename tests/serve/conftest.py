"""Certificates, made once; and a snapshot to show."""

from __future__ import annotations

import certificates
import fabricated as made
import pytest
from tls_files import Mounted, issued, trusting


@pytest.fixture(scope="session")
def authorities(openssl, tmp_path_factory):
    """Certificates by openssl: an authority, a client's, and an authority that nobody knows."""
    return certificates.certify(openssl, tmp_path_factory.mktemp("authorities"))


@pytest.fixture
def mounted(authorities, tmp_path):
    """Certificate, key and authority of a server, as Kubernetes mounts them."""
    certificate, key = issued(authorities.ca, "first")
    return Mounted(tmp_path / "tls", cert=certificate, key=key, ca=authorities.ca.read_bytes())


@pytest.fixture(scope="session")
def trusting_client(authorities):
    """The context of a client that trusts the authority and shows no certificate."""
    return trusting(authorities.ca)


@pytest.fixture(scope="session")
def known_client(authorities):
    """The context of a client that shows a certificate of the authority."""
    return trusting(authorities.ca, authorities.client, authorities.client_key)


@pytest.fixture(scope="session")
def many_series():
    """A Snapshot of more than 5,000 series, over a megabyte of text."""
    of = made.model("tickets", [f"queue-{i}" for i in range(42)], ("1h", "24h"), "1d")
    ends = [made.START, made.START + 3_600_000]
    return made.snapshot(made.history_of(of, "1", ends=ends, recall=lambda _: 0.8, per_window=9_000), of)
