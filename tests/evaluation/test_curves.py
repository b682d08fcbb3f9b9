"""Learning curves: their numbers, and the files they are saved as."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fsl_nlp import Dataset, TextEncoder, load_dataset
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError, MissingExtraError, OptionError
from fsl_nlp.evaluation import MethodSpec, evaluate, learning_curve
from fsl_nlp.evaluation.curves import Curve, Line
from fsl_nlp.evaluation.result import Mean

SPECS = [
    MethodSpec("proto", "words", {"label_names": False}),
    MethodSpec("knn", "words", {"label_names": False, "k": 1}),
]


@pytest.fixture
def data(words: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The shop's questions, for an encoder that costs no time."""
    monkeypatch.setattr("fsl_nlp.encoders.load_encoder", lambda *_, **__: words)
    return load_dataset("support_en")


@pytest.fixture
def drawn() -> Curve:
    """Two lines with names that want care in a picture."""
    first = Line("线性, 5-way", ((1, Mean(0.5, 0.01)), (5, Mean(0.75, 0.02))))
    second = Line("a <b> & c", ((1, Mean(0.25, float("nan"))),))
    return Curve("shop & 商店", "shots", (first, second))


def test_points_are_single_evaluations(data: Dataset) -> None:
    found = learning_curve(SPECS, data, shots=[1, 4], ways=[2, 5], query=3, episodes=40, seed=7)
    assert (found.title, found.x) == ("support_en, 40 episodes", "shots")
    assert [line.name for line in found.lines] == [
        "proto, 2-way", "knn, 2-way", "proto, 5-way", "knn, 5-way",
    ]  # fmt: skip
    lines = iter(found.lines)
    for way in (2, 5):
        for spec in SPECS:
            points = dict(next(lines).points)
            assert points.keys() == {1, 4}
            for shot, mean in points.items():
                table = EpisodeTable.sample(data, way=way, shot=shot, query=3, episodes=40, seed=7)
                assert mean == evaluate(spec, data, table).accuracy
    first = dict(found.lines[0].points)
    assert first[4].value > first[1].value  # more shots help


def test_the_numbers_are_saved_as_json(drawn: Curve, tmp_path: Path) -> None:
    path = drawn.save(tmp_path / "new" / "curve.json")
    text = path.read_text("utf-8")
    assert "商店" in text  # readable, not escaped

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    ends = {"low": None, "high": None}
    assert json.loads(text, parse_constant=refuse) == {
        "title": "shop & 商店",
        "x": "shots",
        "lines": [
            {
                "name": "线性, 5-way",
                "points": [
                    [1, {"value": 0.5, "half_width": 0.01, **ends}],
                    [5, {"value": 0.75, "half_width": 0.02, **ends}],
                ],
            },
            {"name": "a <b> & c", "points": [[1, {"value": 0.25, "half_width": None, **ends}]]},
        ],
    }


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_pictures_are_what_their_names_say(drawn: Curve, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the report extra is not installed")
    png = drawn.save(tmp_path / "curve.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1050, 675)  # 7 x 4.5 inches of 150 dots
    svg = ElementTree.fromstring(drawn.save(tmp_path / "curve.svg").read_text("utf-8"))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.png", "curve.svg"]


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_a_picture_shows_the_values(drawn: Curve, tmp_path: Path) -> None:
    """In the vector picture, marks stand where their values are on the axes."""
    pytest.importorskip("matplotlib", reason="the report extra is not installed")
    text = drawn.save(tmp_path / "curve.svg").read_text("utf-8")
    marks = re.findall(r'<use xlink:href="#\w+" x="([\d.]+)" y="([\d.]+)" style="fill: #', text)
    # The lower ends of the intervals of the first line, the upper ends, its points; the second's.
    (x1, low1), (x5, low5), (_, high1), (_, high5), (_, y1), (_, y5), (other_x, other_y), *_ = [
        (float(x), float(y)) for x, y in marks
    ]
    assert x1 == other_x < x5
    one = (other_y - y1) / 25  # a per cent; y counts downwards
    assert one > 0
    assert y1 - y5 == pytest.approx(25 * one, rel=1e-3)
    assert (low1 - y1, y1 - high1) == pytest.approx((one, one), rel=1e-3)
    assert (low5 - y5, y5 - high5) == pytest.approx((2 * one, 2 * one), rel=1e-3)


def test_another_ending_is_refused(drawn: Curve, tmp_path: Path) -> None:
    with pytest.raises(
        OptionError, match=r"curve\.pdf: a curve is saved as \.json, \.png or \.svg"
    ):
        drawn.save(tmp_path / "curve.pdf")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_extra_is_named(
    drawn: Curve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsl_nlp.evaluation.curves.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fsl-nlp\[report\]'"):
        drawn.save(tmp_path / "curve.png")
    drawn.save(tmp_path / "curve.json")


def test_what_cannot_be_sampled_is_said_before_anything_is_scored(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: object, **__: object) -> None:
        raise AssertionError("scored")

    monkeypatch.setattr("fsl_nlp.evaluation.curves.evaluate", unexpected)
    with pytest.raises(
        DataError, match="11 support examples and 5 queries need 16 examples a class"
    ):
        learning_curve(SPECS, data, shots=[1, 11], ways=[5], query=5, episodes=10)
    with pytest.raises(DataError, match="16-way episodes need 16 classes; support_en has 15"):
        learning_curve(SPECS, data, shots=[1], ways=[5, 16], query=5, episodes=10)
