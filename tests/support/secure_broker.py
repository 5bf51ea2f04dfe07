"""A broker that asks who is there: TLS with client certificates, and SASL by every mechanism that foldwatch speaks."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broker import SCRIPT, Broker, free_ports
from certificates import certify
from cluster import PATIENCE, until
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from certificates import Certificates

LISTENERS = ("SSL", "SASL_SSL", "SASL_PLAINTEXT")
_JAAS = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Login:
    """Who may log in, by PLAIN and both SCRAM mechanisms."""

    username: str
    password: str
    password_file: Path
    """The password and a trailing newline, which is no part of it."""
    wrong_password_file: Path


class SecureBroker(Broker):
    """A broker with further listeners; the plain one is open, and whoever comes through it may do everything.

    - `addresses`: protocol (SSL, SASL_SSL, SASL_PLAINTEXT) -> `127.0.0.1:PORT`. SSL asks for the client's certificate.
    - `certificates`: the files. `login`: a user of PLAIN and SCRAM. `token_file(...)`: a token for OAUTHBEARER.
    - A topic without rules is open to every user; `only(topic, user, operations)` closes it to all others.
    """

    def __init__(self, folder: Path, openssl: str, *, script: Path = SCRIPT) -> None:
        """Make certificates and users, and start."""
        self.certificates = certify(openssl, folder / "tls")
        self.login = _login(folder)
        ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
        self.addresses = {protocol: f"127.0.0.1:{port}" for protocol, port in ports.items()}
        self._folder = folder
        listeners = [f"{protocol}://{address}" for protocol, address in self.addresses.items()]
        super().__init__(
            folder / "broker", _settings(self.certificates, self.login), listeners=listeners, script=script
        )
        self._add_scram()

    def token_file(self, name: str = "token", *, subject: str = "monitor", lasts: float = 3600.0) -> Path:
        """Write an unsigned token that lasts so many seconds (less than 0: it is over); returns the file."""
        now = time.time()
        claims = {"sub": subject, "iat": now - 7200, "exp": now + lasts, "scope": ["kafka"]}
        parts = [_coded({"alg": "none"}), _coded(claims), ""]
        path = self._folder / name
        path.write_text(".".join(parts) + "\n")
        return path

    def only(self, topic: str, user: str, operations: Iterable[str]) -> None:
        """Let nobody but this user, and the plain listener's, do these things to a topic: `READ`, `WRITE`, ..."""
        rules = [
            AclBinding(
                ResourceType.TOPIC,
                topic,
                ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
        for done in self.admin.create_acls(rules).values():
            done.result(PATIENCE)

    def _add_scram(self) -> None:
        salted = [ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512]
        name, password = self.login.username, self.login.password.encode()
        for kind in salted:  # one a request: a second change of the same user in it is refused
            wanted = UserScramCredentialUpsertion(name, ScramCredentialInfo(kind, 4096), password)
            for done in self.admin.alter_user_scram_credentials([wanted]).values():
                done.result(PATIENCE)

        def known() -> bool:
            found = self.admin.describe_user_scram_credentials([name])[name].result(PATIENCE)
            return len(found.scram_credential_infos) == len(salted)

        until(known, f"{name} may log in")


def _login(folder: Path) -> Login:
    username, password = "monitor", "correct horse"
    right, wrong = folder / "password", folder / "wrong-password"
    right.write_text(password + "\n")
    wrong.write_text("battery staple\n")
    return Login(username, password, right, wrong)


def _settings(certificates: Certificates, login: Login) -> dict[str, str]:
    """Return the broker's further settings."""
    jaas = {
        "plain": f'plain.PlainLoginModule required user_{login.username}="{login.password}"',
        "scram-sha-256": "scram.ScramLoginModule required",
        "scram-sha-512": "scram.ScramLoginModule required",
        "oauthbearer": 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"',
    }
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.server),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.ca),
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": ",".join(name.upper() for name in jaas),
        **{
            f"listener.name.{protocol.lower()}.{mechanism}.sasl.jaas.config": f"{_JAAS}.{module};"
            for protocol in LISTENERS
            if protocol.startswith("SASL")
            for mechanism, module in jaas.items()
        },
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "super.users": "User:ANONYMOUS",
    }


def _coded(part: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
