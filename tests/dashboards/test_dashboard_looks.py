"""What a reader sees: bands that are filled, gaps that stay gaps, and nothing unknown that looks fine."""

from __future__ import annotations

import promql_parser as promql
import pytest
from dashboard_files_read import BOARDS, panels, parsed, variables

from monitor.dashboards.looks import GREEN, GREY

BANDS = [(name, panel) for name, board in BOARDS.items() for panel in panels(board) if "fillBelowTo" in str(panel)]
GOOD = {GREEN, "dark-green", "light-green", "semi-dark-green", "super-light-green"}


def properties(panel, legend):
    """Return what overrides say of a series, by its legend."""
    found = [
        {item["id"]: item.get("value") for item in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"] == {"id": "byName", "options": legend}
    ]
    assert len(found) == 1, legend
    return found[0]


def every_panel():
    return [panel for board in BOARDS.values() for panel in panels(board)]


def test_there_are_bands_of_the_model_and_of_classes():
    assert [name for name, _ in BANDS] == ["executive.json", "on-call.json"]


@pytest.mark.parametrize("panel", [panel for _, panel in BANDS])
def test_what_is_filled_down_to_is_a_series_of_the_same_panel(panel):
    legends = [target["legendFormat"] for target in panel["targets"]]
    assert sorted(legends) == ["baseline", "baseline lower", "baseline upper", "estimate", "lower", "upper"]
    for override in panel["fieldConfig"]["overrides"]:
        assert override["matcher"]["options"] in legends
    for upper, lower in (("upper", "lower"), ("baseline upper", "baseline lower")):
        above, below = properties(panel, upper), properties(panel, lower)
        assert above["custom.fillBelowTo"] == lower
        assert 10 <= above["custom.fillOpacity"] <= 30
        assert (above["custom.lineWidth"], below["custom.lineWidth"]) == (0, 0)
        assert above["color"] == below["color"]
        assert below["custom.hideFrom"]["legend"]
        assert not below["custom.hideFrom"]["viz"]
    assert properties(panel, "estimate")["custom.lineWidth"] > 0
    assert properties(panel, "baseline")["custom.lineWidth"] > 0


@pytest.mark.parametrize("panel", [panel for _, panel in BANDS])
def test_each_query_of_a_band_answers_with_one_series(panel):
    for target in panel["targets"]:
        expression = parsed(target["expr"])
        parts = [expression.lhs, expression.rhs] if isinstance(expression, promql.BinaryExpr) else [expression]
        for part in parts:
            assert str(part.op) in {"max", "sum"}
            assert part.modifier is None
        assert "{{" not in target["legendFormat"]


@pytest.mark.parametrize(("name", "panel"), BANDS)
def test_a_band_is_chosen_by_single_values_and_repeated_by_what_has_several(name, panel):
    several = {variable for variable, of in variables(BOARDS[name]).items() if of.get("multi")}
    used = {variable for variable in several - {"job"} if f"${variable}" in panel["targets"][0]["expr"]}
    assert used == ({panel["repeat"]} if "repeat" in panel else set())


@pytest.mark.parametrize("panel", [panel for _, panel in BANDS])
def test_a_band_is_a_share_from_0_to_1(panel):
    defaults = panel["fieldConfig"]["defaults"]
    assert (defaults["unit"], defaults["min"], defaults["max"]) == ("percentunit", 0, 1)


def test_a_gap_stays_a_gap():
    curves = [panel for panel in every_panel() if panel["type"] in {"timeseries", "state-timeline"}]
    assert len(curves) > 20
    assert [panel["title"] for panel in curves if panel["fieldConfig"]["defaults"]["custom"]["spanNulls"]] == []


def test_below_all_limits_and_where_nothing_is_known_it_is_grey():
    for panel in every_panel():
        defaults = panel["fieldConfig"]["defaults"]
        own = [item["value"] for over in panel["fieldConfig"]["overrides"] for item in over["properties"]]
        limits = [one for one in own if isinstance(one, dict) and "steps" in one]
        for thresholds in (defaults["thresholds"], *limits):
            assert thresholds["steps"][0] == {"color": GREY, "value": None}
            values = [step["value"] for step in thresholds["steps"][1:]]
            assert values == sorted(values)


def test_a_number_that_is_absent_is_said_to_be_unknown_and_is_grey():
    for panel in every_panel():
        if panel["type"] in {"stat", "bargauge", "state-timeline"}:
            special = [one for one in panel["fieldConfig"]["defaults"]["mappings"] if one["type"] == "special"]
            assert [one["options"]["match"] for one in special] == ["null+nan"]
            assert special[0]["options"]["result"] == {"color": GREY, "index": 99, "text": "not known"}


def test_a_state_that_says_that_nothing_is_known_is_never_green():
    words = [
        (result["text"], result.get("color"))
        for panel in every_panel()
        for mapping in panel["fieldConfig"]["defaults"].get("mappings", ())
        if mapping["type"] == "value"
        for result in mapping["options"].values()
    ]
    unknown = [colour for text, colour in words if "known" in text or "few" in text or "silent" in text]
    assert len(unknown) >= 2
    assert GOOD & set(unknown) == set()


def test_limits_are_drawn_where_a_burn_rate_rings():
    drawn = {
        panel["title"]: [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][2:]]
        for panel in panels(BOARDS["on-call.json"])
        if panel["fieldConfig"]["defaults"].get("custom", {}).get("thresholdsStyle", {}).get("mode") == "dashed"
    }
    assert drawn == {"Burn rate for a page: $slo": [5.6, 13.44], "Burn rate for a ticket: $slo": [0.933, 2.8]}
