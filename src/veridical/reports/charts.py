"""How is a figure drawn as SVG that reads in both themes, in print and without a script?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from veridical.core.finding import Finding
from veridical.gates.limits import Bounds, number
from veridical.reports.embedding import MapView
from veridical.reports.views import ColumnView

WIDTH, HEIGHT = 300, 132
MAX_BARS = 6


@dataclass(frozen=True, slots=True)
class Span:
    """The figures from one end of a plot to the other."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Return where a figure lies, 0 at the left end and 1 at the right, held within."""
        if self.high <= self.low:
            return 0.5
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def column_chart(view: ColumnView) -> Markup:
    """Return a column's distribution on both sides: outlines for numbers, paired bars for categories."""
    return _outlines(view) if view.numeric else _bars(view)


def _svg(width: float, height: float, label: str, body: Sequence[str], kind: str) -> Markup:
    inside = "".join(body)
    return Markup(
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{inside}</svg>'
    )


def _alt(view: ColumnView) -> str:
    sides = "real and synthetic shares" if view.real is not None else "synthetic shares"
    gap = "" if view.distance is None else f"; total variation {view.distance:.3f}"
    return f"{view.name}: {sides} in {len(view.labels)} bins{gap}"


def _outlines(view: ColumnView) -> Markup:
    real = view.real if view.real is not None else ()
    top, clipped = _top([*real, *view.synthetic])
    bottom, left, right = HEIGHT - 22, 2.0, WIDTH - 2.0
    step = (right - left) / max(len(view.labels), 1)

    def y(share: float) -> float:
        return bottom - min(share / top, 1.0) * (bottom - 14)

    def path(shares: Sequence[float]) -> str:
        points = [f"M{left:.1f} {bottom}"]
        for index, share in enumerate(shares):
            points.append(f"V{y(share):.1f}H{left + (index + 1) * step:.1f}")
        return "".join([*points, f"V{bottom}"])

    body = []
    if real:
        body.append(f'<path class="real-area" d="{path(real)}Z"/>')
    body.append(f'<path class="synthetic-line" d="{path(view.synthetic)}"/>')
    for index in range(len(view.labels)):
        ours = f"real {_percent(real[index])}, " if real else ""
        title = f"{view.labels[index]}: {ours}synthetic {_percent(view.synthetic[index])}"
        body.append(
            f'<rect class="hit" x="{left + index * step:.1f}" y="8" width="{step:.1f}" height="{bottom - 8}">'
            f"<title>{escape(title)}</title></rect>"
        )
        tallest = max([*(real[index : index + 1]), view.synthetic[index]])
        if clipped and tallest > top:
            words = " / ".join(_percent(side[index]) for side in (real, view.synthetic) if side)
            anchor = "start" if index * step < WIDTH / 3 else "end" if index * step > 2 * WIDTH / 3 else "middle"
            at = {"start": left + index * step, "middle": left + (index + 0.5) * step, "end": left + (index + 1) * step}
            body.append(f'<text class="clip" x="{at[anchor]:.1f}" y="9" text-anchor="{anchor}">↑ {words}</text>')
    body.append(f'<line class="axis" x1="0" y1="{bottom}" x2="{WIDTH}" y2="{bottom}"/>')
    body += _ticks(view.labels, left, step)
    return _svg(WIDTH, HEIGHT, _alt(view), body, "outline")


def _top(shares: Sequence[float]) -> tuple[float, bool]:
    # One towering bin must not flatten all others: it is cut and its share written above.
    ordered = sorted(shares, reverse=True)
    if not ordered or ordered[0] <= 0:
        return 1.0, False
    rest = next((share for share in ordered if share < ordered[0] / 4), None)
    towering = sum(share >= ordered[0] / 4 for share in ordered)
    if rest and towering <= 2 and len(ordered) > 6:
        return rest * 1.6, True
    return ordered[0] * 1.05, False


