"""Draw the pictures of `docs/concepts`.

    python docs/tools/pictures.py

Each picture is a function below and a file `docs/concepts/pictures/NAME.svg`. A picture brings its
own light card, so that it reads on light and dark pages. The script gives the same bytes each time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from svg import BLUE, COLOURS, GREEN, GREY, INK, ORANGE, PALE, RED, TINTS, Picture, Point

FOLDER = Path(__file__).parent.parent / "concepts" / "pictures"


def _cloud(centre: Point, count: int, spread: float, seed: int) -> list[Point]:
    chance = random.Random(seed)
    return [
        (centre[0] + chance.gauss(0, spread), centre[1] + chance.gauss(0, spread))
        for _ in range(count)
    ]


def _mean(points: Sequence[Point]) -> Point:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def few_shot() -> Picture:
    picture = Picture(720, 270, "A few labelled sentences become vectors; the head compares")
    rows = (
        ("where is my parcel", "track_order", BLUE),
        ("has it shipped yet", "track_order", BLUE),
        ("i want my money back", "refund", ORANGE),
        ("when is my refund due", "refund", ORANGE),
    )
    picture.text(20, 32, "support: labelled sentences", bold=True)
    for i, (words, _, colour) in enumerate(rows):
        picture.label(20, 46 + 36 * i, 180, words, colour)
    picture.text(20, 220, "query: a new sentence", bold=True)
    picture.label(20, 230, 180, "no courier came today")
    picture.line([(206, 118), (252, 134)], arrow=True)
    picture.line([(206, 244), (252, 152)], arrow=True)
    picture.box(258, 112, 96, 60, fill=TINTS[GREY])
    picture.text(306, 147, "encoder", anchor="middle", bold=True)
    picture.line([(358, 142), (394, 142)], arrow=True)
    picture.box(400, 46, 190, 192)
    picture.text(400, 32, "vectors", bold=True)
    blue = [(446, 98), (468, 130)]
    orange = [(542, 166), (520, 204)]
    for at in blue:
        picture.dot(at, BLUE)
    for at in orange:
        picture.dot(at, ORANGE)
    query = (494, 94)
    picture.line([query, _mean(blue)], BLUE)
    picture.line([query, _mean(orange)], ORANGE, dashed=True)
    picture.star(_mean(blue), BLUE)
    picture.star(_mean(orange), ORANGE)
    picture.query(query)
    picture.line([(594, 142), (626, 142)], arrow=True)
    picture.text(632, 124, "track_order", size=13, colour=BLUE, bold=True)
    picture.text(632, 144, "0.93", size=13)
    picture.text(632, 170, "refund", size=13, colour=ORANGE, bold=True)
    picture.text(632, 190, "0.07", size=13)
    return picture


def heads() -> Picture:
    picture = Picture(720, 270, "Three heads on the same vectors")
    names = ("proto: nearest class mean", "linear: a learned border", "knn: nearest examples vote")
    clouds = [_cloud((70, 70), 5, 21, 1), _cloud((160, 140), 5, 21, 5)]
    query = (112.0, 92.0)
    for i, name in enumerate(names):
        left = 20 + 235 * i
        picture.text(left, 30, name, bold=True)
        picture.box(left, 44, 212, 206)
        shifted = [[(left + x, 44 + y) for x, y in cloud] for cloud in clouds]
        at = left + query[0], 44 + query[1]
        if i == 0:
            for cloud, colour in zip(shifted, COLOURS, strict=False):
                picture.line([at, _mean(cloud)], colour, dashed=colour == ORANGE)
        if i == 1:
            picture.line([(left + 24, 44 + 186), (left + 204, 44 + 30)], INK, width=2)
        if i == 2:
            every = [(p, c) for cloud, c in zip(shifted, COLOURS, strict=False) for p in cloud]
            every.sort(key=lambda item: math.dist(item[0], at))
            for point, colour in every[:5]:
                picture.line([at, point], colour)
        for cloud, colour in zip(shifted, COLOURS, strict=False):
            for point in cloud:
                picture.dot(point, colour)
            if i == 0:
                picture.star(_mean(cloud), colour)
        picture.query(at)
    return picture


def tuning() -> Picture:
    picture = Picture(720, 300, "What trains in each tuned method")
    columns = (
        ("frozen", "nothing; a head is fitted", ()),
        ("head", "class vectors", ("class vectors",)),
        ("bitfit", "biases and layer norms", ("class vectors", "thin")),
        ("lora", "added small matrices", ("class vectors", "side")),
        ("full", "all layers", ("class vectors", "layers")),
    )
    for i, (name, note, trains) in enumerate(columns):
        left = 20 + 140 * i
        picture.text(left + 60, 30, name, anchor="middle", bold=True)
        colour = ORANGE if "class vectors" in trains else GREY
        picture.label(left, 44, 120, "head", colour)
        for layer in range(4):
            top = 84 + 36 * layer
            colour = ORANGE if "layers" in trains else GREY
            picture.label(left, top, 120, f"layer {4 - layer}", colour)
            if "thin" in trains:
                picture.line([(left + 2, top + 25), (left + 118, top + 25)], ORANGE, width=4)
            if "side" in trains:
                picture.box(left + 92, top + 5, 22, 18, fill=TINTS[ORANGE], line=ORANGE)
        picture.label(left, 228, 120, "word vectors")
        picture.text(left + 60, 280, note, size=11, anchor="middle", colour=INK)
    return picture


def prompts() -> Picture:
    picture = Picture(720, 250, "A prompt asks a masked language model for the label's word")
    picture.text(20, 32, "template", bold=True)
    picture.label(20, 42, 260, "{text}这是关于[MASK]的。")
    picture.text(20, 104, "text put in", bold=True)
    picture.label(20, 114, 260, "快递还没到。这是关于[MASK]的。", BLUE)
    picture.line([(150, 74), (150, 92)], arrow=True)
    picture.line([(284, 128), (322, 128)], arrow=True)
    picture.box(328, 92, 130, 72, fill=TINTS[GREY])
    picture.text(393, 124, "masked", anchor="middle", bold=True)
    picture.text(393, 144, "language model", anchor="middle", bold=True)
    picture.line([(462, 128), (496, 128)], arrow=True)
    picture.text(504, 32, "words at the mask", bold=True)
    rows = (
        ("物流", 0.62, "track", BLUE),
        ("退款", 0.21, "refund", ORANGE),
        ("退货", 0.11, "refund", ORANGE),
        ("天气", 0.02, "not asked", GREY),
    )
    for i, (word, share, name, colour) in enumerate(rows):
        y = 62 + 38 * i
        picture.text(504, y + 15, word, size=13)
        picture.box(540, y + 2, max(100 * share, 2), 16, fill=colour, line=colour)
        picture.text(648, y + 15, name, size=13, colour=colour, bold=True)
    picture.text(504, 228, "verbalizer: label -> its words", size=13)
    return picture


def meta_learning() -> Picture:
    picture = Picture(720, 290, "Inner steps adapt to a task; the outer step moves the start")
    start, moved = (150, 215), (330, 130)
    ends = ((250, 60), (450, 50), (470, 205))
    picture.line([start, moved], INK, width=3, arrow=True)
    for i, (end, colour) in enumerate(zip(ends, COLOURS, strict=True)):
        steps = [
            (moved[0] + (end[0] - moved[0]) * t, moved[1] + (end[1] - moved[1]) * t)
            for t in (0, 0.4, 0.72, 0.9)
        ]
        picture.line(steps, colour, width=2, arrow=True)
        for step in steps[1:-1]:
            picture.dot(step, colour, 3)
        picture.dot(end, colour, 9, hollow=True)
        picture.text(end[0] + 16, end[1] + 5, f"best for task {i + 1}", size=13, colour=colour)
    picture.dot(start, INK, 7)
    picture.dot(moved, INK, 7)
    picture.text(110, 245, "start before training", size=13)
    picture.text(310, 126, "start that was learned", size=13, anchor="end")
    picture.text(110, 150, "outer steps:", size=13, anchor="middle", bold=True)
    picture.text(110, 168, "over many tasks", size=13, anchor="middle")
    picture.text(500, 110, "inner steps:", size=13, bold=True)
    picture.text(500, 128, "a few, on the support of one task", size=13)
    return picture


def calibration() -> Picture:
    picture = Picture(720, 320, "Confidence and accuracy before and after a temperature (a sketch)")

    def curve(sharpness: float) -> list[Point]:
        """Accuracy of answers whose confidence is `sharpness` times too extreme in log odds."""
        points = []
        for i in range(21):
            confidence = 0.5 + 0.0247 * i
            odds = math.log(confidence / (1 - confidence)) / sharpness
            accuracy = 1 / (1 + math.exp(-odds))
            points.append((left + 2 * 240 * (confidence - 0.5), 270 - 2 * 210 * (accuracy - 0.5)))
        return points

    cases = (
        ("before: over-confident", 2.6, RED),
        ("after: divided by T", 1.08, BLUE),
    )
    for i, (name, sharpness, colour) in enumerate(cases):
        left = 70 + 340 * i
        picture.text(left, 36, name, bold=True)
        picture.box(left, 60, 240, 210)
        picture.line([(left, 270), (left + 240, 60)], GREY, dashed=True)
        picture.line(curve(sharpness), colour, width=3)
        for share in (0.5, 0.75, 1.0):
            x, y = left + 480 * (share - 0.5), 270 - 420 * (share - 0.5)
            picture.text(x, 288, f"{share:g}", size=12, anchor="middle")
            picture.text(left - 8, y + 4, f"{share:g}", size=12, anchor="end")
        picture.text(left + 120, 308, "confidence", size=13, anchor="middle")
        picture.text(left, 54, "accuracy of these answers", size=13)
    picture.text(234, 222, "says 0.9,", size=13, colour=RED)
    picture.text(234, 240, "is right 0.7", size=13, colour=RED)
    return picture


def episodes() -> Picture:
    picture = Picture(720, 290, "One 3-way 2-shot episode with 2 queries a class")
    chance = random.Random(4)
    picture.text(20, 32, "corpus: all classes", bold=True)
    chosen = {1: BLUE, 4: ORANGE, 6: GREEN}
    cells: dict[int, list[Point]] = {}
    for row in range(8):
        y = 54 + 28 * row
        colour = chosen.get(row, PALE)
        picture.text(20, y + 5, f"class {row + 1}", size=12, colour=INK)
        places = sorted(chance.sample(range(8), 4))
        cells[row] = [(84 + 22 * place, y) for place in places]
        for place in range(8):
            at = (84 + 22 * place, y)
            used = row in chosen and at in cells[row]
            picture.dot(at, colour if used else PALE, 7, hollow=used and at in cells[row][2:])
    picture.line([(266, 150), (312, 150)], arrow=True)
    picture.text(322, 32, "support: 3 ways, 2 shots", bold=True)
    picture.box(322, 46, 160, 150)
    picture.text(514, 32, "queries: 2 a class", bold=True)
    picture.box(514, 46, 186, 150)
    for i, (row, colour) in enumerate(chosen.items()):
        y = 80 + 42 * i
        picture.text(336, y + 5, f"class {row + 1}", size=12, colour=colour, bold=True)
        for k in range(2):
            picture.dot((412 + 36 * k, y), colour, 9)
    order = [BLUE, GREEN, ORANGE, ORANGE, BLUE, GREEN]
    for i, colour in enumerate(order):
        at = (552 + 54 * (i % 3), 92 + 56 * (i // 3))
        picture.dot(at, colour, 9, hollow=True)
        picture.text(at[0], at[1] + 5, "?", size=12, anchor="middle", bold=True)
    picture.text(322, 232, "episode accuracy = correct queries / all queries", size=13)
    picture.text(322, 254, "result = mean over episodes, with its 95% interval", size=13)
    return picture


def unlabelled() -> Picture:
    picture = Picture(720, 290, "Labels spread along a graph of nearest neighbours")
    for i, name in enumerate(("two labels, many texts", "after spreading")):
        left = 20 + 350 * i
        picture.text(left, 30, name, bold=True)
        picture.box(left, 44, 330, 226)
        upper = [(left + 30 + 19 * j, 150 - 78 * math.sin(j / 4.8)) for j in range(15)]
        lower = [(left + 24 + 20 * j, 232 - 62 * math.sin(j / 4.6)) for j in range(15)]
        for arc, colour in ((upper, BLUE), (lower, ORANGE)):
            chance = random.Random(3)
            points = [(x + chance.gauss(0, 4), y + chance.gauss(0, 5)) for x, y in arc]
            picture.line(points, PALE)
            for j, point in enumerate(points):
                for other in points[j + 2 : j + 3]:
                    picture.line([point, other], PALE)
            for j, point in enumerate(points):
                labelled = j == (3 if colour == BLUE else 11)
                picture.dot(point, colour if labelled or i else GREY, 5 if not labelled else 9)
    return picture


PICTURES: dict[str, Callable[[], Picture]] = {
    "few-shot": few_shot,
    "heads": heads,
    "tuning": tuning,
    "prompts": prompts,
    "meta-learning": meta_learning,
    "calibration": calibration,
    "episodes": episodes,
    "unlabelled": unlabelled,
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
