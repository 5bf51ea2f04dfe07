"""TLS: who gets in, what is agreed upon, and what is said where the files cannot be used."""

from __future__ import annotations

import logging
import socket
import ssl
import warnings
from dataclasses import replace

import fabricated as made
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from http_clients import ask, opened, said, until
from tls_files import Mounted, issued, pem, trusting

from monitor.clock import HOUR, SystemClock
from monitor.config import ServerSettings
from monitor.errors import InputError
from monitor.serve import Probes, Server
from monitor.serve.tls import tls_problems

FINE = Probes(healthy=lambda: None, ready=lambda: None)


def settings(mounted, *, clients=False):
    return ServerSettings(("127.0.0.1", 0), tls=mounted.tls(clients=clients))


@pytest.fixture
def server(mounted):
    with Server(settings(mounted), FINE, made.empty_snapshot()) as running:
        yield running


@pytest.fixture
def closed(mounted):
    """A server that lets nobody in without a certificate."""
    with Server(settings(mounted, clients=True), FINE, made.empty_snapshot()) as running:
        yield running


def refused(server, context):
    """Return the alert that the client gets; by TLS 1.3 it learns that it was turned away when it reads."""
    with pytest.raises(ssl.SSLError, match="ALERT") as caught:
        ask(server, context=context)
    return caught.value.reason


def test_everything_is_answered_over_tls_and_the_url_says_so(server, trusting_client):
    assert server.url == f"https://127.0.0.1:{server.address[1]}/"
    for path in ("/metrics", "/", "/api/v1/report", "/api/v1/objectives", "/-/healthy", "/-/ready"):
        status, headers, body = ask(server, path, context=trusting_client)
        assert (status, bool(body)) == (200, True)
        assert headers["Strict-Transport-Security"] is None


