"""From settings to actions, without what the other kinds need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from monitor.config.revalidation import CommandAction, CrossvalAction, KubernetesAction, TrainingRows, WebhookAction
from monitor.revalidate.actions.made import action_of

SETTINGS = [
    (CrossvalAction(TrainingRows(), "y", "m:make"), "Crossval"),
    (CommandAction(("true",)), "Command"),
    (WebhookAction("http://127.0.0.1:1/"), "Webhook"),
    (KubernetesAction(Path("job.yaml")), "KubernetesJob"),
]


@pytest.mark.parametrize(("settings", "name"), SETTINGS)
def test_every_kind_has_its_action(settings, name):
    assert type(action_of(settings)).__name__ == name


def test_a_kind_is_made_without_the_libraries_of_the_others():
    code = """
import sys
from monitor.config.revalidation import CommandAction, CrossvalAction, TrainingRows
from monitor.revalidate.actions.made import action_of
action_of(CommandAction(("true",)))
action_of(CrossvalAction(TrainingRows(), "y", "m:make"))
print(sorted({"sklearn", "pandas", "kubernetes", "sqlalchemy"} & set(sys.modules)))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
