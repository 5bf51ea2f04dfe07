"""Who may read: the door itself, without a network."""

import asyncio
import hashlib
import logging

import bcrypt
import pytest
from asked import asked, basic
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from monitor.config import Auth
from monitor.errors import InputError
from monitor.serve import tokens
from monitor.serve.access import Guard, access_problems
from monitor.serve.refusals import Refusals

TOKEN = "a-token-0123456789-abcdef"  # noqa: S105 - the test's own
SECOND = "another/token+of=the.same~file"
HASHED = "known-by-its-hash-alone-77"
PASSWORD = "öffne: dich, Sesam"  # noqa: S105 - the test's own
INSIDE = PlainTextResponse("the numbers")


def hashed(password, cost=4, variant="2y"):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode().replace("$2b$", f"${variant}$")


TOKENS = f"# rotated in May\n\n  {TOKEN}\t\r\n{SECOND}\nsha256:{hashlib.sha256(HASHED.encode()).hexdigest().upper()}\n"
USERS = f"# people\namy:{hashed(PASSWORD)}\nprometheus:{hashed('scrape me', 5, '2a')}\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "token").write_text(TOKENS)
    (folder / "users").write_text(USERS)
    return Auth(folder / "token", folder / "users")


@pytest.fixture(scope="module")
def guard(files):
    return Guard(INSIDE, files, Refusals())


def bearer(token):
    return f"Bearer {token}".encode()


@pytest.mark.parametrize("token", [TOKEN, SECOND, HASHED])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer   "])
def test_every_token_of_the_file_opens_whatever_the_case_of_the_scheme(guard, token, scheme):
    assert asked(guard, f"{scheme} {token}".encode()).body == b"the numbers"


@pytest.mark.parametrize(("name", "password"), [("amy", PASSWORD), ("prometheus", "scrape me")])
def test_a_user_with_the_right_password_may_read_colon_and_umlaut_included(guard, name, password):
    assert asked(guard, basic(name, password)).status == 200
    assert asked(guard, basic(name, password).replace(b"Basic", b"bASIC")).status == 200


