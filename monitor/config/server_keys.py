"""Keys of `server`: where HTTP listens, and who may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import kinds
from monitor.config.section import Key, Table
from monitor.config.settings import ServerSettings

if TYPE_CHECKING:
    from monitor.config.kinds import At

LISTEN = Key(
    "listen",
    kinds.LISTEN,
    "Address of `/metrics`, the probes, the page and its API. Port 0 takes any that is free. "
    "Any but loopback's needs `tls`.",
    ServerSettings().listen,
    "`127.0.0.1:9464`",
)
TLS: Key[At] = Key("tls", kinds.MAPPING, "Encryption, TLS 1.2 and newer.", without="plain HTTP")
AUTH: Key[At] = Key(
    "auth",
    kinds.MAPPING,
    "Who may read. It covers every path but the two probes.",
    without="whoever can connect",
)
PROBES = Key(
    "probes",
    kinds.LISTEN,
    "Address of a second, plain listener for `/-/healthy` and `/-/ready` alone: a kubelet has no certificate.",
    without="the probes are on `listen` alone",
)
INSECURE = Key(
    "insecure",
    kinds.BOOLEAN,
    "Whether an address that others can reach may be without `tls`: where something else encrypts, or a network "
    "policy keeps others out.",
    default=False,
    without="`false`",
)
SERVER_TABLE = Table("server", "HTTP.", (LISTEN, TLS, AUTH, PROBES, INSECURE))

CERT_FILE = Key("cert_file", kinds.PATH, "The certificate and those that lead to its authority, PEM.", required=True)
KEY_FILE = Key("key_file", kinds.PATH, "The certificate's private key, PEM, not encrypted.", required=True)
CLIENT_CA_FILE = Key(
    "client_ca_file",
    kinds.PATH,
    "Authorities, PEM: only clients with a certificate from one of them may connect.",
    without="clients need no certificate",
)
TLS_TABLE = Table(
    "server.tls",
    "Encryption. The files are read again within 60 s of a change.",
    (CERT_FILE, KEY_FILE, CLIENT_CA_FILE),
    secrets=True,
)

BEARER_TOKEN_FILE = Key(
    "bearer_token_file",
    kinds.PATH,
    "The file that holds the token, for `Authorization: Bearer …`.",
)
BASIC_USERS_FILE = Key(
    "basic_users_file",
    kinds.PATH,
    "Lines `NAME:HASH` with bcrypt, as `htpasswd -B` writes them, for `Authorization: Basic …`.",
)
AUTH_TABLE = Table(
    "server.auth",
    "Who may read: at least one of both. The files are read again within 60 s of a change.",
    (BEARER_TOKEN_FILE, BASIC_USERS_FILE),
    secrets=True,
)
SERVER_TABLES = (SERVER_TABLE, TLS_TABLE, AUTH_TABLE)
