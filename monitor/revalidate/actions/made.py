"""From settings to the action that they describe; what a kind needs is imported where it is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config.revalidation import CommandAction, CrossvalAction, WebhookAction

if TYPE_CHECKING:
    from monitor.config.revalidation import ActionSettings
    from monitor.revalidate.actions.action import Action


def action_of(settings: ActionSettings) -> Action:
    """Return the action. Nothing is begun before it is run."""
    if isinstance(settings, CrossvalAction):
        from monitor.revalidate.actions.crossval import Crossval  # noqa: PLC0415 - only where it is chosen

        return Crossval(settings)
    if isinstance(settings, CommandAction):
        from monitor.revalidate.actions.command import Command  # noqa: PLC0415 - only where it is chosen

        return Command(settings)
    if isinstance(settings, WebhookAction):
        from monitor.revalidate.actions.webhook import Webhook  # noqa: PLC0415 - only where it is chosen

        return Webhook(settings)
    from monitor.revalidate.actions.kubernetes import KubernetesJob  # noqa: PLC0415 - an extra

    return KubernetesJob(settings)
