"""The dashboards as files: what is committed, what Grafana is told of them, and where everything stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from dashboard_files_read import BOARDS, boards, fit_of, panels, variables
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as sdk
from grafana_foundation_sdk.models import units
from rule_cases import CASES, ROOT

from monitor.dashboards.files import dashboard_files

SHOWN = {"executive.json": ("now-30d", "5m"), "on-call.json": ("now-24h", "1m"), "debug.json": ("now-6h", "1m")}
UIDS = {board["uid"] for board in BOARDS.values()}
UNITS = {value for name, value in vars(units).items() if name[0].isupper() and isinstance(value, str)}


@pytest.fixture(params=BOARDS)
def name(request):
    return request.param


@pytest.fixture
def board(name):
    return BOARDS[name]


def test_what_is_committed_is_what_the_code_makes(name):
    stale = "run `foldwatch dashboards --output grafana` and commit what it writes"
    assert (ROOT / "grafana" / name).read_text(encoding="utf-8") == dashboard_files()[name], stale


def test_no_dashboard_is_committed_that_the_code_does_not_make():
    assert {path.name for path in (ROOT / "grafana").rglob("*.json")} == set(BOARDS) == set(SHOWN)


def test_the_bytes_do_not_depend_on_how_this_process_hashes():
    script = (
        "import sys; from monitor.dashboards.files import dashboard_files; sys.stdout.write(repr(dashboard_files()))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {repr(dashboard_files())}


@pytest.mark.parametrize("case", CASES)
def test_what_the_sdk_reads_of_a_dashboard_is_all_that_stands_in_it(case):
    register_default_plugins()  # else it reads the options of panels as any object
    for board in boards(fit_of(case)).values():
        assert json.loads(json.dumps(sdk.Dashboard.from_json(board), cls=JSONEncoder)) == board


def test_the_round_trip_finds_a_key_that_grafana_does_not_know():
    register_default_plugins()
    wrong = json.loads(json.dumps(BOARDS["executive.json"]))
    wrong["panels"][1]["fieldConfig"]["defaults"]["untit"] = "s"
    assert json.loads(json.dumps(sdk.Dashboard.from_json(wrong), cls=JSONEncoder)) != wrong


def test_text_is_sorted_and_ends_in_a_newline(name, board):
    text = dashboard_files()[name]
    assert text == json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_it_is_one_that_grafana_provisions(name, board):
    assert board["uid"] == f"foldwatch-{name.removesuffix('.json')}"
    assert re.fullmatch(r"[a-z0-9-]{1,40}", board["uid"])
    assert {"id", "__inputs", "__requires"} & set(board) == set()
    assert board["schemaVersion"] == sdk.Dashboard().schema_version
    assert board["editable"] is False
    assert (board["tags"], board["timezone"], board["graphTooltip"]) == (["foldwatch"], "utc", 1)
    assert board["description"]
    assert (board["time"]["from"], board["refresh"]) == SHOWN[name]
    assert board["time"]["to"] == "now"


def test_a_dashboard_leads_to_the_two_others_with_time_and_choice(board):
    links = board["links"]
    assert {link["url"] for link in links} == {f"/d/{uid}" for uid in UIDS - {board["uid"]}}
    assert all(link["keepTime"] and link["includeVars"] and not link["targetBlank"] for link in links)


def test_every_address_of_a_dashboard_that_is_named_exists(board):
    named = set(re.findall(r"/d/([\w-]+)", json.dumps(board)))
    assert named <= UIDS


def test_panels_have_numbers_of_their_own_and_so_have_their_queries(board):
    numbers = [panel["id"] for panel in board["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))
    for panel in panels(board):
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)) > 0


def test_panels_stand_within_24_columns_and_none_on_another(board):
    taken = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["w"] > 0
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["id"]) == panel["id"]
    assert len(taken) > 24


def test_a_repeated_panel_has_its_line_for_itself(board):
    for panel in panels(board):
        if "repeat" in panel:
            assert panel["gridPos"]["w"] == 24
            assert variables(board)[panel["repeat"]]["multi"]


def test_a_panel_says_what_it_shows_to_whom_in_which_unit_and_what_if_there_is_nothing(board):
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"]
        assert re.fullmatch(r"[A-Z].{40,}\.", panel["description"])
        assert defaults["noValue"]
        assert defaults["unit"] in UNITS or defaults["unit"].startswith("suffix:")
        for override in panel["fieldConfig"]["overrides"]:
            own = [item["value"] for item in override["properties"] if item["id"] == "unit"]
            assert set(own) <= UNITS


def test_titles_tell_panels_apart(board):
    titles = [panel["title"] for panel in board["panels"]]
    assert len(titles) == len(set(titles))


def test_whoever_answers_for_models_has_no_more_than_eight_panels_to_read():
    assert len(panels(BOARDS["executive.json"])) <= 8


def test_an_annotation_is_on_and_can_be_switched_off(board):
    marks = board["annotations"]["list"]
    assert [mark["name"] for mark in marks] == ["Version changes", "Baseline changes", "Alerts", "Labels late"]
    assert all(mark["enable"] and not mark["hide"] and mark["titleFormat"] for mark in marks)
    assert len({mark["iconColor"] for mark in marks}) == len(marks)
