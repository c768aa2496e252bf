"""Orders a second and the faults on them, as an SVG that any browser shows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1200, 420, 50, 20, 150
COLOURS = {"placed": "#2b6cb0", "ended": "#2f855a"}


def svg(placed: Iterable[float], ended: Iterable[float], faults: Sequence[tuple[float, float, str]], end: float) -> str:
    """All in seconds since the begin; a fault has begin, end and name."""
    lines = {"placed": _counts(placed, end), "ended": _counts(ended, end)}
    high = max([1, *(max(counts, default=0) for counts in lines.values())])
    shapes = [*_marks(faults, end), *_axes(high, end)]
    for row, (name, counts) in enumerate(lines.items()):
        path = " ".join(f"{_x(second + 0.5, end):.1f},{_y(count, high):.1f}" for second, count in enumerate(counts))
        colour = COLOURS[name]
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
        shapes.append(f'<text x="{WIDTH - 120}" y="{TOP + 14 * (row + 1)}" fill="{colour}">{name} a second</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    return "\n".join(
        [f'{head} font-size="11">', '<rect width="100%" height="100%" fill="white"/>', *shapes, "</svg>\n"]
    )


def _counts(times: Iterable[float], end: float) -> list[int]:
    found = Counter(int(time) for time in times)
    return [found[second] for second in range(int(end) + 1)]


def _marks(faults: Sequence[tuple[float, float, str]], end: float) -> list[str]:
    """A band for each fault, and its name below, turned."""
    shapes = []
    for begin, over, name in faults:
        x, width = _x(begin, end), max(1.0, _x(over, end) - _x(begin, end))
        shapes.append(
            f'<rect x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="#c53030" '
            f'opacity="0.18"><title>{escape(name)}</title></rect>'
        )
        y = HEIGHT - BOTTOM + 8
        shapes.append(f'<text transform="translate({x:.1f},{y}) rotate(60)" font-size="8">{escape(name)}</text>')
    return shapes


def _axes(high: int, end: float) -> list[str]:
    floor = _y(0, high)
    shapes = [f'<line x1="{LEFT}" y1="{floor}" x2="{WIDTH - 10}" y2="{floor}" stroke="black"/>']
    for count in (0, high // 2, high):
        shapes.append(f'<text x="{LEFT - 6}" y="{_y(count, high) + 4:.1f}" text-anchor="end">{count}</text>')
    for minute in range(int(end // 60) + 1):
        shapes.append(f'<text x="{_x(60 * minute, end):.1f}" y="{TOP - 6}" text-anchor="middle">{minute} min</text>')
    return shapes


def _x(seconds: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT - 10) * seconds / max(end, 1.0)


def _y(count: float, high: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * count / high
