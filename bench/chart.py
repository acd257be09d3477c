"""`results.svg`: drain and latency of each system as bars, readable on light and on dark pages."""

from html import escape
from typing import Final

from bench.results import Results
from bench.systems import FULL

WIDTH: Final = 860
LABEL: Final = 150
FIGURE: Final = 120  # room behind the longest bar
ROW: Final = 26
BAR: Final = 16
HEAD: Final = 54
GAP: Final = 26

STYLE: Final = """
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #3d4450 }
  .title { font-size: 15px; font-weight: 600; fill: #14181f }
  .note { font-size: 12px; fill: #667080 }
  .ours { font-weight: 600; fill: #14181f }
  .bar { fill: #b4bdca }
  .bar.ours { fill: #1f6feb }
  .bar.limit { fill: none; stroke: #8a94a3; stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #b8c0cc }
    .title, text.ours { fill: #f0f3f6 }
    .note { fill: #8b95a3 }
    .bar { fill: #4d5664 }
    .bar.ours { fill: #4c8dff }
    .bar.limit { stroke: #8b95a3 }
  }
"""

TITLES: Final = {system.name: system.title for system in FULL} | {"limit": "the Lua limit"}


def draw(results: Results) -> str:
    """The chart as SVG."""
    drain, height = _panel(
        results,
        0,
        "Jobs a second, one worker process",
        "no-op jobs, concurrency 100, results kept; longer is better",
        "drain_per_s",
        lowest=False,
        figure="{:,.0f}",
    )
    latency, height = _panel(
        results,
        height + GAP,
        "From enqueue to the handler's start",
        "milliseconds, idle worker, median; shorter is better",
        "start_p50_ms",
        lowest=True,
        figure="{:.2f} ms",
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Jobs a second and latency of each system">\n<style>{STYLE}</style>\n'
        + "\n".join([*drain, *latency])
        + "\n</svg>\n"
    )


def _panel(
    results: Results, top: int, title: str, note: str, measure: str, *, lowest: bool, figure: str
) -> tuple[list[str], int]:
    """The elements of one bar chart and where it ends; the best system is on top."""
    values = {
        system: value
        for system in results.systems()
        if (value := results.median(system, measure)) is not None
    }
    order = sorted(values, key=lambda system: values[system], reverse=not lowest)
    elements = [
        f'<text class="title" x="0" y="{top + 18}">{escape(title)}</text>',
        f'<text class="note" x="0" y="{top + 37}">{escape(note)}</text>',
    ]
    longest = max(values.values(), default=1.0)
    for row, system in enumerate(order):
        y = top + HEAD + row * ROW
        length = max(1.0, values[system] / longest * (WIDTH - LABEL - FIGURE))
        kind = {"queuecore": " ours", "limit": " limit"}.get(system, "")
        label = f'y="{y + BAR - 3}" class="label{kind}"'
        elements += [
            f'<text x="{LABEL - 10}" {label} text-anchor="end">{escape(TITLES.get(system, system))}</text>',
            f'<rect class="bar{kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
            f'<text x="{LABEL + length + 8:.1f}" {label}>{figure.format(values[system])}</text>',
        ]
    return elements, top + HEAD + len(order) * ROW
