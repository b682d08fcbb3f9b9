"""A shop in two languages, and a classifier of it that costs no time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder

SHOP = {
    "track_order": ["where is my parcel", "has my order been sent", "when will it be delivered"],
    "get_refund": ["I want my money back", "refund me please", "the refund has not arrived"],
    "log_in": ["I forgot my password", "I cannot sign in", "my account is locked"],
    "查询物流": ["我的 快递 到 哪 了", "包裹 怎么 还 没 到", "什么 时候 发货"],
}
TEXTS = [text for texts in SHOP.values() for text in texts]
LABELS = [label for label, texts in SHOP.items() for _ in texts]
QUESTIONS = ["where is the refund", "my parcel is locked", "快递 发货 了 吗", "sign me in please"]


@pytest.fixture
def fitted(words: TextEncoder) -> Callable[..., FewShotClassifier]:
    """`fitted("linear")`: a classifier of the shop by this method."""

    def fit(method: str = "proto", **options: object) -> FewShotClassifier:
        options.setdefault("reject", None)  # a threshold takes ten times as long
        return FewShotClassifier(method, words, **options).fit(TEXTS, LABELS)

    return fit
