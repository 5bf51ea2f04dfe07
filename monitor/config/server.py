"""`server`: where HTTP listens, and that nobody is let in by oversight."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from monitor.config import server_keys as keys
from monitor.config.section import Section
from monitor.config.settings import Auth, ServerSettings, Tls

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.kinds import At
    from monitor.config.section import Key, Table

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_SECRET = re.compile(r"-----BEGIN |:\$[0-9a-z]+\$|^sha256:|\n")
"""What stands in such files: PEM, a line of htpasswd, a token's hash, several lines."""


def read_server(at: At | None, folder: Path, tables: tuple[Table, ...]) -> ServerSettings | None:
    """Read `server`; None where something in it is wrong, which is reported. Paths are below `folder`."""
    if at is None:
        return ServerSettings()
    before = len(at.problems)
    section = Section(at, keys.SERVER_TABLE, tables)
    listen, probes, insecure = section.get(keys.LISTEN), section.get(keys.PROBES), section.get(keys.INSECURE)
    tls_at, auth_at = section.get(keys.TLS), section.get(keys.AUTH)
    tls = None if tls_at is None else _tls(Section(tls_at, keys.TLS_TABLE, tables), folder)
    auth = None if auth_at is None else _auth(Section(auth_at, keys.AUTH_TABLE, tables), folder)
    if listen is not None and tls_at is None and not insecure and not is_loopback(listen[0]):
        finding = "others can reach this address, and what they read and send is not encrypted"
        remedy = "add `tls: {cert_file: …, key_file: …}`, or listen on 127.0.0.1, or say `insecure: true`"
        section.value(keys.LISTEN).report(finding, remedy)
    if listen is not None and probes is not None and _collide(listen, probes):
        remedy = "give `probes` a port of its own, such as 9465, or remove it: `listen` answers the probes too"
        section.value(keys.PROBES).report("is the address of `listen`", remedy)
    if len(at.problems) > before or listen is None or insecure is None:
        return None
    return ServerSettings(listen, tls, auth, probes, insecure)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address. A name other than `localhost` may be anywhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _collide(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Tell whether two listeners would get into each other's way: the same port, and hosts that overlap."""
    if one[1] != other[1] or one[1] == 0:
        return False
    hosts = {"127.0.0.1" if host.lower() == "localhost" else host.lower() for host, _ in (one, other)}
    return len(hosts) == 1 or bool(hosts & _EVERYWHERE)


def _tls(section: Section, folder: Path) -> Tls | None:
    cert_file, key_file = _path(section, keys.CERT_FILE), _path(section, keys.KEY_FILE)
    client_ca_file = _path(section, keys.CLIENT_CA_FILE)
    if cert_file is None or key_file is None:
        return None
    return Tls(folder / cert_file, folder / key_file, folder / client_ca_file if client_ca_file else None)


def _auth(section: Section, folder: Path) -> Auth | None:
    token, users = _path(section, keys.BEARER_TOKEN_FILE), _path(section, keys.BASIC_USERS_FILE)
    if keys.BEARER_TOKEN_FILE not in section and keys.BASIC_USERS_FILE not in section:
        section.at.report("names neither a token nor users", "add `bearer_token_file` or `basic_users_file`")
        return None
    if token is not None and token == users:
        finding = "is the same file as `bearer_token_file`"
        section.value(keys.BASIC_USERS_FILE).report(finding, "give tokens and users a file each")
    return Auth(folder / token if token else None, folder / users if users else None)


def _path(section: Section, key: Key[str]) -> str | None:
    """Return a path; what is no path but the secret itself is reported, and not shown."""
    text = section.get(key)
    if text is None or not _SECRET.search(text):
        return text
    remedy = f"write it into a file that only foldwatch's user may read, and name that: `{key.name}: PATH`"
    section.value(key).report("is no path but the secret or certificate itself", remedy)
    return None
