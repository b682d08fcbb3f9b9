"""Labels as words."""

from __future__ import annotations

import pytest

from fsl_nlp.data import readable


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_arrival", "card arrival"),
        ("cardArrival", "card arrival"),
        ("CardArrival", "card arrival"),
        ("Refund_not_showing_up", "refund not showing up"),
        ("track-order", "track order"),
        ("track.order", "track order"),
        ("shop/order", "shop order"),
        ("  track   order ", "track order"),
        ("__track__order__", "track order"),
        ("ATM_support", "ATM support"),
        ("ATMSupport", "ATM support"),
        ("card_ATM", "card ATM"),
        ("Positive", "positive"),
        ("oos", "oos"),
        ("I_need_help", "i need help"),
        ("top_up_by_card?", "top up by card?"),
        ("pin_blocked_3_times", "pin blocked 3 times"),
        ("3D_printing", "3D printing"),
        ("mp3", "mp3"),
        ("classy", "classy"),
        ("topic", "topic"),
        ("label_quality", "label quality"),
        ("class_action_2", "class action 2"),
        ("查询物流", "查询物流"),
        ("售后/退货", "售后 退货"),
        ("是", "是"),
        ("类别", "类别"),
        ("意图识别", "意图识别"),
        ("ÄrztlicheHilfe", "ärztliche hilfe"),
    ],
)
def test_names_that_say_something(label, words):
    assert readable(label) == words


@pytest.mark.parametrize(
    "label",
    [
        *(0, 7, -1, True),
        *("P25", "c1", "A", "x", "7", "12", "3.5", "24/7", "", "  ", "???", "_", "--", "…", "。"),
        *("label_3", "label3", "Label 3", "LABEL_3", "intent 12", "intent-12", "class1", "Class_A"),
        *("category.4", "topic 0", "label_P25", "a_b", "A1-B2", "3 label"),
        *("标签3", "标签_3", "类别 12", "意图三", "类别A", "标签１"),
    ],
)
def test_names_that_say_nothing(label):
    assert readable(label) is None


def test_readable_words_stay_readable():
    for label in ("card_arrival", "ATMSupport", "查询物流", "售后/退货"):
        words = readable(label)
        assert words is not None
        assert readable(words) == words
