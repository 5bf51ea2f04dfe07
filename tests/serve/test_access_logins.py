"""Passwords: right ones are quick from the second time on, wrong ones cost only whoever tries them."""

import asyncio
import time

import bcrypt
import pytest
from asked import ask, basic
from starlette.responses import PlainTextResponse

from monitor.config import Auth
from monitor.serve import logins as module
from monitor.serve.access import Guard
from monitor.serve.logins import Logins, TooManyLogins
from monitor.serve.refusals import Refusals
from monitor.serve.users import MOST_PASSWORD_BYTES, Users, read_users

LONGEST = "é" * 36
"""72 bytes."""


def users(cost=4, **passwords):
    return Users({name: bcrypt.hashpw(each.encode(), bcrypt.gensalt(cost)) for name, each in passwords.items()})


@pytest.fixture
def computed(monkeypatch):
    """Every comparison by bcrypt: (hash, whether it was right)."""
    seen, real = [], bcrypt.checkpw

    def comparing(password, hashed):
        seen.append((hashed, real(password, hashed)))
        return seen[-1][1]

    monkeypatch.setattr(module.bcrypt, "checkpw", comparing)
    return seen


def tried(logins, known, *attempts, address="192.0.2.1"):
    """One attempt after the other: (name, password)."""

    async def run():
        return [await logins.right(known, name, password.encode(), address) for name, password in attempts]

    return asyncio.run(run())


def test_a_right_password_is_computed_once_a_wrong_one_every_time(computed):
    known, logins = users(amy="right"), Logins()
    assert tried(logins, known, *[("amy", "right")] * 3, *[("amy", "wrong")] * 3, ("amy", "right")) == [
        *[True] * 3,
        *[False] * 3,
        True,
    ]
    assert [right for _, right in computed] == [True, False, False, False]


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("myName:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC", "myPassword"),
        ("myName:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ],
    ids=["as Apache's documentation shows what htpasswd -B writes", "of crypt_blowfish's own tests"],
)
def test_a_hash_that_others_made_is_compared_as_they_would(line, password):
    known = read_users("F", line.encode())
    assert tried(Logins(), known, ("myName", password), ("myName", password + " ")) == [True, False]


def test_an_unknown_user_costs_as_much_as_a_known_one(computed):
    known, logins = users(5, amy="right"), Logins()
    assert tried(logins, known, ("bob", "right"), ("amy", "wrong"), ("", "")) == [False] * 3
    assert [hashed[:7] for hashed, _ in computed] == [b"$2b$05$"] * 3


def test_an_unknown_user_always_has_the_same_cost_and_it_is_one_of_those_that_users_have(computed):
    known = Users({**users(4, amy="a").hashes, **users(5, bob="b").hashes})
    names = [f"n{i}" for i in range(12)]
    logins = Logins()
    tried(logins, known, *[(name, "x") for name in names], *[(name, "x") for name in names])
    costs = [hashed[:7] for hashed, _ in computed]
    assert costs[:12] == costs[12:]
    assert set(costs) == {b"$2b$04$", b"$2b$05$"}


def test_what_was_right_is_forgotten_with_the_password_and_kept_for_who_is_still_the_same(computed):
    before, logins = users(amy="right", bob="other"), Logins()
    tried(logins, before, ("amy", "right"), ("bob", "other"))
    after = Users({**before.hashes, **users(bob="new").hashes})
    assert tried(logins, after, ("amy", "right"), ("bob", "other"), ("bob", "new")) == [True, False, True]
    assert len(computed) == 4
    assert tried(logins, Users({"bob": after.hashes["bob"]}), ("amy", "right"), ("bob", "new")) == [False, True]
    assert tried(logins, before, ("amy", "right"), ("bob", "other")) == [True, True]
    assert len(computed) == 7


