"""`server`: where HTTP listens, and that nobody is let in by oversight."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from monitor.config import server_keys as keys
from monitor.config.section import Section
from monitor.config.settings import Auth, ServerSettings, Tls

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.kinds import At
    from monitor.config.section import Table


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
    if len(at.problems) > before or listen is None or insecure is None:
        return None
    return ServerSettings(listen, tls, auth, probes, insecure)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address. A name other than `localhost` may be anywhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _tls(section: Section, folder: Path) -> Tls | None:
    cert_file, key_file = section.get(keys.CERT_FILE), section.get(keys.KEY_FILE)
    client_ca_file = section.get(keys.CLIENT_CA_FILE)
    if cert_file is None or key_file is None:
        return None
    return Tls(folder / cert_file, folder / key_file, folder / client_ca_file if client_ca_file else None)


def _auth(section: Section, folder: Path) -> Auth | None:
    token, users = section.get(keys.BEARER_TOKEN_FILE), section.get(keys.BASIC_USERS_FILE)
    if token is None and users is None:
        section.at.report("names neither a token nor users", "add `bearer_token_file` or `basic_users_file`")
        return None
    return Auth(folder / token if token else None, folder / users if users else None)
