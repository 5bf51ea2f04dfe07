"""What a ringing alert must look like: its labels from the configuration, its words from the rule's templates.

The prose of an annotation is the rule's; what its queries give is worked out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Self

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

    templates: Mapping[tuple[str, str, str], Mapping[str, str]]
    """(alert, model, objective) -> annotations; "" where it is of none."""

    @classmethod
    def of(cls, *files: RuleFile) -> Self:
        """Return the wording of all alerts of some files."""
        return cls(
            {
                (rule.alert, _plain(rule.labels.get("model", "")), _plain(rule.labels.get("slo", ""))): rule.annotations
                for rule in alert_rules(files)
            }
        )

    def ringing(
        self, alert: str, labels: Mapping[str, str], found: Mapping[str, str], value: float, scene: Scene | None = None
    ) -> Ringing:
        """Return an alert as it must ring.

        `labels` are all of it, `found` and `value` those of what its expression gives; `scene` answers queries.

        Raises:
            LookupError: there is no such alert; or its annotations ask, and there is no scene.
        """

        def answered(query: str) -> list[Row]:
            if scene is None:
                msg = f"nothing is known of {query!r}, which {alert} asks"
                raise LookupError(msg)
            return answer(query, scene)

        known = Known(value, found, answered)
        templates = self.templates[alert, labels.get("model", ""), labels.get("slo", "")]
        return Ringing(labels, {name: expanded(template, known) for name, template in templates.items()})


def _plain(label: str) -> str:
    """Return what a label of a rule says: it asks nothing, and shows no value."""
    return expanded(label, Known(nan, {}, lambda _: []))
