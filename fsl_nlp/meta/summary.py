"""Did meta-training help? Its tasks' accuracy against plain starts, paired, on the same tasks."""

from __future__ import annotations

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


def summarise(
    head: MetaHead, start: Tensors, before: Sequence[Batch], after: Sequence[Batch]
) -> dict[str, Any]:
    """`head` against itself before training, and against class means of the plain vectors.

    The tasks `before` and `after` training are the same, of held-out classes. Which step to keep
    was chosen on those classes, though not on these tasks, so the numbers are for a check, not for
    publication.
    """
    heads: dict[str, Head] = {"trained": head, "its start": replace(head, parameters=start)}
    if isinstance(head.body, VectorBody):  # otherwise rows are no vectors
        heads["plain class means"] = ProtoHead()
    found = {name: accuracies(one, after if one is head else before) for name, one in heads.items()}
    rows = []
    for name, values in found.items():
        accuracy, width = mean_and_width(values)
        rows.append({"name": name, "accuracy": accuracy, "±": width})
    verdicts = []
    for name in list(found)[1:]:
        gap, width = mean_and_width(found["trained"] - found[name])
        if abs(gap) <= width or gap == 0:
            verdict = f"no better than {name}: no difference that shows"
        else:
            verdict = f"{'better' if gap > 0 else 'WORSE'} than {name}"
        verdicts.append(f"{verdict} ({gap:+.2%} ± {width:.2%}, paired)")
    return {"rows": rows, "verdicts": verdicts}
