"""A small canvas that writes SVG as text, for `pictures.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

Point = tuple[float, float]

INK, GREY, PALE = "#263238", "#78909c", "#cfd8dc"
BLUE, ORANGE, GREEN, RED = "#1565c0", "#e65100", "#2e7d32", "#c62828"
COLOURS = (BLUE, ORANGE, GREEN)
TINTS = {BLUE: "#e3f2fd", ORANGE: "#fff3e0", GREEN: "#e8f5e9", GREY: "#eceff1"}


class Picture:
    """An SVG that grows by shapes; y points down, units are pixels."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.size = width, height
        self.title = title
        self.shapes: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int = 14,
        colour: str = INK,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.shapes.append(
            f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}" '
            f'text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "#ffffff",
        line: str = GREY,
    ) -> None:
        self.shapes.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5" '
            f'fill="{fill}" stroke="{line}"/>'
        )

    def label(self, x: float, y: float, width: float, words: str, colour: str = GREY) -> None:
        """A box of one line, with words in its middle."""
        self.box(x, y, width, 28, fill=TINTS.get(colour, "#ffffff"), line=colour)
        self.text(x + width / 2, y + 19, words, size=13, anchor="middle")

    def dot(self, at: Point, colour: str, radius: float = 6, *, hollow: bool = False) -> None:
        fill = "#ffffff" if hollow else colour
        self.shapes.append(
            f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}" fill="{fill}" '
            f'stroke="{colour}" stroke-width="1.5"/>'
        )

    def star(self, at: Point, colour: str) -> None:
        corners = []
        for i in range(10):
            radius = 12 if i % 2 == 0 else 5
            angle = math.pi * i / 5 - math.pi / 2
            corners.append((at[0] + radius * math.cos(angle), at[1] + radius * math.sin(angle)))
        self.shapes.append(f'<polygon points="{points_of(corners)}" fill="{colour}"/>')

    def query(self, at: Point, words: str = "?") -> None:
        self.dot(at, INK, 10, hollow=True)
        self.text(at[0], at[1] + 5, words, anchor="middle", bold=True)

    def line(
        self,
        points: Sequence[Point],
        colour: str = GREY,
        *,
        width: float = 1.5,
        dashed: bool = False,
        arrow: bool = False,
    ) -> None:
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.shapes.append(
            f'<polyline points="{points_of(points)}" fill="none" stroke="{colour}" '
            f'stroke-width="{width:g}"{dash}/>'
        )
        if arrow:
            (x0, y0), (x, y) = points[-2:]
            angle = math.atan2(y - y0, x - x0)
            tips = [(x, y)]
            for turn in (2.7, -2.7):
                tips.append((x + 9 * math.cos(angle + turn), y + 9 * math.sin(angle + turn)))
            self.shapes.append(f'<polygon points="{points_of(tips)}" fill="{colour}"/>')

    def svg(self) -> str:
        width, height = self.size
        body = "\n".join(self.shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" font-family="Arial, Helvetica, '
            f"'Noto Sans', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif\">\n"
            f"<title>{escape(self.title)}</title>\n"
            f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" '
            f'fill="#fafafa" stroke="{PALE}"/>\n{body}\n</svg>\n'
        )


def points_of(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
