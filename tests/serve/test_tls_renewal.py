"""Files of TLS that change while the server runs: in force soon, nobody is cut off, and half a file changes nothing."""

from __future__ import annotations

import logging
import ssl

import fabricated as made
import pytest
from cryptography import x509
from http_clients import ask, connected, opened, until
from tls_files import Mounted, issued, trusting

from monitor.config import ServerSettings
from monitor.serve import Probes, Server
from monitor.serve.limits import Limits
from monitor.serve.tls import Keyring

FINE = Probes(healthy=lambda: None, ready=lambda: None)
QUICK = Limits(look_seconds=0.05)


def serving(mounted, *, clients=False):
    settings = ServerSettings(("127.0.0.1", 0), tls=mounted.tls(clients=clients))
    return Server(settings, FINE, made.empty_snapshot(), QUICK)


def shown(server, context):
    """Return the common name of the certificate that the server shows."""
    with opened(server.address, context) as connection:
        certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
        return certificate.subject.rfc4514_string()


def lets_in(server, context):
    try:
        return ask(server, context=context)[0] == 200
    except (ssl.SSLError, ConnectionError):
        return False


def renewal(authorities, name):
    certificate, key = issued(authorities.ca, name)
    return {"cert": certificate, "key": key, "ca": authorities.ca.read_bytes()}


def test_looked_at_every_few_seconds_a_change_is_in_force_well_within_a_minute():
    assert Limits().look_seconds <= 10


@pytest.mark.parametrize("by", ["swap", "files"])
def test_a_renewed_certificate_is_in_force_and_no_connection_is_dropped(mounted, authorities, trusting_client, by):
    with serving(mounted) as server:
        old = connected(server.address, trusting_client)
        old.request("GET", "/-/ready")
        assert old.getresponse().read() == b"ready\n"
        kept = old.sock
        assert shown(server, trusting_client) == "CN=first"
        new = renewal(authorities, "second")
        if by == "swap":
            mounted.swap(**new)
        else:
            for name, content in new.items():
                (mounted.folder / f"{name}.pem").unlink()
                (mounted.folder / f"{name}.pem").write_bytes(content)
        until(lambda: shown(server, trusting_client) == "CN=second")
        old.request("GET", "/-/ready")
        assert old.getresponse().read() == b"ready\n"
        assert old.sock is kept
        old.close()


def test_an_expired_certificate_is_replaced_without_a_restart(authorities, trusting_client, tmp_path):
    certificate, key = issued(authorities.ca, "expired", hours=-1)
    mounted = Mounted(tmp_path / "expired", cert=certificate, key=key)
    with serving(mounted) as server:
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            ask(server, context=trusting_client)
        mounted.swap(**renewal(authorities, "fresh"))
        until(lambda: lets_in(server, trusting_client))


@pytest.mark.parametrize("break_", ["half the certificate", "half the key", "key of another", "no certificate"])
def test_what_is_half_written_changes_nothing_and_is_said_once(mounted, authorities, caplog, break_):
    certificate, key = (mounted.folder / "cert.pem").read_bytes(), (mounted.folder / "key.pem").read_bytes()
    new = renewal(authorities, "second")
    broken = {
        "half the certificate": {"cert": new["cert"][:200], "key": new["key"]},
        "half the key": {"cert": new["cert"], "key": new["key"][:100]},
        "key of another": {"cert": new["cert"], "key": key},
        "no certificate": {"key": key},
    }[break_]
    keyring = Keyring(mounted.tls())
    before = keyring.context
    with caplog.at_level(logging.INFO, "foldwatch"):
        mounted.swap(**broken)
        for _ in range(3):
            keyring.look()
        assert keyring.context is before
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "server.tls." in caplog.records[0].why
        mounted.swap(cert=certificate, key=key)
        keyring.look()
        assert keyring.context is not before
        assert [record.getMessage() for record in caplog.records[1:]] == ["certificates in force"]
    assert b"PRIVATE" not in caplog.text.encode()


def test_files_that_did_not_change_are_not_read_again(mounted):
    keyring = Keyring(mounted.tls())
    before = keyring.context
    keyring.look()
    assert keyring.context is before


def test_another_authority_is_in_force_and_the_removed_one_lets_nobody_in(mounted, authorities, known_client):
    foreign = trusting(authorities.ca, authorities.foreign_client, authorities.foreign_client_key)
    both = authorities.ca.read_bytes() + authorities.foreign_ca.read_bytes()
    same = {"cert": (mounted.folder / "cert.pem").read_bytes(), "key": (mounted.folder / "key.pem").read_bytes()}
    with serving(mounted, clients=True) as server:
        assert (lets_in(server, known_client), lets_in(server, foreign)) == (True, False)
        mounted.swap(**same, ca=both)
        until(lambda: lets_in(server, foreign))
        assert lets_in(server, known_client)
        mounted.swap(**same, ca=authorities.foreign_ca.read_bytes())
        until(lambda: not lets_in(server, known_client))
        assert lets_in(server, foreign)
        mounted.swap(**same, ca=authorities.foreign_ca.read_bytes()[:300])
        until(lambda: server.refused()["handshake"])
        assert lets_in(server, foreign)


def test_who_was_let_in_by_a_removed_authority_is_let_go(mounted, authorities, known_client):
    same = {"cert": (mounted.folder / "cert.pem").read_bytes(), "key": (mounted.folder / "key.pem").read_bytes()}
    with serving(mounted, clients=True) as server, opened(server.address, known_client) as inside:
        inside.sendall(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in inside.recv(65_536)
        mounted.swap(**same, ca=authorities.foreign_ca.read_bytes())
        inside.settimeout(10)
        while inside.recv(65_536):
            pass  # what is left of the answer, then the end


def test_the_server_goes_on_with_its_files_gone(mounted, trusting_client):
    with serving(mounted) as server:
        for name in ("cert", "key", "ca"):
            (mounted.folder / f"{name}.pem").unlink()
        begin = server.refused()
        assert all(lets_in(server, trusting_client) for _ in range(20))
        assert server.refused() == begin
