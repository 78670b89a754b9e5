"""Line charts as SVG. Each point is the median of its rounds; a bar shows the lowest and the highest."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 78, 20, 50, 74
COLOURS = ["#1f6fb4", "#c0392b", "#2e8b57", "#7d5ba6"]
STYLE = (
    "text{font-family:sans-serif;font-size:12px;fill:#222}"
    ".title{font-size:15px;font-weight:bold}.grid{stroke:#ddd}.axis{stroke:#444}"
)


@dataclass
class Point:
    x: float
    low: float
    middle: float
    high: float


def number(value):
    """A number as people write it on an axis."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def size(value):
    """Bytes as people write them."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= unit:
            return f"{value / unit:g} {name}"
    return f"{value:g} B"


@dataclass
class Chart:
    """What is drawn; an x of 0 on a logarithmic axis stands left of all others."""

    title: str
    x_label: str
    y_label: str
    series: dict[str, list[Point]]
    x_is_log: bool = True
    y_is_log: bool = False
    x_name: Callable = number


class Axis:
    """Where a value lies between two ends."""

    def __init__(self, values, is_log, begin, end):
        self.is_log, self.begin, self.end = is_log, begin, end
        positive = [value for value in values if value > 0] or [1]
        if is_log:
            low, self.high = math.log10(min(positive)) - 0.05, math.log10(max(positive)) + 0.05
            # Where 0 stands, half a decade before the least of the others.
            self.low = low - 0.5 if min(values) <= 0 else low
        else:
            self.low, self.high = 0, max(positive) * 1.08

    def at(self, value):
        if self.is_log:
            place = math.log10(value) if value > 0 else self.low
        else:
            place = value
        return self.begin + (place - self.low) / (self.high - self.low) * (self.end - self.begin)

    def ticks(self):
        """Round values between the ends."""
        if not self.is_log:
            step = 10 ** math.floor(math.log10(self.high))
            while self.high / step < 4:
                step /= 2
            return [step * count for count in range(int(self.high / step) + 1)]
        digits = (1, 2, 5) if self.high - self.low < 3 else (1,)
        decades = range(math.floor(self.low), math.ceil(self.high))
        values = [digit * 10**decade for decade in decades for digit in digits]
        return [value for value in values if self.low <= math.log10(value) <= self.high]


def draw(chart, note):
    """The chart as an SVG document, with a line below it that says how it was taken."""
    points = [point for line in chart.series.values() for point in line]
    x = Axis([point.x for point in points], chart.x_is_log, LEFT, WIDTH - RIGHT)
    heights = [value for point in points for value in (point.low, point.high)]
    y = Axis(heights, chart.y_is_log, HEIGHT - BOTTOM, TOP)
    parts = frame(chart, x, y, note)
    for place, (name, line) in enumerate(chart.series.items()):
        parts += series(name, line, x, y, place)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def frame(chart, x, y, note):
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    parts.append(text(LEFT, 20, chart.title, "start", "title"))
    for tick in sorted({point.x for line in chart.series.values() for point in line}):
        parts.append(line_of(x.at(tick), TOP, x.at(tick), bottom, "grid"))
        parts.append(text(x.at(tick), bottom + 16, chart.x_name(tick), "middle"))
    for tick in y.ticks():
        parts.append(line_of(LEFT, y.at(tick), right, y.at(tick), "grid"))
        parts.append(text(LEFT - 6, y.at(tick) + 4, number(tick), "end"))
    parts.append(line_of(LEFT, bottom, right, bottom, "axis"))
    parts.append(line_of(LEFT, TOP, LEFT, bottom, "axis"))
    parts.append(text((LEFT + right) / 2, bottom + 34, chart.x_label, "middle"))
    turned = f'transform="rotate(-90 16 {(TOP + bottom) / 2:.1f})"'
    parts.append(text(16, (TOP + bottom) / 2, chart.y_label, "middle", extra=turned))
    parts.append(text(LEFT, HEIGHT - 10, note, "start"))
    return parts


def series(name, line, x, y, place):
    colour = COLOURS[place % len(COLOURS)]
    places = [(x.at(point.x), y.at(point.middle), point) for point in line]
    path = " ".join(f"{left:.1f},{top:.1f}" for left, top, _ in places)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for left, top, point in places:
        low, high = y.at(point.low), y.at(point.high)
        bar = f'x1="{left:.1f}" x2="{left:.1f}" y1="{low:.1f}" y2="{high:.1f}"'
        parts.append(f'<line {bar} stroke="{colour}"/>')
        parts.append(f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3.5" fill="{colour}"/>')
    legend = LEFT + place * 160
    parts.append(f'<rect x="{legend}" y="32" width="14" height="4" fill="{colour}"/>')
    parts.append(text(legend + 20, 38, name, "start"))
    return parts


def text(left, top, words, anchor, name="", extra=""):
    place = f'x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}"'
    return f'<text {place} class="{name}" {extra}>{escape(words)}</text>'


def line_of(x1, y1, x2, y2, name):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{name}"/>'
