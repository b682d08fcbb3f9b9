"""What a tuned encoder reads of a text, in training and in answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Dataset, TextEncoder
from fsl_nlp.methods import build_method
from fsl_nlp.training.trainer import Trainer
from fsl_nlp.training.tuned_encoder import TunedEncoder
from fsl_nlp.types import Example

LONG = "my parcel is late " * 60 + "refund"
SUPPORT = Dataset.from_texts([LONG, "hello"], ["late", "greeting"])


@pytest.mark.parametrize(("options", "longest"), [({}, 128), ({"tokens": 20}, 20)])
def test_training_reads_the_first_tokens_of_a_text(
    options: dict[str, Any], longest: int, english: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Sequence[Sequence[int]]] = []
    monkeypatch.setattr(Trainer, "run", lambda _self, rows, *_: trained.append(rows))
    method = build_method("lora", english, options={"label_names": False, **options})
    model = method.fit(SUPPORT)
    whole, short = TunedEncoder(english, english.module).tokens(SUPPORT.examples).ids
    [rows] = trained
    assert [len(row) for row in rows] == [longest, len(short)]
    assert rows[0][:-1] == whole[: longest - 1]  # the last one closes the text
    assert rows[1] == short
    # An answer rests on the end of a text, too.
    changed_end = Example(LONG.replace("refund", "password"))
    assert not np.array_equal(model.scores([SUPPORT.examples[0]]), model.scores([changed_end]))


@pytest.mark.parametrize("longest", [None, 600])
def test_no_more_is_read_than_the_model_takes(longest: int | None, english: TextEncoder) -> None:
    reader = TunedEncoder(english, english.module)
    [row] = reader.tokens([Example("late " * 1000)], longest).ids
    assert len(row) == english.pooling.max_length
