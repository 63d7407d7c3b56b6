"""Panels as Grafana would ask them; an empty one, one without numbers and one with an error are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import PlumbingError
from exchange.panels import Window, examine, filled, panels_of, parameters
from exchange.watching import dashboards, draw

WINDOW = Window(1000.0, 1060.0, 5.0, 20.0)


class Answers:
    """A source with one answer for everything, which keeps what it was asked."""

    def __init__(self, rows: Any, values: tuple[str, ...] = ("a",)) -> None:
        self.rows, self.values, self.asked = rows, values, list[str]()

    def _answer(self, expr: str) -> Any:
        self.asked.append(expr)
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows

    def query(self, expr: str, at: float) -> Any:
        return self._answer(expr)

    def query_range(self, expr: str, start: float, end: float, step: float) -> Any:
        return self._answer(expr)

    def label_values(self, metric: str, label: str) -> list[str]:
        return list(self.values)


def row(*values: str, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "values": [[1000 + 5 * n, value] for n, value in enumerate(values)]}


def test_every_panel_is_asked_with_its_variables_filled_in() -> None:
    """No variable is left in what Prometheus is asked, and no panel is left out."""
    source = Answers([row("1", "2", le="0.5", processor="dossier")])
    found = examine(source, dashboards(), WINDOW)
    assert all(each.ok for each in found)
    assert not [expr for expr in source.asked if "$" in expr]
    boards = [json.loads(text) for text in dashboards()]
    queries = [query for board in boards for panel in panels_of(board) for query in panel.queries]
    assert len(source.asked) == len(queries) > 60
    charts = {panel["type"] for board in boards for panel in board["panels"]} - {"row", "text"}
    assert charts == {"timeseries", "stat", "bargauge", "heatmap"}


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "nothing to show"),
        ([row("NaN", "NaN")], "nothing to show"),
        ([row("+Inf")], "nothing to show"),
        (PlumbingError("bad expression"), "bad expression"),
    ],
)
def test_a_panel_without_a_number_is_wrong(rows: Any, why: str) -> None:
    """Empty, no numbers, error."""
    found = [each for each in examine(Answers(rows), dashboards(), WINDOW) if each.panel]
    assert found
    assert all(why in each.why for each in found)


def test_a_variable_without_values_is_wrong() -> None:
    """Nobody could choose anything."""
    found = [each for each in examine(Answers([row("1")], ()), dashboards(), WINDOW) if not each.panel]
    assert [each.title for each in found if not each.ok] == ["$processor", "$profile"]


def test_variables_are_filled_in_as_grafana_does() -> None:
    """Both spellings, the interval, and what is no variable."""
    assert filled('x{a=~"$p"}[$__rate_interval] ${q} $other', {"p": ".*", "q": "0.5"}, 20) == 'x{a=~".*"}[20s] 0.5 $other'
    board = json.loads(next(text for text in dashboards() if '"exchange-event"' in text))
    assert parameters(board)["quantile"] == "0.95"


def test_pictures_are_drawn_of_every_kind_of_panel(tmp_path: Path) -> None:
    """One a dashboard, small, and of an empty panel too."""
    pytest.importorskip("matplotlib")
    rows = [row("1", "2", "4", le="0.5", result="accepted"), row("3", "5", "9", le="1.0", result="refused")]
    found = examine(Answers(rows), dashboards(), WINDOW)
    found[-1].why, found[-1].series = "nothing to show", []
    paths = draw(found, tmp_path)
    assert len(paths) == 4
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert 5_000 < path.stat().st_size < 500_000
