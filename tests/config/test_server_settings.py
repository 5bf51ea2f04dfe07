"""`server`: what is read, and everything that would let somebody in by oversight."""

from pathlib import Path

import pytest

from monitor.config import Auth, ServerSettings, Tls
from monitor.config.read import understand
from monitor.config.server_doubts import server_doubts
from monitor.errors import InputError

FILE = Path("/etc/foldwatch/foldwatch.yaml")
ANY = "0.0.0.0"  # noqa: S104 - read, never bound
TLS = "tls: {cert_file: c, key_file: k}"
AUTH = "auth: {bearer_token_file: t}"
HASH = "$2y$04$" + "a" * 53


def read(server):
    return understand(f"server: {{{server}}}\nmodels: {{m: {{classes: [a, b]}}}}\n".encode(), FILE)


def problems(server):
    with pytest.raises(InputError) as caught:
        read(server)
    return [str(problem).removeprefix(f"{FILE}:1: ") for problem in caught.value.problems]


def test_everything_that_can_be_written_is_read_with_paths_beside_the_file():
    server = read(
        "listen: 0.0.0.0:9464, tls: {cert_file: tls/c.pem, key_file: tls/k.pem, client_ca_file: /ca.pem}, "
        "auth: {bearer_token_file: token, basic_users_file: users}, probes: '[::]:9465', insecure: false"
    ).server
    folder = FILE.parent
    assert server == ServerSettings(
        (ANY, 9464),
        Tls(folder / "tls/c.pem", folder / "tls/k.pem", Path("/ca.pem")),
        Auth(folder / "token", folder / "users"),
        ("::", 9465),
        insecure=False,
    )


@pytest.mark.parametrize(
    "server",
    [
        "listen: 127.0.0.1:1",
        "listen: '[::1]:1'",
        "listen: localhost:1",
        "listen: 127.9.9.9:1",
        f"listen: 0.0.0.0:1, {TLS}",
        "listen: 0.0.0.0:1, insecure: true",
        "listen: 127.0.0.1:1, probes: 0.0.0.0:2",
        "listen: 127.0.0.1:0, probes: 127.0.0.1:0",
        "listen: 127.0.0.1:1, probes: 127.0.0.2:1",
        f"listen: 127.0.0.1:1, {AUTH}",
    ],
)
def test_what_nobody_else_can_read_or_what_is_said_aloud_is_taken(server):
    read(server)


@pytest.mark.parametrize("host", [ANY, "[::]", "10.0.0.1", "foldwatch.example", "[::ffff:10.0.0.1]", "[fe80::1]"])
@pytest.mark.parametrize("more", ["", ", insecure: false", f", {AUTH}", ", probes: 127.0.0.1:2"])
def test_an_address_that_others_can_reach_needs_tls_or_an_explicit_word(host, more):
    (problem,) = problems(f"listen: '{host}:9464'{more}")
    assert problem.startswith("server.listen: others can reach this address, and what they read and send is not enc")
    assert "add `tls: {cert_file: …, key_file: …}`, or listen on 127.0.0.1, or say `insecure: true`" in problem


