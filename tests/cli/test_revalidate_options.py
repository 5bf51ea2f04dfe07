"""What `revalidate` takes and refuses before it asks anybody."""

import pytest

from monitor.cli import main, revalidate_asks
from monitor.revalidate.working.ending import Ending

COMMANDS = ("log", "rollback", "approve", "gate")


def test_the_help_shows_examples_and_every_command(capsys):
    assert main(["revalidate", "--help"]) == 0
    said = capsys.readouterr().out
    assert "  foldwatch revalidate --config foldwatch.yaml --dry-run\n" in said
    assert all(f"    {name} " in said for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_shows_an_example(capsys, command):
    assert main(["revalidate", command, "--help"]) == 0
    assert f"  foldwatch revalidate {command} --config foldwatch.yaml" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "the following arguments are required: --config"),
        (["log"], "the following arguments are required: --config"),
        (["approve", "--config", "x"], "the following arguments are required: --model"),
        (["rollback"], "the following arguments are required: --config, --model"),
        (["--force", "--dry-run", "log", "--config", "x"], "takes no --dry-run and no --force"),
        (["--model", "churn", "log", "--config", "x"], "takes no --model"),
        (["gate", "--config", "x"], "required: --candidate"),
        (["log", "--config", "x", "--force"], "unrecognized arguments: --force"),
    ],
)
def test_usage_errors_are_said_and_exit_with_2(capsys, argv, said):
    assert main(["revalidate", *argv]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["--config", "nowhere.yaml", "log", "--json", "-"],
        ["log", "--config", "nowhere.yaml", "--json", "-"],
        ["--config", "nowhere.yaml", "--model", "churn", "rollback"],
        ["--json", "-", "approve", "--model", "churn", "--config", "nowhere.yaml"],
    ],
)
def test_options_may_stand_before_and_behind_the_name_of_a_command(capsys, argv):
    assert main(["revalidate", *argv]) == 2
    captured = capsys.readouterr()
    assert (captured.out, "nowhere.yaml" in captured.err) == ("", True)


def test_a_time_to_wait_that_is_none_is_refused(capsys, tmp_path):
    config = tmp_path / "foldwatch.yaml"
    config.write_text("models: {churn: {classes: [stay, leave], positive: leave, windows: [1h], label_horizon: 0s}}\n")
    assert main(["revalidate", "gate", "--config", str(config), "--candidate", "4", "--wait", "soon"]) == 2
    assert "--wait: `soon` is no positive duration" in capsys.readouterr().err


def test_without_a_model_that_is_re_validated_there_is_nothing_to_ask(capsys, tmp_path):
    config = tmp_path / "foldwatch.yaml"
    config.write_text("models: {churn: {classes: [stay, leave], positive: leave, windows: [1h], label_horizon: 0s}}\n")
    assert main(["revalidate", "--config", str(config)]) == 2
    assert "no model has `revalidate:`" in capsys.readouterr().err
    assert main(["revalidate", "--config", str(config), "--model", "chrn"]) == 2
    assert "`chrn` is not in" in capsys.readouterr().err


def test_a_model_of_which_nothing_is_known_is_told_and_is_no_failure(capsys, tmp_path):
    config = tmp_path / "foldwatch.yaml"
    model = "classes: [stay, leave], windows: [1h], revalidate: {action: {kind: command, argv: [retrain]}}"
    config.write_text(f"store: {{path: state}}\nserver: {{listen: '127.0.0.1:0'}}\nmodels: {{churn: {{{model}}}}}\n")
    assert main(["revalidate", "--config", str(config), "--force"]) == 0
    assert capsys.readouterr().out.startswith("churn: nothing to decide: no version predicts")


def test_which_look_comes_when_is_told_and_each_waits_twice_as_long():
    waits = []

    class Clockwork(Ending):
        def wait(self, seconds: float) -> bool:
            waits.append(round(seconds))
            return False

    looks = iter([{"verdict": "UNKNOWN"}] * 4 + [{"verdict": "OK"}])
    assert revalidate_asks.waited(lambda: next(looks), 7_200, Clockwork())["verdict"] == "OK"
    assert waits == [15, 30, 60, 120]