WRONG = {
    "nothing": (),
    "an empty header": (b"",),
    "the scheme alone": (b"Bearer",),
    "an empty token": (b"Bearer ",),
    "a wrong token": (bearer("x" * 25),),
    "all but the last character": (bearer(TOKEN[:-1]),),
    "all but the first character": (bearer(TOKEN[1:]),),
    "one character more": (bearer(TOKEN + "x"),),
    "one blank inside": (bearer(TOKEN[:5] + " " + TOKEN[5:]),),
    "another case": (bearer(TOKEN.upper()),),
    "two tokens at once": (bearer(f"{TOKEN},{SECOND}"),),
    "the hash of the token": (bearer(hashlib.sha256(HASHED.encode()).hexdigest()),),
    "the line of the file": (bearer("sha256:" + hashlib.sha256(HASHED.encode()).hexdigest()),),
    "a comment of the file": (bearer("#"),),
    "the token without a scheme": (TOKEN.encode(),),
    "another scheme": (f"Token {TOKEN}".encode(),),
    "the token as basic": (f"Basic {TOKEN}".encode(),),
    "the token as a password": (basic("", TOKEN),),
    "the token twice": (bearer(TOKEN), bearer(TOKEN)),
    "a right and a wrong one": (bearer(TOKEN), bearer("x")),
    "bytes that are not ASCII": (b"Bearer \xff\xfe",),
    "a zero byte": (bearer(TOKEN + "\0"),),
    "a huge header": (bearer(TOKEN + "x" * 100_000),),
    "a tab for a blank": (f"Bearer\t{TOKEN}".encode(),),
    "no base64": (b"Basic ????",),
    "base64 of no UTF-8": (b"Basic //79",),
    "no colon": (b"Basic YW15",),
    "an empty user": (basic("", PASSWORD),),
    "an empty password": (basic("amy", ""),),
    "a wrong password": (basic("amy", "x"),),
    "the beginning of a password": (basic("amy", PASSWORD[:-1]),),
    "a longer password": (basic("amy", PASSWORD + "x"),),
    "somebody else's password": (basic("amy", "scrape me"),),
    "an unknown user": (basic("bob", PASSWORD),),
    "another case of the user": (basic("Amy", PASSWORD),),
    "a control character": (basic("amy", PASSWORD + "\0"),),
    "a password as a token": (bearer("scrape"),),
    "a user twice": (basic("amy", PASSWORD), basic("amy", PASSWORD)),
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_anything_else_is_refused_in_words_that_quote_nothing(files, sent):
    refusals = Refusals()
    answer = asked(Guard(INSIDE, files, refusals), *sent)
    assert answer.status == 401
    assert answer.all("content-type") == ["text/plain; charset=utf-8"]
    challenges = answer.all("www-authenticate")
    assert challenges[0].startswith('Bearer realm="foldwatch"')
    assert challenges[1:] == ['Basic realm="foldwatch", charset="UTF-8"']
    assert b"`Authorization: Bearer TOKEN`" in answer.body
    assert len(answer.body) < 300
    assert refusals.counts()["unauthorized"] == 1


def test_a_wrong_token_is_told_to_be_one_as_rfc_6750_has_it(guard):
    assert 'error="invalid_token"' in asked(guard, bearer("x")).all("www-authenticate")[0]
    assert "error" not in asked(guard).all("www-authenticate")[0]


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_the_probes_are_for_everybody(guard, path):
    assert asked(guard, path=path).status == 200
    assert asked(guard, b"Bearer wrong", path=path).status == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/api/v1/report", "/nothing", "", "//-/ready", "/-/ready/", "/-/Ready", "/-/ready/../metrics",
     "/-/healthy;x", "/-/", "-/ready", "http://x/-/ready"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_everything_else_asks_who_is_there_whether_it_exists_or_not(guard, path, method):
    answers = {asked(guard, path=path, method=method).body, asked(guard).body}
    assert len(answers) == 1
    assert asked(guard, path=path, method=method).status == 401


def test_a_connection_of_another_kind_is_not_let_through(files):
    async def inside(*_):
        raise AssertionError

    async def connect():
        told = []

        async def send(message):
            told.append(message)

        scope = {"type": "websocket", "path": "/metrics", "headers": [], "client": None}
        await Guard(inside, files, Refusals())(scope, None, send)
        return told

    assert asyncio.run(connect())[0]["status"] == 401


def test_where_one_kind_alone_is_configured_the_other_is_neither_asked_for_nor_taken(files):
    tokens_alone = Guard(INSIDE, Auth(bearer_token_file=files.bearer_token_file), Refusals())
    assert asked(tokens_alone, bearer(TOKEN)).status == 200
    refused = asked(tokens_alone, basic("amy", PASSWORD))
    assert (refused.status, refused.all("www-authenticate")) == (401, ['Bearer realm="foldwatch"'])
    assert b"Basic" not in refused.body
    users_alone = Guard(INSIDE, Auth(basic_users_file=files.basic_users_file), Refusals())
    assert asked(users_alone, basic("amy", PASSWORD)).status == 200
    refused = asked(users_alone, bearer(TOKEN))
    assert refused.status == 401
    assert refused.all("www-authenticate") == ['Basic realm="foldwatch", charset="UTF-8"']
    assert b"Bearer" not in refused.body


@given(st.binary(max_size=60))
def test_no_bytes_whatever_open_or_break_it(guard, value):
    assert asked(guard, value).status == 401
    assert asked(guard, b"Bearer " + value).status == 401


WRITABLE = st.characters(codec="utf-8")


@given(st.text(WRITABLE, max_size=20), st.text(WRITABLE, max_size=80))
def test_whatever_is_sent_as_user_and_password_is_compared_or_refused_and_never_breaks(guard, name, password):
    if (name, password) != ("amy", PASSWORD):
        assert asked(guard, basic(name, password)).status == 401


@pytest.mark.parametrize("token", [TOKEN, SECOND, HASHED, "wrong"])
def test_every_digest_is_compared_even_when_the_first_is_right(guard, monkeypatch, token):
    compared, real = [], tokens.hmac.compare_digest

    def comparing(one, other):
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(tokens.hmac, "compare_digest", comparing)
    asked(guard, bearer(token))
    assert compared == [hashlib.sha256(each.encode()).digest() for each in (TOKEN, SECOND, HASHED)]


def test_nothing_that_can_be_printed_of_it_shows_a_secret(files, guard):
    held = vars(guard)
    shown = f"{guard!r} {held!r} {vars(held['_tokens'])!r} {vars(held['_users'])!r} {files!r}"
    for secret in (TOKEN, SECOND, HASHED, PASSWORD, "$2y$", hashlib.sha256(TOKEN.encode()).hexdigest()):
        assert secret not in shown
    assert str(hashlib.sha256(TOKEN.encode()).digest())[2:-1] not in shown


def test_who_is_turned_away_is_logged_at_most_once_a_minute_and_without_what_was_sent(files, caplog):
    moment = [0.0]
    guard = Guard(INSIDE, files, Refusals(), monotonic=lambda: moment[0])
    with caplog.at_level(logging.INFO, "foldwatch"):
        for _ in range(50):
            asked(guard, bearer("my-secret"), address="192.0.2.7")
        moment[0] = 60.0
        asked(guard, bearer("my-secret"), address="192.0.2.8")
    told = [(record.getMessage(), record.requests, record.address) for record in caplog.records]
    assert told == [("unauthorized", 1, "192.0.2.7"), ("unauthorized", 50, "192.0.2.8")]
    assert "my-secret" not in caplog.text


def test_all_that_is_wrong_with_both_files_comes_at_once(tmp_path):
    (tmp_path / "token").write_text("two words\nfine-token\nsha256:abc\n")
    (tmp_path / "users").write_text("amy:{SHA}nothing\nno colon\n")
    auth = Auth(tmp_path / "token", tmp_path / "users")
    with pytest.raises(InputError) as caught:
        Guard(INSIDE, auth, Refusals())
    problems = [str(problem) for problem in caught.value.problems]
    assert problems == [str(problem) for problem in access_problems(auth)]
    assert [problem.partition(": ")[0] for problem in problems] == [
        f"server.auth.bearer_token_file {tmp_path}/token:1",
        f"server.auth.bearer_token_file {tmp_path}/token:3",
        f"server.auth.basic_users_file {tmp_path}/users:1",
        f"server.auth.basic_users_file {tmp_path}/users:2",
    ]
    assert all("; " in problem for problem in problems)


def test_a_token_that_is_too_long_for_a_name_is_not_shown_either(tmp_path):
    (problem,) = access_problems(Auth(bearer_token_file=tmp_path / ("a1" * 300)))
    assert "too long" in problem.finding
    assert "a1a1" not in str(problem)


def test_a_token_in_the_place_of_its_file_is_not_shown(tmp_path):
    pasted = "5f0c8e5b0a7d4c1e9b3a2f6d8e7c1b0a"
    (problem,) = access_problems(Auth(bearer_token_file=tmp_path / pasted))
    assert str(problem).startswith(
        "server.auth.bearer_token_file (a name that looks like the secret itself): is not there"
    )
    assert pasted not in str(problem)
    (tmp_path / pasted).write_text("two words")
    (problem,) = access_problems(Auth(bearer_token_file=tmp_path / pasted))
    assert pasted in str(problem)
    (problem,) = access_problems(Auth(bearer_token_file=tmp_path / "foldwatch-bearer-token.txt"))
    assert "foldwatch-bearer-token.txt" in str(problem)


def test_without_authentication_there_is_nothing_to_find():
    assert access_problems(None) == []
