"""The files behind the door: what may stand in them, and that a change is in force and a mistake is not."""

import hashlib
import logging
import os
import time

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import InputError, Problem
from monitor.serve.followed import LOOK_SECONDS, STILL_SECONDS, Followed, contents
from monitor.serve.tokens import read_tokens, token_doubts
from monitor.serve.users import read_users, user_doubts

AMY = "$2y$04$" + "a" * 21 + "." + "b" * 31


def digest(token):
    return hashlib.sha256(token).digest()


def refused(read, raw):
    """The problems of a file: line or nothing, finding, remedy."""
    with pytest.raises(InputError) as caught:
        read("F", raw)
    return [(problem.place.removeprefix("F"), problem.finding, problem.remedy) for problem in caught.value.problems]


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [b"abc", b"abc\n", b"  abc \t\r\n", b"# old\n\nabc\n#more", b"\xef\xbb\xbfabc\n", b"abc\nabc\n",
     b"sha256:" + hashlib.sha256(b"abc").hexdigest().encode()],
)  # fmt: skip
def test_blank_lines_comments_marks_and_blanks_around_a_token_do_not_matter(raw):
    assert read_tokens("F", raw).digests == (digest(b"abc"),)


@pytest.mark.parametrize(
    ("raw", "line", "finding", "remedy"),
    [
        (b"", "", "holds no token", "openssl rand -hex 32"),
        (b" \n\n# abc\n", "", "holds no token", "openssl rand -hex 32"),
        (b"abc\nab c\n", ":2", "blank inside", "one word"),
        ("schlüssel".encode(), ":1", "not ASCII", "one word"),
        (b"abc\n\xff\n", ":2", "not UTF-8", "UTF-8"),
        ("abc".encode("utf-16"), "", "UTF-16", "UTF-8"),
        (b"a\0c", ":1", "not ASCII", "one word"),
        (b"x" * 5000, ":1", "longer than 4096", "openssl rand"),
        (b"sha256:", ":1", "64 hexadecimal digits", "sha256sum"),
        (b"sha256:" + b"0" * 63, ":1", "64 hexadecimal digits", "sha256sum"),
        (b"sha256:" + b"g" * 64, ":1", "64 hexadecimal digits", "sha256sum"),
        (b"sha256:" + hashlib.sha256(b"").hexdigest().encode(), ":1", "the hash of nothing", "sha256sum"),
    ],
)
def test_a_line_that_cannot_be_a_token_is_named_and_not_shown(raw, line, finding, remedy):
    ((place, found, to_do),) = refused(read_tokens, raw)
    assert (place, finding in found, remedy in to_do) == (line, True, True)


@given(st.lists(st.text("abcXYZ019-._~+/=", min_size=1, max_size=12), min_size=1, max_size=5), st.randoms())
def test_every_token_of_any_file_is_right_and_none_of_its_neighbours_is(written, chance):
    lines = [each if chance.random() < 0.5 else f"sha256:{digest(each.encode()).hex()}" for each in written]
    known = read_tokens("F", "\n".join(lines).encode())
    for token in written:
        assert known.hold(token.encode())
        assert known.hold(token.encode()[:-1]) == (token[:-1] in written)
        assert known.hold(token.encode() + b"0") == (token + "0" in written)
    assert not known.hold(b"")


def test_a_token_that_can_be_guessed_is_doubted_and_a_hash_tells_no_length():
    raw = b"# short ones\nhunter2\nfifteen-letters\n" + b"sixteen--letters\nsha256:" + b"0" * 64
    assert [problem.place for problem in token_doubts("F", raw)] == ["F:2", "F:3"]
    assert all("hunter2" not in str(problem) for problem in token_doubts("F", raw))


# --- users ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["$2y$", "$2b$", "$2a$"])
def test_lines_of_htpasswd_with_bcrypt_are_users(variant):
    line = f"ämy smith:{AMY.replace('$2y$', variant)}"
    assert dict(read_users("F", f"# x\n\n {line}\r\n".encode()).hashes) == {
        "ämy smith": line.partition(":")[2].encode()
    }


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("amy:$apr1$salt$hash", "MD5 (apr1)"),
        ("amy:$1$salt$hash", "MD5 (crypt)"),
        ("amy:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
        ("amy:{SSHA}W6ph5Mm5", "salted SHA-1"),
        ("amy:$5$salt$hash", "SHA-256 (crypt)"),
        ("amy:$6$salt$hash", "SHA-512 (crypt)"),
        ("amy:$y$j9T$salt$hash", "yescrypt"),
        ("amy:$argon2id$v=19$x", "Argon2"),
        ("amy:" + AMY.replace("$2y$", "$2x$"), "faulty variant 2x"),
        ("amy:rl.3StKT.4T8M", "DES (crypt)"),
        ("amy:hunter2", "not hashed"),
        ("amy:", "not hashed"),
        ("amy:" + AMY[:-1], "damaged"),
        ("amy:" + AMY + "x", "damaged"),
        ("amy:" + AMY.replace(".", "z", 1), "damaged"),
        ("amy:" + AMY.replace("$04$", "$03$"), "below 4"),
        ("amy:" + AMY.replace("$04$", "$18$"), "above 17"),
        (":" + AMY, "no name"),
        ("hunter2", "not NAME:HASH"),
    ],
)
def test_any_other_hash_is_refused_by_its_name_and_never_shown(line, finding):
    ((place, found, remedy),) = refused(read_users, f"# people\n{line}\n".encode())
    assert (place, finding in found) == (":2", True)
    assert "htpasswd -B" in remedy
    assert "hunter2" not in found
    assert "amy" not in found


