"""The command `revalidate` on a state that a real daemon left, without one and beside one."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import time

import pytest
import revalidated
from revalidated import COPIES, CROSSVAL, Endpoint, promise

KEYS = {
    "model", "version", "triggered", "held_back_by", "decision", "baseline_before", "baseline_after", "reasons",
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return revalidated.made(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def candidates():
    """As good as the baseline in force; much worse; and of other classes."""
    return {"same": promise(11), "worse": promise(12, flip=0.5), "others": promise(13, classes=("a", "b"))}


@pytest.fixture
def scene(template, tmp_path):
    found = revalidated.copied(template, tmp_path)
    found.configure()
    return found


@pytest.fixture
def before(scene):
    """Hash of the baseline that the configuration names."""
    return json.loads((scene.folder / "churn-3.json").read_text())["content_hash"]


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def quiet_now():
    """Return quiet hours that this minute lies in, and the next ones."""
    minute = int(time.time() // 60) % 1440
    return "-".join(f"{at % 1440 // 60:02}:{at % 60:02}" for at in (minute - 5, minute + 30))


def elsewhere(scene):
    """The same configuration where there is no state: only the daemon can be asked."""
    job = revalidated.Scene(scene.folder / "job", scene.port)
    job.folder.mkdir()
    for name in ("train.csv", "estimators.py", "churn-3.json"):
        shutil.copy(scene.folder / name, job.folder)
    daemon = f"daemon: {{url: 'http://127.0.0.1:{scene.port}', token_file: ../state/token}}\n"
    job.config.write_text(scene.config.read_text() + daemon)
    return job


def test_a_dry_run_says_what_would_be_decided_and_writes_nothing_at_all(scene, before):
    files = tree(scene.folder)
    code, decision, _ = scene.decided("--dry-run")
    assert (code, decision["decision"], decision["triggered"]) == (0, "start", ["new_labels"])
    assert decision.keys() >= KEYS
    assert (decision["baseline_before"], decision["baseline_after"]) == (before, before)
    assert "600 labels came so far, more than 10" in decision["reasons"]
    assert tree(scene.folder) == files


def test_without_a_trigger_nothing_happens_and_nothing_is_entered(scene):
    scene.configure(when={"new_labels": 10_000})
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["triggered"], decision["held_back_by"]) == (0, "none", [], [])
    assert any("not more than 10000" in reason for reason in decision["reasons"])
    assert {entry["kind"] for entry in scene.ledger} <= {"config", "baseline"}


def test_a_candidate_that_deserves_it_is_promoted_and_the_pointer_moves(scene, before, candidates):
    after = scene.candidate(candidates["same"])
    code, decision, err = scene.decided()
    assert (code, decision["decision"]) == (0, "promoted"), decision["reasons"]
    assert (decision["baseline_before"], decision["baseline_after"]) == (before, after)
    assert decision["triggered"] == ["new_labels"]
    assert scene.pointer == {"churn": {"3": f"{after}.json"}}
    assert (scene.folder / "baselines" / f"{after}.json").exists()
    assert "Traceback" not in err
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["baseline_before"]) == (0, "none", after)


def test_a_worse_candidate_is_rejected_by_class_and_amount_and_nothing_changes(scene, before, candidates):
    scene.candidate(candidates["worse"])
    code, decision, _ = scene.decided()
    assert (code, decision["decision"]) == (1, "rejected")
    assert (decision["baseline_before"], decision["baseline_after"]) == (before, before)
    assert any(" of leave: " in reason and "beyond the margin" in reason for reason in decision["reasons"])
    assert scene.pointer == {}


def test_a_candidate_with_other_classes_is_rejected(scene, before, candidates):
    scene.candidate(candidates["others"])
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["baseline_after"]) == (1, "rejected", before)
    assert any("classes" in reason for reason in decision["reasons"])


def test_what_is_held_back_gives_none_with_the_guards_and_force_overrides_them(scene, candidates):
    unless = {"cool_down": "7d", "labels_per_class": 100_000, "quiet": [quiet_now()]}
    scene.configure(unless=unless)
    scene.candidate(candidates["same"])
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["triggered"]) == (0, "none", ["new_labels"])
    assert decision["held_back_by"] == ["quiet", "labels_per_class"]
    code, decision, _ = scene.decided("--force")
    assert (code, decision["decision"], decision["held_back_by"]) == (0, "promoted", [])
    assert decision["triggered"] == ["new_labels", "force"]
    code, decision, _ = scene.decided("--force", "--dry-run")
    assert (decision["decision"], decision["triggered"]) == ("start", ["force"])


def test_a_cool_down_counts_from_the_last_start(scene, candidates):
    scene.configure(when={"baseline_age": "1s"}, unless={"cool_down": "1h", "per_week": 1})
    scene.candidate(candidates["worse"])
    assert scene.decided()[1]["decision"] == "rejected"
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["held_back_by"]) == (0, "none", ["cool_down", "per_week"])


def test_people_read_a_block_of_words_and_progress_stands_on_stderr(scene, candidates):
    scene.candidate(candidates["same"])
    child = scene.start("revalidate")
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0
    assert out.startswith("churn 3: promoted\n")
    assert "triggered" in out
    assert "command begins, run " in err


def test_real_folds_are_cross_validated_where_the_command_runs(scene):
    scene.configure(CROSSVAL)
    code, decision, err = scene.decided()
    assert (code, decision["decision"]) == (0, "promoted"), (decision["reasons"], err)
    (name,) = scene.pointer["churn"].values()
    for end in ("", ".folds.csv", ".timings.json"):
        assert (scene.folder / "baselines" / f"{name}{end}").exists()


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({**CROSSVAL, "data": "nowhere.csv"}, "nowhere.csv: there is no such file"),
        ({**CROSSVAL, "target": "churned"}, "churned"),
        ({**CROSSVAL, "estimator": "estimators:third"}, "the matrix is singular"),
        ({**CROSSVAL, "estimator": "nosuch:factory"}, "nosuch"),
        ({**CROSSVAL, "data": {"query": "select * from nosuch", "url": "sqlite:///rows.db"}}, "no such table: nosuch"),
        ({"kind": "command", "argv": ["false"], "result": "result.json"}, "exit code 1"),
        ({"kind": "command", "argv": ["no-such-program"], "result": "result.json"}, "no-such-program"),
        ({"kind": "command", "argv": ["sleep", "60"], "result": "result.json", "time_limit": "1s"}, "time_limit"),
    ],
    ids=["no file", "no target", "raises in fold 3", "no factory", "bad query", "fails", "no program", "too long"],
)
def test_an_action_that_goes_wrong_is_a_failure_that_is_said_and_the_old_baseline_stays(scene, before, action, said):
    sqlite3.connect(scene.folder / "rows.db").close()
    (scene.folder / "rows.db").touch()
    scene.configure(action)
    code, decision, err = scene.decided()
    assert (code, decision["decision"]) == (1, "failed"), decision
    assert said in " ".join(decision["reasons"])
    assert (decision["baseline_before"], decision["baseline_after"]) == (before, before)
    assert scene.pointer == {}
    assert "Traceback" not in err


@pytest.mark.parametrize(("status", "said"), [(500, "500"), (None, "time_limit")], ids=["answers 500", "hangs"])
def test_an_endpoint_that_fails_or_hangs_is_a_failure_within_the_time_limit(scene, before, status, said):
    with Endpoint(status) as endpoint:
        scene.configure({"kind": "webhook", "url": endpoint.url, "time_limit": "2s"})
        begun = time.monotonic()
        code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["baseline_after"]) == (1, "failed", before)
    assert said in " ".join(decision["reasons"])
    assert time.monotonic() - begun < 30


def test_a_webhook_without_a_result_is_begun_and_stays_so(scene, before):
    with Endpoint(200) as endpoint:
        action = {"kind": "webhook", "url": endpoint.url}
        scene.configure(action, when={"baseline_age": "1s"}, unless={"cool_down": "1h"})
        code, decision, _ = scene.decided()
        assert (code, decision["decision"], decision["baseline_after"]) == (0, "start", before)
        ((headers, _),) = endpoint.requests
        assert headers["Idempotency-Key"] == decision["run"]
        assert scene.decided()[1]["held_back_by"] == ["cool_down"]
        assert len(endpoint.requests) == 1


def test_a_candidate_by_a_webhook_is_judged_and_who_deploys_is_told_with_another_key(scene, candidates):
    scene.candidate(candidates["same"])
    with Endpoint(200) as endpoint:
        scene.configure(on_promote={"kind": "webhook", "url": endpoint.url})
        assert scene.decided()[1]["decision"] == "promoted"
        ((headers, body),) = endpoint.requests
    assert headers["Idempotency-Key"].endswith("-promoted")
    assert json.loads(body)["baseline_after"] == candidates["same"].content_hash


def test_drift_is_looked_for_explains_and_triggers(scene):
    scene.configure(CROSSVAL)  # its candidate has a summary of the features
    assert scene.decided()[1]["decision"] == "promoted"
    scene.configure(when={"drift_share": 0.2})
    code, decision, err = scene.decided("--dry-run")
    assert (code, decision["decision"], decision["triggered"]) == (0, "start", ["drift_share"]), decision
    columns = decision["seen"]["drift"]["columns"]
    assert (columns["a"]["drifted"], columns["b"]["drifted"]) == (True, False)
    assert "churn 3: looking for drift" in err
    scene.configure(when={"drift_share": 1.0})
    assert scene.decided("--dry-run")[1]["decision"] == "none"


def test_a_ledger_that_was_cut_is_said_and_the_old_baseline_stays_in_force(scene, before, candidates):
    scene.candidate(candidates["worse"])
    assert scene.decided()[1]["decision"] == "rejected"
    path = scene.folder / "state" / "ledger.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    scene.candidate(candidates["same"])
    code, said, err = scene.run("revalidate", "--force")
    assert (code, said) == (2, None)
    assert "ledger.jsonl" in err
    assert "restore the ledger from a copy" in err
    assert scene.pointer == {}
    assert path.read_bytes() == content[: len(content) // 2]
    assert before


def test_two_at_once_do_it_once(scene, candidates):
    scene.candidate(candidates["same"])
    scene.configure({"kind": "command", "argv": ["sh", "-c", "echo x >> ran; sleep 1; cp candidate.json result.json"],
                     "result": "result.json"})  # fmt: skip
    both = [scene.start("revalidate", "--json", "-") for _ in range(2)]
    said = [json.loads(child.communicate(timeout=120)[0])["decisions"][0] for child in both]
    assert sorted(one["decision"] for one in said) == ["none", "promoted"]
    assert (scene.folder / "ran").read_text() == "x\n"


def test_killed_in_the_middle_and_run_again_it_goes_on_with_the_same_run(scene):
    scene.configure({**CROSSVAL, "estimator": "estimators:slow"})
    child = scene.start("revalidate")
    scene.until((scene.folder / "begun").exists)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    (begun,) = [entry for entry in scene.ledger if entry["kind"] == "decision"]
    assert (begun["decision"], scene.pointer) == ("start", {})
    (scene.folder / "go").touch()
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["run"]) == (0, "promoted", begun["run"])
    assert [entry["decision"] for entry in scene.ledger if entry["kind"] == "decision"] == ["start", "promoted"]
    code, said, _ = scene.run("revalidate", "log", "--verify")
    assert (code, said["findings"]) == (0, [])


def test_sigterm_cancels_the_action_and_is_recorded(scene, before):
    scene.configure({**CROSSVAL, "estimator": "estimators:slow"})
    child = scene.start("revalidate", "--json", "-")
    scene.until((scene.folder / "begun").exists)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 1, err
    (decision,) = json.loads(out)["decisions"]
    assert (decision["decision"], decision["baseline_after"]) == ("failed", before)
    assert any("cancelled" in reason for reason in decision["reasons"])
    assert scene.decided("--dry-run")[1]["decision"] in {"none", "start"}


def test_what_is_approved_by_hand_waits_for_it(scene, before, candidates):
    scene.configure(gate={"approval": "manual"})
    after = scene.candidate(candidates["same"])
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["waits_for_approval"]) == (0, "start", True)
    assert (decision["baseline_after"], scene.pointer) == (before, {})
    code, decision, _ = scene.decided("--force")
    assert (code, decision["decision"], decision["held_back_by"]) == (0, "none", ["open_run"])
    code, said, _ = scene.run("revalidate", "approve", "--model", "churn")
    assert (code, said["decisions"][0]["decision"], said["decisions"][0]["baseline_after"]) == (0, "promoted", after)
    assert scene.pointer == {"churn": {"3": f"{after}.json"}}
    code, said, err = scene.run("revalidate", "approve", "--model", "churn")
    assert (code, said) == (2, None)
    assert "nothing of `churn` waits for approval" in err


def test_a_rollback_brings_the_previous_baseline_back_and_what_was_rolled_back_needs_force(scene, before, candidates):
    scene.configure(when={"baseline_age": "1s"})
    after = scene.candidate(candidates["same"])
    assert scene.decided()[1]["baseline_after"] == after
    code, said, _ = scene.run("revalidate", "rollback", "--model", "churn")
    assert (code, said["decisions"][0]["baseline_before"], said["decisions"][0]["baseline_after"]) == (0, after, before)
    assert scene.pointer == {"churn": {"3": f"{before}.json"}}
    scene.until(lambda: scene.decided("--dry-run")[1]["decision"] == "start")
    code, decision, _ = scene.decided()
    assert (code, decision["decision"]) == (1, "rejected")
    assert any("rolled back" in reason for reason in decision["reasons"])
    code, decision, _ = scene.decided("--force")
    assert (code, decision["decision"], decision["baseline_after"]) == (0, "promoted", after)
    assert scene.run("revalidate", "rollback", "--model", "churn")[0] == 0
    code, _, err = scene.run("revalidate", "rollback", "--model", "churn")
    assert code == 2
    assert "nothing was promoted" in err


@pytest.mark.parametrize("change", ["changed", "removed", "reordered", "cut", "tail"])
def test_what_was_done_to_the_ledger_is_found(scene, candidates, change):
    scene.candidate(candidates["same"])
    assert scene.decided()[0] == 0
    path = scene.folder / "state" / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) >= 4
    code, said, _ = scene.run("revalidate", "log", "--verify")
    assert (code, said["findings"], len(said["entries"])) == (0, [], len(lines))
    if change == "changed":
        lines[2] = lines[2].replace(b"churn", b"churm", 1)
    elif change == "removed":
        del lines[2]
    elif change == "reordered":
        lines[1], lines[2] = lines[2], lines[1]
    elif change == "cut":
        lines[2] = lines[2][: len(lines[2]) // 2]
    else:
        del lines[-1]
    path.write_bytes(b"".join(lines))
    child = scene.start("revalidate", "log", "--verify")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "ledger.jsonl" in err
    assert "Traceback" not in err
    assert scene.pointer != {}


def test_the_log_shows_an_entry_a_line(scene, candidates):
    scene.candidate(candidates["same"])
    scene.decided()
    child = scene.start("revalidate", "log")
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert [line.split()[2] for line in out.splitlines()][-3:] == ["decision", "decision", "promotion"]
    assert "p17" not in out.split()


def test_on_promote_is_told_once_and_again_where_it_failed(scene, candidates):
    script = 'test -e ready || exit 3; echo "$FOLDWATCH_RUN" >> told'
    scene.configure(on_promote={"kind": "command", "argv": ["sh", "-c", script]})
    scene.candidate(candidates["same"])
    code, decision, _ = scene.decided()
    assert (code, decision["decision"]) == (0, "promoted")
    assert any("on_promote was not told" in warning for warning in decision["warnings"])
    (scene.folder / "ready").touch()
    assert scene.decided()[0] == 0
    assert scene.decided()[0] == 0
    assert (scene.folder / "told").read_text().split() == [decision["run"]]


def test_a_retrained_model_brings_its_own_version_and_the_old_one_keeps_its_baseline(scene, before):
    scene.configure({**COPIES, "version": "4"})
    after = scene.candidate(promise(11, version="4"))
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["version"], decision["baseline_after"]) == (0, "promoted", "3", after)
    assert decision["baseline_before"] == before
    assert scene.pointer["churn"]["4"] == f"{after}.json"


def test_beside_a_daemon_the_same_is_asked_of_it_and_it_takes_the_baseline_up_without_a_restart(scene, candidates):
    scene.configure(when={"baseline_age": "1s"})
    after = scene.candidate(candidates["same"])
    with scene.daemon():
        code, decision, err = scene.decided()
        assert (code, decision["decision"], decision["baseline_after"]) == (0, "promoted", after), err
        scene.until(lambda: f'baseline_sha256="{after}"' in scene.get("metrics")[1])
        code, said, _ = scene.run("revalidate", "log", "--verify")
        assert (code, said["findings"]) == (0, [])
        assert json.loads(scene.get("api/v1/ledger")[1])["entries"] == said["entries"]
        code, said, _ = scene.run("revalidate", "rollback", "--model", "churn")
        assert code == 0
        scene.until(lambda: f'baseline_sha256="{after}"' not in scene.get("metrics")[1])
        scene.candidate(candidates["worse"])
        assert scene.decided("--force")[1]["decision"] == "rejected"
        token = scene.folder / "state" / "token"
        assert oct(token.stat().st_mode & 0o777) == "0o600"


def test_a_wrong_token_is_said_and_nothing_is_decided(scene, candidates):
    scene.candidate(candidates["same"])
    (scene.folder / "token").write_text("not-the-right-one-at-all\n")
    scene.configure(top={"daemon": {"url": f"http://127.0.0.1:{scene.port}", "token_file": "token"}})
    with scene.daemon():
        code, said, err = scene.run("revalidate")
    assert (code, said) == (2, None)
    assert "does not know the token" in err
    assert "not-the-right-one" not in err
    assert scene.pointer == {}


def test_a_daemon_that_went_away_in_the_middle_is_waited_for_and_gets_the_result(scene):
    scene.configure({**CROSSVAL, "estimator": "estimators:slow", "time_limit": "5m"})
    job = elsewhere(scene)
    with scene.daemon():
        child = job.start("revalidate", "--json", "-")
        scene.until((job.folder / "begun").exists)
    (job.folder / "go").touch()  # the action ends while nobody listens
    for line in child.stderr:
        if "waiting: the daemon at" in line:
            break
    with scene.daemon():
        out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    (decision,) = json.loads(out)["decisions"]
    assert decision["decision"] == "promoted"
    assert scene.pointer == {"churn": {"3": f"{decision['baseline_after']}.json"}}
    assert not (job.folder / "state").exists()


def test_a_daemon_that_never_comes_is_said_with_exit_code_2(scene):
    job = elsewhere(scene)
    child = job.start("revalidate")
    for line in child.stderr:
        if "waiting: the daemon at" in line:
            break
    child.send_signal(signal.SIGTERM)  # else it would be waited for half a minute
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (2, "")
    assert "cannot be reached (connection refused)" in err


def test_without_a_store_and_a_daemon_the_folder_of_baselines_keeps_the_ledger(scene, candidates):
    del_store = scene.config.read_text().replace("store:\n  path: state\n", "")
    scene.config.write_text(del_store)
    after = scene.candidate(candidates["same"])
    assert scene.decided()[1]["decision"] == "none"
    code, decision, _ = scene.decided("--force")
    assert (code, decision["decision"], decision["baseline_after"]) == (0, "promoted", after)
    kinds = [
        json.loads(line)["kind"] for line in (scene.folder / "baselines" / "ledger.jsonl").read_text().splitlines()
    ]
    assert kinds[-3:] == ["decision", "decision", "promotion"]
    assert scene.run("revalidate", "log", "--verify")[:1] == (0,)


def test_a_gate_between_versions_says_unknown_without_labels_of_the_candidate(scene):
    code, said, _ = scene.run("revalidate", "gate", "--candidate", "4")
    assert (code, said["verdict"], said["candidate"]) == (1, "UNKNOWN", "4")


def test_a_gate_between_versions_is_ok_with_enough_labels_and_worse_for_one_that_is_worse(scene):
    scene.append("old", "3", 3_000, 0.9)
    scene.append("new", "4", 3_000, 0.9)
    scene.append("bad", "5", 3_000, 0.7)
    with scene.daemon(9_600):
        code, said, _ = scene.run("revalidate", "gate", "--candidate", "4", "--wait", "30s")
        assert (code, said["verdict"], said["against"]) == (0, "OK", "3"), said["reasons"]
        code, said, _ = scene.run("revalidate", "gate", "--candidate", "5")
        assert (code, said["verdict"]) == (1, "WORSE")


def test_a_full_disk_during_promotion_leaves_the_old_baseline_in_force(scene, before, candidates):
    scene.candidate(candidates["same"])
    os.chmod(scene.folder / "baselines", 0o500)  # noqa: PTH101 - root may write anyway, which the limit below does not care for
    child = scene.start("revalidate", "--json", "-", preexec_fn=_small_files)
    out, err = child.communicate(timeout=120)
    assert child.returncode in {2, 74}, (out, err)
    assert "Traceback" not in err
    assert scene.pointer == {}
    os.chmod(scene.folder / "baselines", 0o700)  # noqa: PTH101
    code, decision, _ = scene.decided()
    assert (code, decision["decision"], decision["baseline_before"]) == (0, "promoted", before)


def _small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