def _ticks(labels: Sequence[str], left: float, step: float) -> list[str]:
    count = len(labels)
    longest = max((len(label) for label in labels), default=1)
    fits = max(2, int(WIDTH / (longest * 6 + 14)))
    every = max(1, -(-count // fits))
    chosen = list(range(0, count, every))
    if chosen and count - 1 - chosen[-1] >= every * 0.9:
        chosen.append(count - 1)
    ticks = []
    for index in chosen:
        x = left + (index + 0.5) * step
        half = len(labels[index]) * 3
        anchor = "start" if x < half else "end" if x > WIDTH - half else "middle"
        x = {"start": 0.0, "end": float(WIDTH), "middle": x}[anchor]
        ticks.append(
            f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{escape(labels[index])}</text>'
        )
    return ticks


def _bars(view: ColumnView) -> Markup:
    real = view.real if view.real is not None else ()
    order = list(range(len(view.labels)))
    if len(order) > MAX_BARS:
        gap = [abs((real[i] if real else 0.0) - view.synthetic[i]) for i in order]
        largest = sorted(order, key=lambda i: -max(real[i] if real else 0.0, view.synthetic[i]))[: MAX_BARS - 2]
        apart = [i for i in sorted(order, key=lambda i: -gap[i]) if i not in largest][:2]
        order = sorted({*largest, *apart})
    top = max([*(real[i] for i in order if real), *(view.synthetic[i] for i in order), 1e-9])
    row, left = 20.0, 108.0
    length = WIDTH - left - 46
    body = []
    for place, index in enumerate(order):
        y = place * row + 3
        label = view.labels[index]
        short = label if len(label) <= 17 else label[:16] + "…"
        body.append(
            f'<g><title>{escape(label)}</title><text class="tick" x="{left - 6}" y="{y + 10:.0f}" '
            f'text-anchor="end">{escape(short)}</text></g>'
        )
        if real:
            body.append(
                f'<rect class="real-bar" x="{left}" y="{y}" width="{length * real[index] / top:.1f}" height="6"/>'
            )
        share = view.synthetic[index]
        body.append(
            f'<rect class="synthetic-bar" x="{left}" y="{y + 7}" width="{length * share / top:.1f}" height="6"/>'
        )
        widest = max(share, real[index] if real else 0.0)
        words = f"{_percent(real[index])}" if real else _percent(share)
        body.append(f'<text class="tick" x="{left + length * widest / top + 4:.1f}" y="{y + 10:.0f}">{words}</text>')
    height = len(order) * row + 4
    left_out = len(view.labels) - len(order)
    if left_out:
        body.append(f'<text class="tick" x="{left}" y="{height + 9:.0f}">{left_out} more bins</text>')
        height += 14
    return _svg(WIDTH, height, _alt(view), body, "bars")


def interval_plot(finding: Finding, bounds: Bounds | None, span: Span) -> Markup:
    """Return one figure with its interval, the ceiling, the baseline and the ground the gate forbids."""
    width, height, middle = 180.0, 22.0, 11.0
    if finding.value is None:
        return Markup("")

    def x(value: float) -> float:
        return 6 + span.place(value) * (width - 12)

    body = [f'<line class="axis" x1="6" y1="{middle}" x2="{width - 6}" y2="{middle}"/>']
    words = [number(finding.value)]
    if bounds is not None and bounds.high is not None:
        body.append(
            f'<rect class="forbidden" x="{x(bounds.high):.1f}" y="3" width="{width - x(bounds.high):.1f}" height="16"/>'
        )
        words.append(f"limit {number(bounds.high)}")
    if bounds is not None and bounds.low is not None:
        body.append(f'<rect class="forbidden" x="0" y="3" width="{max(x(bounds.low), 0):.1f}" height="16"/>')
        words.append(f"limit {number(bounds.low)}")
    if finding.interval is not None:
        low, high = finding.interval.low, finding.interval.high
        body.append(f'<line class="interval" x1="{x(low):.1f}" y1="{middle}" x2="{x(high):.1f}" y2="{middle}"/>')
        words.append(f"{finding.interval.level:.0%} interval {number(low)} to {number(high)}")
    if finding.baseline is not None:
        at = x(finding.baseline)
        body.append(f'<line class="baseline" x1="{at:.1f}" y1="4" x2="{at:.1f}" y2="18"/>')
        words.append(f"baseline {number(finding.baseline)}")
    if finding.ceiling is not None:
        at = x(finding.ceiling)
        body.append(f'<path class="ceiling" d="M{at:.1f} 5l4.5 6l-4.5 6l-4.5 -6z"/>')
        words.append(f"{finding.detail.get('ceiling_is', 'real held-out rows')} {number(finding.ceiling)}")
    body.append(f'<circle class="value" cx="{x(finding.value):.1f}" cy="{middle}" r="4"/>')
    return _svg(width, height, ", ".join(words), [f"<title>{escape(', '.join(words))}</title>", *body], "plot")


def density_map(view: MapView, side: str) -> Markup:
    """Return one side of the 2-D map ("real" or "synthetic") as shaded cells, with points where there are any."""
    shares = view.real if side == "real" else view.synthetic
    points = view.real_points if side == "real" else view.synthetic_points
    size, cell = 280.0, 280.0 / view.grid
    top = max([*view.real, *view.synthetic, 1e-9])
    body = []
    for index, share in enumerate(shares):
        if share <= 0:
            continue
        x, y = index % view.grid, view.grid - 1 - index // view.grid
        shade = 0.12 + 0.88 * (share / top) ** 0.5
        body.append(
            f'<rect class="{side}-fill" x="{x * cell:.0f}" y="{y * cell:.0f}" width="{cell:.0f}" height="{cell:.0f}" '
            f'fill-opacity="{shade:.2f}"/>'
        )
    body += [f'<circle class="{side}-point" cx="{x * size:.0f}" cy="{(1 - y) * size:.0f}" r="1.3"/>' for x, y in points]
    return _svg(size, size, f"Map of {side} rows on two principal components", body, "map")


def curve_chart(series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], label: str) -> Markup:
    """Return lines over a common axis; each is (name, class, points) with x in order."""
    points = [point for _, _, line in series for point in line]
    if not points:
        return Markup("")
    width, height, left, bottom = 420.0, 200.0, 44.0, 172.0
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    pad = (max(ys) - min(ys)) * 0.12 or 0.05
    across, up = Span(min(xs), max(xs)), Span(min(ys) - pad, max(ys) + pad)
    body = []
    for step in range(4):
        value = up.low + (up.high - up.low) * step / 3
        y = bottom - step / 3 * (bottom - 12)
        body.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{width - 6}" y2="{y:.1f}"/>')
        body.append(f'<text class="tick" x="{left - 6}" y="{y + 3:.1f}" text-anchor="end">{value:.3g}</text>')
    for at in sorted(set(xs)):
        x = left + 8 + across.place(at) * (width - left - 24)
        body.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{number(at)}</text>')
    for name, kind, line in series:
        places = [
            f"{left + 8 + across.place(x) * (width - left - 24):.1f},{bottom - up.place(y) * (bottom - 12):.1f}"
            for x, y in line
        ]
        body.append(
            f'<polyline class="line {kind}" points="{" ".join(places)}"><title>{escape(name)}</title></polyline>'
        )
        body += [f'<circle class="dot {kind}" cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="3"/>' for p in places]
    return _svg(width, height, label, body, "curve")


def meter(share: float) -> Markup:
    """Return a bar whose length is a share in 0 to 1."""
    return _svg(
        120, 8, f"{share:.1%}", [f'<rect class="meter" width="{120 * min(max(share, 0), 1):.1f}" height="8"/>'], "bar"
    )


def _percent(share: float) -> str:
    if share <= 0:
        return "0 %"
    return f"{share * 100:.0f} %" if share >= 0.1 else f"{share * 100:.1f} %" if share >= 0.001 else "< 0.1 %"
