"""`source.security`: encryption and login, and which keys go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config import source_keys as keys
from monitor.config.settings import Security

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.config.section import Key, Section

_LOGIN_PROTOCOLS = {"SASL_PLAINTEXT": "PLAINTEXT", "SASL_SSL": "SSL"}
"""Those with a login -> the same without one."""
_ENCRYPTED = {"PLAINTEXT": "SSL", "SASL_PLAINTEXT": "SASL_SSL"}
"""Those without encryption -> the same with it."""
_PASSWORD = (keys.USERNAME, keys.PASSWORD_FILE)
_LOGIN: dict[str, tuple[Key[str], ...]] = {
    "PLAIN": _PASSWORD,
    "SCRAM-SHA-256": _PASSWORD,
    "SCRAM-SHA-512": _PASSWORD,
    "OAUTHBEARER": (keys.TOKEN_FILE,),
}
"""Mechanism -> what it logs in with."""
_LOGIN_KEYS = (*_PASSWORD, keys.TOKEN_FILE)
_ENCRYPTION_KEYS = (keys.CA_FILE, keys.CERT_FILE, keys.KEY_FILE, keys.KEY_PASSWORD_FILE)


def read_security(section: Section, folder: Path) -> Security | None:
    """Read `security`; None where something is wrong. Paths are below `folder`; the files need not be there yet."""
    before = len(section.at.problems)
    protocol, mechanism = section.get(keys.PROTOCOL), section.get(keys.MECHANISM)
    username = section.get(keys.USERNAME)
    files = {key: section.get(key) for key in (keys.PASSWORD_FILE, keys.TOKEN_FILE, *_ENCRYPTION_KEYS)}
    if protocol is not None:
        _check_encryption(section, protocol)
        _check_login(section, protocol, mechanism)
    _check_pair(section, keys.CERT_FILE, keys.KEY_FILE)
    _check_pair(section, keys.KEY_FILE, keys.CERT_FILE)
    _check_pair(section, keys.KEY_PASSWORD_FILE, keys.KEY_FILE)
    if protocol is None or len(section.at.problems) > before:
        return None

    def path(key: Key[str]) -> Path | None:
        name = files[key]
        return None if name is None else folder / name

    return Security(
        protocol=protocol,
        mechanism=mechanism,
        username=username,
        password_file=path(keys.PASSWORD_FILE),
        token_file=path(keys.TOKEN_FILE),
        ca_file=path(keys.CA_FILE),
        cert_file=path(keys.CERT_FILE),
        key_file=path(keys.KEY_FILE),
        key_password_file=path(keys.KEY_PASSWORD_FILE),
    )


def _check_encryption(section: Section, protocol: str) -> None:
    """Report certificates and keys that a protocol without encryption would never look at."""
    encrypted = _ENCRYPTED.get(protocol)
    for key in _ENCRYPTION_KEYS:
        if encrypted is not None and key in section:
            finding = f"is not used: {_protocol(section, protocol)} does not encrypt"
            section.value(key).report(finding, f"write `protocol: {encrypted}`, or remove it")


def _check_login(section: Section, protocol: str, mechanism: str | None) -> None:
    """Report what is missing for a login, and what it has no use for."""
    if protocol not in _LOGIN_PROTOCOLS:
        login = next(with_login for with_login, without in _LOGIN_PROTOCOLS.items() if without == protocol)
        for key in (keys.MECHANISM,) if keys.MECHANISM in section else _LOGIN_KEYS:
            if key in section:
                finding = f"is not used: {_protocol(section, protocol)} has no login"
                section.value(key).report(finding, f"write `protocol: {login}`, or remove it")
    elif keys.MECHANISM not in section:
        remedy = "add one of `mechanism: PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` and `OAUTHBEARER`"
        section.at.report(f"`mechanism` is missing: {protocol} needs to know how to log in", remedy)
    elif mechanism is not None:
        used = _LOGIN[mechanism]
        for key in used:
            if key not in section:
                section.at.report(f"`{key.name}` is missing: {mechanism} logs in with it", f"add `{key.name}`")
        for key in _LOGIN_KEYS:
            if key in section and key not in used:
                remedy = f"remove it: {mechanism} logs in with {_listed(used)}"
                section.value(key).report(f"is not used by {mechanism}", remedy)


def _check_pair(section: Section, key: Key[str], other: Key[str]) -> None:
    """Report a key that is of no use without another."""
    if key in section and other not in section:
        section.value(key).report(f"is of no use without `{other.name}`", f"add `{other.name}`, or remove it")


def _protocol(section: Section, protocol: str) -> str:
    """Name the protocol as the reader sees it: written, or what holds where it is not."""
    return f"`protocol: {protocol}`" if keys.PROTOCOL in section else f"without `protocol` it is {protocol}, which"


def _listed(some: Sequence[Key[str]]) -> str:
    return " and ".join(f"`{key.name}`" for key in some)