@pytest.mark.parametrize(
    ("server", "place", "finding", "remedy"),
    [
        ("tls: {key_file: k}", "server.tls", "`cert_file` is missing", "add `cert_file`"),
        ("tls: {cert_file: c}", "server.tls", "`key_file` is missing", "add `key_file`"),
        ("tls: {cert_file: c, key_file: k, cafile: x}", "server.tls.cafile", "unknown key", "`client_ca_file`"),
        ("tls: {cert_file: c, key_file: k, ca_file: x}", "server.tls.ca_file", "unknown key", "`client_ca_file`"),
        ("tls: {cert_file: c, key_file: k, password: x}", "server.tls.password", "unknown key", "use one of"),
        ("tls: {cert_file: c, key_flie: k}, insecure: true", "server.tls.key_flie", "unknown key", "mean `key_file`"),
        ("tls: true", "server.tls", "single value", "write a mapping"),
        ("tls: [c, k]", "server.tls", "is a list", "write a mapping"),
        ("auth: {}", "server.auth", "neither a token nor users", "`bearer_token_file` or `basic_users_file`"),
        ("auth:", "server.auth", "neither a token nor users", "`bearer_token_file` or `basic_users_file`"),
        ("auth: {user_file: u}", "server.auth.user_file", "unknown key", "mean `basic_users_file`"),
        ("auth: {bearer_token_file: f, basic_users_file: f}", "server.auth.basic_users_file", "same file", "file each"),
        ("probes: 127.0.0.1:9464", "server.probes", "the address of `listen`", "a port of its own"),
        ("probes: localhost:9464", "server.probes", "the address of `listen`", "a port of its own"),
        ("probes: 0.0.0.0:9464", "server.probes", "the address of `listen`", "a port of its own"),
        ("listen: 127.0.0.1:1, probes: 127.0.0.1", "server.probes", "not HOST:PORT", "127.0.0.1:9464"),
        ("insecure: maybe", "server.insecure", "neither true nor false", "`true`"),
        ("lissten: 127.0.0.1:1", "server.lissten", "unknown key", "mean `listen`"),
        ("bind: 127.0.0.1:1", "server.bind", "unknown key", "mean `listen`"),
        ("ssl: {}", "server.ssl", "unknown key", "mean `tls`"),
        ("cert_file: c", "server.cert_file", "unknown key", "belongs to source.security or server.tls"),
        ("bearer_token_file: c", "server.bearer_token_file", "unknown key", "belongs to server.auth"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_line_key_and_remedy(server, place, finding, remedy):
    found = problems(server)
    assert any(
        problem.startswith(f"{place}: ") and finding in problem and remedy in problem.split("; ", 1)[1]
        for problem in found
    ), found


@pytest.mark.parametrize(
    ("server", "place", "home"),
    [
        ("auth: {bearer_token: hunter2}", "server.auth.bearer_token", "bearer_token_file"),
        ("auth: {token: hunter2}", "server.auth.token", "bearer_token_file"),
        ("auth: {password: hunter2}", "server.auth.password", "basic_users_file"),
        ("auth: {users: {amy: hunter2}}", "server.auth.users", "basic_users_file"),
        ("auth: {basic_users: [hunter2]}", "server.auth.basic_users", "basic_users_file"),
        (f"auth: {{basic_users_file: 'amy:{HASH}'}}", "server.auth.basic_users_file", "basic_users_file"),
        (f"auth: {{bearer_token_file: 'sha256:{'0' * 64}'}}", "server.auth.bearer_token_file", "bearer_token_file"),
        ('auth: {bearer_token_file: "hunter2\\nhunter3"}', "server.auth.bearer_token_file", "bearer_token_file"),
        ("tls: {cert_file: c, key_file: '-----BEGIN PRIVATE KEY----- hunter2'}", "server.tls.key_file", "key_file"),
        ("tls: {cert_file: '-----BEGIN CERTIFICATE----- hunter2', key_file: k}", "server.tls.cert_file", "cert_file"),
    ],
)  # fmt: skip
def test_a_secret_in_the_configuration_is_sent_to_a_file_of_its_own_and_never_shown(server, place, home):
    found = problems(server)
    first = next(problem for problem in found if problem.startswith(f"{place}: "))
    assert "secret" in first
    assert f"`{home}: PATH`" in first
    assert not [problem for problem in found if "hunter2" in problem or HASH in problem or "0" * 64 in problem]


def test_all_that_is_wrong_comes_at_once():
    lines = ("listen: 0.0.0.0:1", "probes: 0.0.0.0:1", "auth: {token: x}", "insecur: true")
    text = "\n  ".join(("server:", *lines)) + "\nmodels: {m: {classes: [a, b]}}"
    with pytest.raises(InputError) as caught:
        understand(text.encode(), FILE)
    assert [problem.place.removeprefix(f"{FILE}:") for problem in caught.value.problems] == [
        "2: server.listen",
        "3: server.probes",
        "4: server.auth.token",
        "4: server.auth",
        "5: server.insecur",
    ]


@pytest.mark.parametrize(
    ("server", "key", "finding"),
    [
        ("listen: 127.0.0.1:1, insecure: true", "insecure", "is of no use on a loopback address"),
        (f"listen: 0.0.0.0:1, insecure: true, {TLS}, {AUTH}", "insecure", "is of no use with `tls`"),
        (f"listen: 0.0.0.0:1, insecure: true, {AUTH}", "auth", "cross the network in clear"),
        ("listen: 0.0.0.0:1, insecure: true", "insecure", "whoever reaches 0.0.0.0:1 reads everything, and nothing is"),
        (f"listen: 0.0.0.0:1, {TLS}", "auth", "is missing: whoever reaches 0.0.0.0:1 may read everything"),
    ],
)
def test_what_opens_more_than_somebody_may_think_is_doubted(server, key, finding):
    (doubt,) = server_doubts(read(server))
    assert doubt.place == f"{FILE}: server.{key}"
    assert doubt.finding.startswith(finding) or finding in doubt.finding
    assert doubt.remedy


@pytest.mark.parametrize(
    "server",
    ["", "listen: 127.0.0.1:1", f"listen: 127.0.0.1:1, {AUTH}", f"listen: 0.0.0.0:1, {TLS}, {AUTH}",
     "listen: 0.0.0.0:1, tls: {cert_file: c, key_file: k, client_ca_file: a}"],
)  # fmt: skip
def test_what_is_closed_is_not_doubted(server):
    assert list(server_doubts(read(server))) == []
