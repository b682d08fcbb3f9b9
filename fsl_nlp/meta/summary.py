"""Compare a meta-trained head with its start and with class means, on the same tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fsl_nlp.heads.base import Head
from fsl_nlp.heads.proto import ProtoHead
from fsl_nlp.meta.bodies import VectorBody
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.outer import Batch
from fsl_nlp.meta.task_heads import Tensors
from fsl_nlp.meta.trainer import accuracies, mean_and_width
from fsl_nlp.output import percent, without_nan


def summarise(
    head: MetaHead, start: Tensors, before: Sequence[Batch], after: Sequence[Batch]
) -> dict[str, Any]:
    """Accuracies of `head`, of the head before training, and of class means of plain vectors.

    `before` and `after` are the same tasks of held-out classes, with the rows before and after
    training. The best step was chosen on these classes, so the numbers are not for publication.
    """
    heads: dict[str, Head] = {"trained": head, "its start": replace(head, parameters=start)}
    if isinstance(head.body, VectorBody):  # the rows of other bodies are not vectors
        heads["plain class means"] = ProtoHead()
    values_by_head = {
        name: accuracies(one, after if one is head else before) for name, one in heads.items()
    }
    rows = []
    for name, values in values_by_head.items():
        accuracy, width = mean_and_width(values)
        rows.append({"name": name, "accuracy": accuracy, "±": width})
    verdicts = []
    for name in list(values_by_head)[1:]:
        gap, width = mean_and_width(values_by_head["trained"] - values_by_head[name])
        if math.isnan(width):
            verdict = f"one task shows no difference to {name}"
        elif abs(gap) <= width or gap == 0:
            verdict = f"no better than {name}: no significant difference"
        else:
            verdict = f"{'better' if gap > 0 else 'WORSE'} than {name}"
        verdicts.append(f"{verdict} ({percent(gap, width, sign='+')}, paired)")
    return {"rows": without_nan(rows), "verdicts": verdicts}
