"""Builds the dashboards' JSON from `panels.py` with the Grafana Foundation SDK. `make generate` runs it; a test keeps it fresh.

>>> .venv/bin/python deploy/grafana/generate.py            # doctest: +SKIP
"""

from __future__ import annotations

import sys
import warnings
from itertools import count
from pathlib import Path
from typing import Any

# the classic model, which Grafana reads from a provisioned file; the SDK would rather have dashboardv2
warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, text, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models import prometheus as queries

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from panels import BOARDS, QUANTILES, VARIABLES, Board, Panel

OUT = HERE / "dashboards"
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${ds}")
RUNBOOKS = "https://exchange.example.org/runbooks"
HEIGHT = 8
RED, GREEN = "red", "green"


def built(board: Board) -> str:
    """The JSON of a dashboard, as it is committed."""
    made = (
        dashboard.Dashboard(_title(board))
        .uid(board.uid)
        .description(board.about)
        .tags(["exchange"])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("10s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .annotation(_alerts())
        .link(_others())
        .with_variable(dashboard.DatasourceVariable("ds").label("Prometheus").type("prometheus"))
        .with_variable(dashboard.ConstantVariable("runbooks").label("Runbooks").value(RUNBOOKS))
    )
    for name in board.variables:
        made = made.with_variable(_variable(name))
    numbers = count(1)
    for row in board.rows:
        made = made.with_row(dashboard.Row(_title(row)).id(next(numbers)))
        for panel in row.panels:
            made = made.with_panel(_panel(panel).id(next(numbers)))
    return JSONEncoder(sort_keys=True, indent=1, ensure_ascii=False).encode(made.build()) + "\n"


def _title(named: Any) -> str:
    return named.en if named.en == named.ja else f"{named.en} · {named.ja}"


def _alerts() -> Any:
    """Alerts that fire are marked on every panel."""
    query = dashboard.AnnotationQuery().name("Alerts · アラート").datasource(SOURCE).enable(True).icon_color(RED)
    return query.expr('ALERTS{alertstate="firing"}')


def _others() -> Any:
    link = dashboard.DashboardLink("Exchange").type(models.DashboardLinkType.DASHBOARDS).tags(["exchange"])
    return link.as_dropdown(True).include_vars(True).keep_time(True)


def _variable(name: str) -> Any:
    if name == "quantile":
        return dashboard.CustomVariable(name).label("Quantile · 分位").values(",".join(QUANTILES)).current(_chosen("0.95"))
    if name == "event_id":
        return dashboard.TextBoxVariable(name).label("Event id · 申告ID").default_value("EVENT_ID")
    label, query = VARIABLES[name]
    made = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    made = made.multi(True).include_all(True).all_value(".*").current(_chosen("$__all", "All"))
    return made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)


def _chosen(value: str, shown: str = "") -> models.VariableOption:
    return models.VariableOption(selected=True, text=shown or value, value=value)


def _panel(panel: Panel) -> Any:
    made = {"timeseries": _lines, "stat": _stat, "bars": _bars, "heatmap": _heatmap, "text": _text}[panel.kind](panel)
    made = made.title(_title(panel)).description(panel.about).span(panel.width).height(HEIGHT)
    if panel.runbook:
        url = f"${{runbooks}}/{panel.runbook}.md"
        made = made.links([dashboard.DashboardLink(f"Runbook: {panel.runbook}").url(url).target_blank(True)])
    if panel.kind == "text":
        return made
    made = made.datasource(SOURCE)
    for number, (expr, legend) in enumerate(panel.queries):
        made = made.with_target(_query(panel, number, expr, legend))
    return made


def _query(panel: Panel, number: int, expr: str, legend: str) -> Any:
    made = prometheus.Dataquery().ref_id("ABCDEFGH"[number]).expr(expr).legend_format(legend).datasource(SOURCE)
    if panel.kind == "heatmap":
        made = made.format(queries.PromQueryFormat.HEATMAP)
    return made.instant() if panel.kind in ("stat", "bars") else made.range()


def _lines(panel: Panel) -> Any:
    legend = common.VizLegendOptions().display_mode(kinds.LegendDisplayMode.LIST).placement(kinds.LegendPlacement.BOTTOM)
    made = timeseries.Panel().unit(panel.unit).min(0).legend(legend.show_legend(True)).show_points(kinds.VisibilityMode.NEVER)
    if panel.stack:
        made = made.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL)).fill_opacity(30)
    if panel.limit is not None:
        style = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
        made = made.thresholds(_limits(panel)).thresholds_style(style)
    return made


def _stat(panel: Panel) -> Any:
    made = stat.Panel().unit(panel.unit).graph_mode(kinds.BigValueGraphMode.NONE).reduce_options(_last())
    return made if panel.limit is None else made.thresholds(_limits(panel)).color_mode(kinds.BigValueColorMode.VALUE)


def _bars(panel: Panel) -> Any:
    return bargauge.Panel().unit(panel.unit).min(0).orientation(kinds.VizOrientation.HORIZONTAL).reduce_options(_last())


def _last() -> Any:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _heatmap(panel: Panel) -> Any:
    axis = heatmaps.YAxisConfig(unit=panel.unit)
    return heatmap.Panel().calculate(False).y_axis(_Is(axis))


def _text(panel: Panel) -> Any:
    return text.Panel().content(panel.content)


def _limits(panel: Panel) -> Any:
    first, second = (RED, GREEN) if panel.below else (GREEN, RED)
    steps = [models.Threshold(color=first, value=None), models.Threshold(color=second, value=panel.limit)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


class _Is:
    """A builder of what is built already."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def build(self) -> Any:
        """As the SDK asks."""
        return self._value


def main() -> None:
    """Write every dashboard."""
    OUT.mkdir(exist_ok=True)
    for board in BOARDS:
        (OUT / f"{board.uid}.json").write_text(built(board), encoding="utf-8")


if __name__ == "__main__":
    main()
