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
SERVER_TABLE = Table(
    "server",
    "HTTP. What each line of defence is for, with a checklist: [security](../security.md).",
    (LISTEN, TLS, AUTH, PROBES, INSECURE),
    synonyms={"address": "listen", "bind": "listen", "host": "listen", "port": "listen", "ssl": "tls", "https": "tls"},
)

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
    "Encryption. The files are read again within 60 s of a change; a broken one changes nothing.",
    (CERT_FILE, KEY_FILE, CLIENT_CA_FILE),
    secrets=True,
    synonyms={
        "certificate": "cert_file",
        "certificate_file": "cert_file",
        "certfile": "cert_file",
        "keyfile": "key_file",
        "private_key": "key_file",
        "ca": "client_ca_file",
        "ca_file": "client_ca_file",
        "cafile": "client_ca_file",
    },
)

BEARER_TOKEN_FILE = Key(
    "bearer_token_file",
    kinds.PATH,
    "The file that holds the token, for `Authorization: Bearer …`. Several, one a line, are right side by side; "
    "`sha256:HEX` is the hash of one, so that the file holds no secret; `# …` is passed over.",
)
BASIC_USERS_FILE = Key(
    "basic_users_file",
    kinds.PATH,
    "Lines `NAME:HASH` with bcrypt, as `htpasswd -B` writes them, for `Authorization: Basic …`. Passwords have up to "
    "72 bytes.",
)
AUTH_TABLE = Table(
    "server.auth",
    "Who may read: at least one of both. The files are read again within 60 s of a change; a broken or empty one "
    "changes nothing.",
    (BEARER_TOKEN_FILE, BASIC_USERS_FILE),
    secrets=True,
    synonyms={
        "bearer": "bearer_token_file",
        "bearer_token": "bearer_token_file",
        "token": "bearer_token_file",
        "tokens": "bearer_token_file",
        "token_file": "bearer_token_file",
        "basic": "basic_users_file",
        "basic_auth": "basic_users_file",
        "htpasswd": "basic_users_file",
        "htpasswd_file": "basic_users_file",
        "password": "basic_users_file",
        "password_file": "basic_users_file",
        "users": "basic_users_file",
        "users_file": "basic_users_file",
    },
)
SERVER_TABLES = (SERVER_TABLE, TLS_TABLE, AUTH_TABLE)
