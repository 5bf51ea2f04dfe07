"""What a ringing alert must look like: its labels from the configuration, its words from the rule's templates.

The prose of an annotation is the rule's; what its queries give is worked out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.alerting.promtool.answers import answer
from monitor.alerting.promtool.case import Ringing
from monitor.alerting.promtool.expansion import Known, expanded
from monitor.alerting.rules.rule import AlertRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from monitor.alerting.promtool.answers import Row, Scene
    from monitor.alerting.rules.rule import RuleFile


def alert_rules(files: Sequence[RuleFile]) -> Iterator[AlertRule]:
    """Yield every alert of some files."""
    for file in files:
        for group in file.groups:
            yield from (rule for rule in group.rules if isinstance(rule, AlertRule))


@dataclass(frozen=True, slots=True)
class Wording:
    """Finds and expands the annotations of the alerts of some files."""

    files: Sequence[RuleFile]

    def ringing(
        self, alert: str, labels: Mapping[str, str], found: Mapping[str, str], value: float, scene: Scene | None = None
    ) -> Ringing:
        """Return an alert as it must ring.

        `labels` are all of it, `found` and `value` those of what its expression gives; `scene` answers queries.

        Raises:
            LookupError: the annotations ask, and there is no scene.
        """

        def answered(query: str) -> list[Row]:
            if scene is None:
                msg = f"nothing is known of {query!r}, which {alert} asks"
                raise LookupError(msg)
            return answer(query, scene)

        known = Known(value, found, answered)
        templates = self._templates(alert, labels, known)
        return Ringing(labels, {name: expanded(template, known) for name, template in templates.items()})

    def _templates(self, alert: str, labels: Mapping[str, str], known: Known) -> Mapping[str, str]:
        """Return the annotations of the rule whose labels are among those of the alert.

        Raises:
            LookupError: there is no such rule, or more than one.
        """
        rules = [
            rule.annotations
            for rule in alert_rules(self.files)
            if rule.alert == alert
            and all(labels.get(name) == expanded(text, known) for name, text in rule.labels.items())
        ]
        if len(rules) != 1:
            msg = f"{len(rules)} rules of {alert} with the labels {dict(labels)}"
            raise LookupError(msg)
        return rules[0]