def test_every_bad_line_is_named_at_once_and_a_user_stands_there_once():
    raw = f"amy:{AMY}\nbob\namy:{AMY}\neve:x\n".encode()
    assert [place for place, _, _ in refused(read_users, raw)] == [":2", ":3", ":4"]
    assert "line 1" in refused(read_users, raw)[1][1]


@pytest.mark.parametrize("raw", [b"", b"\n# amy\n"])
def test_a_file_without_users_is_refused(raw):
    assert refused(read_users, raw)[0][1] == "holds no user"


def test_a_cheap_hash_is_doubted():
    costly = AMY.replace("$04$", "$10$")
    doubts = user_doubts("F", f"amy:{costly}\nbob:{AMY}\n".encode())
    assert [(problem.place, "cost is 4" in problem.finding) for problem in doubts] == [("F:2", True)]


def test_what_bcrypt_itself_makes_is_taken():
    for rounds in (4, 5):
        for _ in range(20):
            line = b"amy:" + bcrypt.hashpw(b"x", bcrypt.gensalt(rounds))
            assert len(read_users("F", line)) == 1


# --- following -----------------------------------------------------------------------------------------------------


class Times:
    """Both clocks, moved by hand; the wall's is ahead of every file that a test has just written."""

    def __init__(self):
        self.passed = 0.0

    def monotonic(self):
        return self.passed

    def wall(self):
        return time.time() + STILL_SECONDS + self.passed

    def look(self):
        self.passed += LOOK_SECONDS


def read(place, raw):
    """A file that holds a word, in two halves."""
    if not raw.endswith(b"."):
        raise InputError(Problem(place, "has no full stop", "write one"))
    return raw.decode()


@pytest.fixture
def times():
    return Times()


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_text("one.")
    return tmp_path / "file"


@pytest.fixture
def followed(path, times):
    return Followed("F", path, read, monotonic=times.monotonic, wall=times.wall)


def test_a_change_is_in_force_at_the_next_look_and_not_looked_for_more_often(followed, path, times):
    path.write_text("two.")
    assert followed.current() == "one."
    times.passed += LOOK_SECONDS - 0.1
    assert followed.current() == "one."
    times.passed += 0.1
    assert followed.current() == "two."


def test_a_change_of_the_same_length_and_time_is_seen(followed, path, times):
    before = path.stat()
    path.write_text("two.")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    times.look()
    assert followed.current() == "two."


@pytest.mark.parametrize(
    ("broken", "finding"), [("", "no full stop"), ("tw", "no full stop"), (None, "is not there"), (..., "is no file")]
)
def test_what_is_broken_changes_nothing_is_logged_once_and_mended(followed, path, times, caplog, broken, finding):
    path.unlink()
    if broken is ...:
        os.mkfifo(path)
    elif broken is not None:
        path.write_text(broken)
    with caplog.at_level(logging.INFO, "foldwatch"):
        for _ in range(5):
            times.look()
            assert followed.current() == "one."
    assert [record.getMessage() for record in caplog.records] == ["file not taken"]
    assert finding in caplog.records[0].why
    path.unlink(missing_ok=True)
    path.write_text("three.")
    times.look()
    assert followed.current() == "three."


def test_a_second_mistake_of_another_kind_is_logged_too(followed, path, times, caplog):
    path.write_text("")
    times.look()
    followed.current()
    path.unlink()
    times.look()
    followed.current()
    assert len(caplog.records) == 2


def test_a_file_that_was_written_to_just_now_is_not_believed_to_be_whole(path, times):
    followed = Followed(
        "F", path, read, monotonic=times.monotonic, wall=lambda: path.stat().st_ctime + times.passed / 3.9
    )
    path.write_text("tw.")
    times.look()
    assert followed.current() == "one."
    times.look()
    assert followed.current() == "tw."


def test_a_swapped_volume_is_seen_through_its_links(tmp_path, times):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(f"{name}.")
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "file").symlink_to("..data/file")
    followed = Followed("F", tmp_path / "file", read, monotonic=times.monotonic, wall=times.wall)
    assert followed.current() == "first."
    (tmp_path / "..new").symlink_to("second")
    (tmp_path / "..new").replace(tmp_path / "..data")
    times.look()
    assert followed.current() == "second."


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "huge", "loop"])
def test_what_is_no_file_of_secrets_is_said_with_place_and_remedy(tmp_path, kind):
    path = tmp_path / "file"
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "huge":
        path.write_bytes(b"x" * (2**20 + 1))
    if kind == "loop":
        path.symlink_to(path)
    with pytest.raises(InputError) as caught:
        contents("F", path)
    (problem,) = caught.value.problems
    assert problem.place == "F"
    assert problem.finding
    assert problem.remedy
