import importlib
import subprocess
import sys

import pytest

from monitor import __version__, cli
from monitor.cli import COMMANDS, main
from monitor.errors import FoldwatchError, StateBroken


def test_help_shows_every_command_and_an_example(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"    {name} " in said for name in COMMANDS)
    assert "example:\n  foldwatch demo" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example(capsys, command):
    assert main([command, "--help"]) == 0
    assert f"  foldwatch {command} " in capsys.readouterr().out


@pytest.mark.parametrize("action", ["build", "crossval", "show"])
def test_the_help_of_every_baseline_command_shows_an_example(capsys, action):
    assert main(["baseline", action, "--help"]) == 0
    assert f"  foldwatch baseline {action} " in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"foldwatch {__version__}\n"


def test_no_command_at_all_shows_the_help_and_is_a_usage_error(capsys):
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["chek"], "invalid choice: 'chek'"),
        (["check"], "required: --config"),
        (["check", "--conf", "x"], "required: --config"),
        (["check", "--config", "x", "--reconnect"], "unrecognized arguments: --reconnect"),
    ],
)
def test_usage_errors_are_said_and_exit_with_2(capsys, argv, said):
    assert main(argv) == 2
    assert said in capsys.readouterr().err


def test_help_loads_nothing_heavy():
    heavy = ["numpy", "scipy", "polars", "yaml", "rich", "starlette", "msgspec", "prometheus_client", "sklearn"]
    script = (
        "import sys\nfrom monitor.cli import main\nmain(['--help'])\n"
        f"sys.exit(','.join(sorted(set({heavy!r}) & set(sys.modules))))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.stderr == "\n"


@pytest.fixture
def failing(monkeypatch):
    """Make `check` fail with an error: what only a fault of ours or of the world can do."""

    def fail_with(error):
        def run(_args):
            raise error

        monkeypatch.setattr(importlib.import_module("monitor.cli.check"), "run", run)
        return main(["check", "--config", "c.yaml"])

    return fail_with


def test_a_fault_of_ours_is_named_as_such_without_a_traceback(failing, capsys):
    assert failing(ZeroDivisionError("division by zero")) == 70
    said = capsys.readouterr().err
    assert "this is a fault of foldwatch" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "--debug" in said
    assert "Traceback" not in said


def test_debug_shows_where_a_fault_lies(failing, capsys, monkeypatch):
    monkeypatch.setenv("FOLDWATCH_DEBUG", "1")
    assert failing(ZeroDivisionError("division by zero")) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_state_that_can_no_longer_be_written_has_an_exit_code_of_its_own(failing, capsys):
    assert failing(StateBroken("state: the disk is full; make room and start again: nothing is lost")) == 74
    assert capsys.readouterr().err == "state: the disk is full; make room and start again: nothing is lost\n"


def test_ctrl_c_is_quiet(failing, capsys):
    assert failing(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""


def test_what_the_world_refuses_names_the_file(failing, capsys):
    assert failing(PermissionError(13, "Permission denied", "out.json")) == 2
    said = capsys.readouterr().err
    assert said.startswith("out.json: ")
    assert "Permission denied" in said


def test_what_foldwatch_refuses_is_one_line(failing, capsys):
    assert failing(FoldwatchError("the source\nis away")) == 2
    assert capsys.readouterr().err == "the source is away\n"


def test_a_reader_that_goes_away_is_no_error_message():
    script = (
        "import sys\nfrom monitor import cli\nimport monitor.cli.check\n"
        "def run(args):\n    print('x' * 100_000_000)\n    return 0\n"
        "monitor.cli.check.run = run\nsys.exit(cli.main(['check', '--config', 'c']))"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ours:
        ours.stdout.read(10)
        ours.stdout.close()
        assert ours.stderr.read() == b""
        assert ours.wait(10) == cli.BROKEN_PIPE