def test_a_password_has_up_to_72_bytes_and_a_longer_one_is_wrong_at_once(computed):
    assert len(LONGEST.encode()) == MOST_PASSWORD_BYTES
    known, logins = users(amy=LONGEST), Logins()
    assert tried(logins, known, ("amy", LONGEST), ("amy", LONGEST + "x"), ("amy", LONGEST * 9)) == [True, False, False]
    assert len(computed) == 1


def test_the_same_login_many_times_at_once_is_computed_once(computed):
    known, logins = users(amy="right"), Logins()

    async def run():
        return await asyncio.gather(*(logins.right(known, "amy", b"right", "192.0.2.1") for _ in range(20)))

    assert asyncio.run(run()) == [True] * 20
    assert len(computed) == 1


def test_many_from_one_address_hold_up_another_for_one_comparison_at_most(computed):
    known, logins = users(amy="right"), Logins()

    async def run():
        flood = [asyncio.create_task(logins.right(known, "amy", f"x{i}".encode(), "192.0.2.1")) for i in range(40)]
        await asyncio.sleep(0)
        right = await logins.right(known, "amy", b"right", "192.0.2.2")
        before = len(computed)
        return right, before, await asyncio.gather(*flood)

    right, before, flood = asyncio.run(run())
    assert right
    assert before <= 3
    assert flood == [False] * 40


def test_who_lets_too_many_wait_is_told_to_come_again_and_nobody_else_is(tmp_path):
    (tmp_path / "users").write_bytes(b"amy:" + bcrypt.hashpw(b"right", bcrypt.gensalt(4)))
    refusals = Refusals()
    guard = Guard(PlainTextResponse("in"), Auth(basic_users_file=tmp_path / "users"), refusals)

    async def run():
        flood = [ask(guard, basic("amy", f"x{i}"), address="192.0.2.1") for i in range(100)]
        return await asyncio.gather(*flood, ask(guard, basic("amy", "right"), address="192.0.2.2"))

    *flood, other = asyncio.run(run())
    statuses = [answer.status for answer in flood]
    assert (other.status, statuses.count(401), statuses.count(429)) == (200, 64, 36)
    assert flood[-1].all("retry-after") == ["10"]
    assert refusals.counts()["unauthorized"] == 100


def test_too_many_from_everywhere_are_told_so_too():
    known, logins = users(amy="right"), Logins()

    async def run():
        attempts = [logins.right(known, "amy", b"x", f"192.0.2.{i}") for i in range(200)]
        return await asyncio.gather(*attempts, return_exceptions=True)

    ended = asyncio.run(run())
    assert ended.count(False) == 128
    assert sum(isinstance(each, TooManyLogins) for each in ended) == 72


def test_while_passwords_are_computed_the_loop_answers_others(tmp_path):
    """Sixteen comparisons of a quarter of a second in all: what needs none of them is answered meanwhile."""
    (tmp_path / "users").write_bytes(b"amy:" + bcrypt.hashpw(b"right", bcrypt.gensalt(8)))
    (tmp_path / "token").write_text("a-token-0123456789")
    guard = Guard(PlainTextResponse("in"), Auth(tmp_path / "token", tmp_path / "users"), Refusals())

    async def run():
        assert (await ask(guard, basic("amy", "right"))).status == 200
        flood = [asyncio.create_task(ask(guard, basic("amy", f"x{i}"))) for i in range(16)]
        await asyncio.sleep(0)
        begun, longest = time.monotonic(), 0.0
        while not all(task.done() for task in flood):
            asked_at = time.monotonic()
            assert (await ask(guard, b"Bearer a-token-0123456789")).status == 200
            assert (await ask(guard, basic("amy", "right"))).status == 200
            longest = max(longest, time.monotonic() - asked_at)
            await asyncio.sleep(0.005)
        return time.monotonic() - begun, longest

    taken, longest = asyncio.run(run())
    assert longest < taken / 2


def test_logins_show_nothing_of_what_they_remember():
    logins = Logins()
    tried(logins, users(amy="right"), ("amy", "right"))
    assert repr(logins) == "Logins()"