def test_the_newest_version_is_agreed_upon_and_http_1_1_by_name(server, authorities):
    context = trusting(authorities.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with opened(server.address, context) as connection:
        assert (connection.version(), connection.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")
        assert connection.compression() is None


def test_tls_1_2_is_spoken_with_forward_secrecy_and_tls_1_1_is_not(server, authorities):
    context = trusting(authorities.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with opened(server.address, context) as connection:
        assert connection.version() == "TLSv1.2"
        assert connection.cipher()[0].startswith("ECDHE-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"), opened(server.address, context):
        pass
    until(lambda: server.refused()["handshake"] == 1)


@pytest.mark.parametrize("cipher", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", "NULL-SHA256:@SECLEVEL=0"])
def test_weak_ciphers_are_not_spoken(server, authorities, cipher):
    context = trusting(authorities.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"), opened(server.address, context):
        pass
    until(lambda: server.refused()["handshake"] == 1)


def test_who_speaks_plain_http_is_told_where_to_ask(server):
    status, headers, body = ask(server)
    assert (status, headers["Connection"]) == (400, "close")
    assert "https://" in body
    until(lambda: server.refused()["handshake"] == 1)


def test_a_client_needs_a_certificate_where_authorities_are_named(closed, trusting_client, known_client):
    assert ask(closed, context=known_client)[0] == 200
    assert refused(closed, trusting_client) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    until(lambda: closed.refused()["handshake"] == 1)


def test_a_certificate_of_another_authority_opens_nothing(closed, authorities):
    foreign = trusting(authorities.ca, authorities.foreign_client, authorities.foreign_client_key)
    assert refused(closed, foreign) == "TLSV1_ALERT_UNKNOWN_CA"


def test_an_expired_certificate_of_a_client_opens_nothing(closed, authorities, tmp_path):
    certificate, key = issued(authorities.ca, "late", hours=-1)
    (tmp_path / "late.pem").write_bytes(certificate + key)
    assert refused(closed, trusting(authorities.ca, tmp_path / "late.pem")) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"


def test_no_session_is_taken_up_again_without_a_certificate(closed, authorities):
    context = trusting(authorities.ca, authorities.client, authorities.client_key)
    with opened(closed.address, context) as connection:
        connection.sendall(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in said(connection)
        assert not connection.session.has_ticket


def test_an_expired_certificate_of_ours_is_served_with_a_warning_and_clients_object(authorities, tmp_path, caplog):
    certificate, key = issued(authorities.ca, "old", hours=-1)
    mounted = Mounted(tmp_path / "old", cert=certificate, key=key)
    with (
        caplog.at_level(logging.WARNING, "foldwatch"),
        Server(settings(mounted), FINE, made.empty_snapshot()) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="expired"),
    ):
        ask(server, context=trusting(authorities.ca))
    (record,) = caplog.records
    assert "the certificate expired at " in record.why
    (problem,) = tls_problems(mounted.tls())
    assert problem.place == f"server.tls.cert_file {mounted.folder / 'cert.pem'}"
    assert "expired" in problem.finding
    assert tls_problems(mounted.tls(), SystemClock().now() - 2 * HOUR) == []


def test_nothing_is_wrong_with_good_files_or_without_any(mounted):
    assert tls_problems(None) == []
    assert tls_problems(mounted.tls(clients=True)) == []


KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("name", "content", "finding"),
    [
        ("cert", None, "cannot be read (No such file or directory)"),
        ("key", None, "cannot be read (No such file or directory)"),
        ("ca", None, "cannot be read (No such file or directory)"),
        ("cert", b"", "is not a certificate in PEM"),
        ("cert", b"\xff\x00 a certificate", "is not a certificate in PEM"),
        ("ca", b"nobody", "is not a certificate in PEM"),
        ("ca", b"\xff\x00", "is not a certificate in PEM"),
        ("key", b"open sesame", "is not a private key in PEM"),
        ("key", pem(KEY), "the key does not belong to the certificate in"),
        ("key", pem(KEY, b"secret"), "the key is encrypted"),
        ("key", pem(KEY)[:120] + b"\n", "is not a private key in PEM"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file_and_a_remedy(mounted, name, content, finding):
    path = mounted.folder / f"{name}.pem"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    (problem,) = tls_problems(mounted.tls(clients=True))
    key = {"cert": "cert_file", "key": "key_file", "ca": "client_ca_file"}[name]
    assert (problem.place, bool(problem.remedy)) == (f"server.tls.{key} {path}", True)
    assert finding in problem.finding
    with pytest.raises(InputError) as caught:
        Server(settings(mounted, clients=True), FINE, made.empty_snapshot())
    assert caught.value.problems == (problem,)
    assert "PRIVATE" not in str(problem)


def test_a_certificate_that_is_cut_off_or_weak_is_refused(mounted, authorities):
    whole = (mounted.folder / "cert.pem").read_bytes()
    mounted.swap(cert=whole + whole[: len(whole) // 2], key=(mounted.folder / "key.pem").read_bytes())
    assert [one.finding for one in tls_problems(mounted.tls())] == ["is not a certificate in PEM"]
    certificate, key = issued(authorities.ca, "weak", key=rsa.generate_private_key(65_537, 1_024))  # noqa: S505 - weak on purpose
    mounted.swap(cert=certificate, key=key)
    assert [one.finding for one in tls_problems(mounted.tls())] == ["OpenSSL refuses it (ee key too small)"]


def test_all_that_is_wrong_is_said_at_once_and_no_port_stays_taken(mounted):
    (mounted.folder / "key.pem").unlink()
    (mounted.folder / "cert.pem").unlink()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = replace(settings(mounted), probes=taken.getsockname())
        with pytest.raises(InputError) as caught:
            Server(wrong, FINE, made.empty_snapshot())
    places = [problem.place.split()[0] for problem in caught.value.problems]
    assert places == ["server.tls.cert_file", "server.tls.key_file", "server.probes"]
