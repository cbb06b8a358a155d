"""The dashboards as code: the tracked files are what the code says, and Grafana can draw them."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest

from atipico.engines.grafana.dashboards import DASHBOARDS
from atipico.engines.grafana.files import texts
from atipico.engines.grafana.panels import SOURCE, WIDTH, to_json

FOLDER = Path(__file__).parents[2] / "compose" / "grafana" / "dashboards"
BOARDS = [to_json(board) for board in DASHBOARDS.values()]


def test_the_tracked_files_are_what_the_code_says():
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == texts(), "make dashboards"


def test_no_two_dashboards_share_a_uid_or_a_title():
    for name in ("uid", "title"):
        assert len({board[name] for board in BOARDS}) == len(BOARDS)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["uid"])
def test_panels_lie_beside_one_another_within_the_width(board):
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= WIDTH
    for one, other in combinations([panel["gridPos"] for panel in board["panels"]], 2):
        across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
        along = one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
        assert not (across and along)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["uid"])
def test_each_panel_says_what_it_shows_asks_our_data_source_and_for_the_time_shown(board):
    for panel in board["panels"]:
        assert panel["description"].endswith(".")
        for target in panel["targets"]:
            assert target["datasource"] == SOURCE
            assert "$timeFilter" in target["query"]


def test_what_can_be_chosen_is_used_and_what_is_used_can_be_chosen():
    for board in BOARDS:
        text = json.dumps(board["panels"])
        names = {one["name"] for one in board["templating"]["list"]}
        assert names == {name for name in ("job", "stream") if f"${name}$" in text}
