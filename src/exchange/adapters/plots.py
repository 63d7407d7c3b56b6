"""Draws what dashboards' panels show, one picture a dashboard, with matplotlib: the same data, but not Grafana's rendering."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exchange.errors import ToolMissingError
from exchange.panels import Finding, Panel, Series

COLUMNS = 3
INCHES = (5.4, 2.7)
"""Width and height of a panel."""
DPI = 80
LEGENDS = 8
HEADROOM = 1.4
UNITS = {"s": "s", "ms": "ms", "bytes": "bytes", "percentunit": "%", "ops": "1/s", "Bps": "bytes/s", "short": ""}
NOTE = "Drawn with matplotlib from what Prometheus answered; Grafana renders the same panels its own way."


def draw(dashboard: str, findings: Sequence[Finding], path: Path) -> None:
    """Draw a dashboard's panels into a PNG file.

    Args:
        dashboard: its uid, for the head of the picture.
        findings: what came of its panels.
        path: of the file.

    Raises:
        ToolMissingError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError:
        raise ToolMissingError("matplotlib is not installed", hint="pip install 'ai-transparency-exchange[plots]'") from None
    shown = [finding for finding in findings if finding.panel is not None]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(INCHES[0] * COLUMNS, INCHES[1] * rows + 0.6), dpi=DPI, layout="constrained")
    figure.suptitle(f"{dashboard}\n{NOTE}", fontsize=9)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).flat
    for axis in axes[len(shown) :]:
        axis.axis("off")
    for axis, finding in zip(axes, shown, strict=False):
        _draw(axis, finding)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    """As a picture with a palette: half the size."""
    from PIL import Image  # noqa: PLC0415 - comes with matplotlib

    raw = io.BytesIO()
    figure.savefig(raw, format="png")
    raw.seek(0)
    with Image.open(raw) as picture:
        colours = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        colours.save(path, optimize=True)


def _draw(axis: Any, finding: Finding) -> None:
    panel = finding.panel
    if panel is None:
        return
    unit = UNITS.get(panel.unit, panel.unit)
    axis.set_title(finding.title.split(" · ")[0] + (f" [{unit}]" if unit else ""), fontsize=9, loc="left")
    axis.tick_params(labelsize=7)
    if not finding.ok:
        axis.text(0.5, 0.5, "nothing to show", ha="center", color="red", fontsize=10, transform=axis.transAxes)
        return
    {"stat": _stat, "bargauge": _bars, "heatmap": _heatmap}.get(panel.kind, _lines)(axis, panel, finding.series)


def _stat(axis: Any, panel: Panel, series: Sequence[Series]) -> None:
    axis.axis("off")
    text = "\n".join(f"{_number(panel, each.values[-1])}  {each.legend}" for each in series[:4])
    axis.text(0.5, 0.5, text, ha="center", va="center", fontsize=15, transform=axis.transAxes)


def _bars(axis: Any, panel: Panel, series: Sequence[Series]) -> None:
    order = sorted(series, key=lambda each: each.legend, reverse=True)
    bars = axis.barh([each.legend for each in order], [_scaled(panel, each.values[-1]) for each in order], color="tab:blue")
    axis.bar_label(bars, [_number(panel, each.values[-1]) for each in order], fontsize=7, padding=2)
    axis.margins(x=0.15)


def _lines(axis: Any, panel: Panel, series: Sequence[Series]) -> None:
    start = min(each.times[0] for each in series)
    base: dict[float, float] = {}
    order = sorted(series, key=lambda each: -max(each.values))
    for each in reversed(order) if panel.stack else order:
        times = [at - start for at in each.times]
        values = [_scaled(panel, value) for value in each.values]
        shown = order.index(each) < LEGENDS
        if panel.stack:
            under = [base.get(at, 0.0) for at in each.times]
            values = [value + low for value, low in zip(values, under, strict=True)]
            axis.fill_between(times, under, values, alpha=0.5, label=each.legend if shown and max(each.values) > 0 else None)
            base.update(zip(each.times, values, strict=True))
        else:
            axis.plot(times, values, linewidth=1.2, label=each.legend if shown else None)
    _limit(axis, panel)
    top = axis.get_ylim()[1] if any(max(each.values) > 0 for each in series) else 1.0
    axis.set_ylim(-0.03 * top, top * HEADROOM)  # nought is a line too, and the legend hides none
    axis.set_xlabel("seconds", fontsize=7)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=6.5, loc="upper left", ncols=2, framealpha=0.6)


def _limit(axis: Any, panel: Panel) -> None:
    """The limit's line, where the picture reaches near it."""
    if panel.limit is not None and axis.get_ylim()[1] * 3 >= _scaled(panel, panel.limit):
        axis.axhline(_scaled(panel, panel.limit), color="red", linestyle="--", linewidth=0.8)


def _heatmap(axis: Any, _panel: Panel, series: Sequence[Series]) -> None:
    bounds = sorted((each for each in series), key=lambda each: float(each.legend))
    times = sorted({at for each in bounds for at in each.times})
    held = [dict(zip(each.times, each.values, strict=True)) for each in bounds]
    table = []
    for number, each in enumerate(held):
        lower = held[number - 1] if number else {}
        table.append([max(0.0, each.get(at, 0.0) - lower.get(at, 0.0)) for at in times])
    span = (0.0, times[-1] - times[0] or 1.0, 0, len(bounds))
    axis.imshow(table, aspect="auto", origin="lower", extent=span, cmap="Blues", interpolation="nearest")
    axis.set_yticks([number + 0.5 for number in range(len(bounds))], [f"≤ {float(each.legend):g} s" for each in bounds])
    axis.set_xlabel("seconds", fontsize=7)


def _scaled(panel: Panel, value: float) -> float:
    return value * 100 if panel.unit == "percentunit" else value


def _number(panel: Panel, value: float) -> str:
    return f"{_scaled(panel, value):.4g}{'%' if panel.unit == 'percentunit' else ''}"
