"""What to label next: questions of a log that teach most, and labels that are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.decision.verdict import ANSWERS, OUT_OF_SCOPE
from fsl_nlp.editing.intents import CandidateLabel, candidate_labels, similarity_within
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.output import one_line
from fsl_nlp.types import Example, Label
from fsl_nlp.vectors import Matrix, unit

if TYPE_CHECKING:
    from fsl_nlp.answering import Answering
    from fsl_nlp.decision.verdict import Verdict

LIMIT = 8000  # different texts that are compared with each other; of a longer log, as many drawn
_NEIGHBOURS = 10  # that say how typical a text is
_AT_ONCE = 512  # rows of cosines that are computed together
_SHOWN, _GROUPS_SHOWN = 3, 10  # texts of a candidate label, and such labels, in words


@dataclass(frozen=True)
class Suggestion:
    """A text to label. `count` is how often it was asked, `label` the best guess.

    `feedback` is the label that users say is right.

    >>> Suggestion("send it back", "return", 0.4, 2, "between two labels").label
    'return'
    """

    text: str
    label: Label
    confidence: float
    count: int
    reason: str
    feedback: Label | None = None


@dataclass(frozen=True)
class Suggestions:
    """What to label next.

    `texts` is how many different ones the log holds that are no stored examples. `to_label` are
    those that teach most, and `new_labels` groups of those that the classifier does not know.

    >>> print(Suggestions(3, 0, (), ()))
    3 new texts, of which 0 look like no label
    """

    texts: int
    unknown: int
    to_label: tuple[Suggestion, ...]
    new_labels: tuple[CandidateLabel, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.texts} new texts, of which {self.unknown} look like no label"]
        if self.to_label:
            lines.append("label these:")
        for item in self.to_label:
            lines.append(f"  {one_line(item.text)}")
            lines.append(f"      {item.reason}")
        if self.new_labels:
            lines.append("these may need a label of their own:")
        for group in self.new_labels[:_GROUPS_SHOWN]:
            lines.append(f"  {group.name}: {len(group.texts)} texts, asked {_times(group.count)}")
            lines += [f"      {one_line(text)}" for text in group.texts[:_SHOWN]]
        if (more := len(self.new_labels) - _GROUPS_SHOWN) > 0:
            lines.append(f"  and {more} smaller groups (--json lists all)")
        return "\n".join(lines)


def suggest(
    bot: Answering,
    texts: Sequence[str] | Sequence[Example],
    n: int = 10,
    *,
    seed: int = 0,
    feedback: Mapping[str, Label] | None = None,
) -> Suggestions:
    """The `n` texts of a log to label next, and labels that are missing.

    A text is worth a label if the bot is unsure of it, if it is like many others of the log, and
    if it is unlike those that were chosen before it. `feedback` are labels of texts that users say
    are right; where the bot is sure of another one, the text is worth as much as an unsure one.
    Nothing of the log is stored.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise OptionError(f"n={n!r}: must be a whole number, at least 0.")
    log = _Log.read(bot, texts, seed)
    if not log.examples:
        raise DataError("There is no text to suggest: all are blank, or stored examples.")
    with bot._storing(store=False):
        outputs = bot.classifier_.outputs(log.examples)
        stored = bot.classifier_.embed(bot.examples_) if bot.examples_ else outputs.vectors[:0]
    decision = bot.decision_
    verdicts = decision.verdicts(outputs) if decision else [ANSWERS] * len(outputs)
    vectors = unit(outputs.vectors)
    probabilities = softmax(outputs.scores)
    unknown = _unknown(verdicts, vectors, unit(stored))
    typical = _typicality(vectors, log.counts)
    labels = bot.classifier_.labels
    named = [(feedback or {}).get(example.text) for example in log.examples]
    best = [labels[i] for i in probabilities.argmax(1)]
    is_wrong = [name not in (None, label) for name, label in zip(named, best, strict=True)]
    unsure = np.where(is_wrong, 1.0, _uncertainty(probabilities, verdicts))
    chosen = _choose(unsure * (1 + typical) / 2, vectors, n)
    rows = np.flatnonzero(unknown)
    index = {label: i for i, label in enumerate(labels)}
    classes = np.array([index[e.label] for e in bot.examples_ if e.label is not None], np.int64)
    return Suggestions(
        texts=log.distinct,
        unknown=len(rows),
        to_label=tuple(
            _suggestion(log, i, probabilities[i], labels, verdicts[i], float(typical[i]), named[i])
            for i in chosen
        ),
        new_labels=candidate_labels(
            [log.examples[i].text for i in rows],
            [log.counts[i] for i in rows],
            vectors[rows],
            [
                *(e.text for e in bot.examples_),
                *(e.text for e, u in zip(log.examples, unknown, strict=True) if not u),
            ],
            similarity_within(stored, classes),
            labels,
        ),
    )


@dataclass(frozen=True)
class _Log:
    """The different texts of a log that are no stored examples, and how often each occurs."""

    examples: list[Example]
    counts: list[int]
    distinct: int

    @classmethod
    def read(cls, bot: Answering, texts: Any, seed: int) -> _Log:
        asked = [e for e in bot._checked(texts, "texts") if e.text.strip()]
        stored = {(example.text, example.text_b) for example in bot.examples_}
        times = Counter((example.text, example.text_b) for example in asked)
        first = {(e.text, e.text_b): e for e in reversed(asked)}
        new = [key for key in times if key not in stored]
        distinct = len(new)
        if distinct > LIMIT:
            rows = np.random.default_rng(seed).choice(distinct, LIMIT, replace=False)
            new = [new[i] for i in np.sort(rows)]
        return cls([first[key] for key in new], [times[key] for key in new], distinct)


def _unknown(verdicts: Sequence[Verdict], vectors: Matrix, stored: Matrix) -> NDArray[np.bool_]:
    """[n]: whether each text looks like nothing that was learned.

    Without a decision, it is farther from every stored example than nearly all of them are from
    each other.
    """
    scope = [verdict.in_scope for verdict in verdicts]
    if None not in scope:
        unlikely = np.array([(p or 0.0) < 0.5 for p in scope])
        return unlikely | np.array([verdict.reason == OUT_OF_SCOPE for verdict in verdicts])
    if len(stored) < 2:
        return np.zeros(len(vectors), bool)
    own = stored @ stored.T
    np.fill_diagonal(own, -1)
    usual: float = np.quantile(own.max(1), 0.05)
    far: NDArray[np.bool_] = (vectors @ stored.T).max(1) < usual
    return far


def _uncertainty(
    probabilities: NDArray[np.float64], verdicts: Sequence[Verdict]
) -> NDArray[np.float64]:
    """[n], from 0 to 1: how near the two best labels are, or how unsure the scope is."""
    ordered = np.sort(probabilities, axis=1)
    second = ordered[:, -2] if ordered.shape[1] > 1 else 0.0
    between: NDArray[np.float64] = 1 - (ordered[:, -1] - second)
    scope = np.array([1.0 if v.in_scope is None else v.in_scope for v in verdicts])
    return np.maximum(between, 1 - np.abs(2 * scope - 1))


def _typicality(vectors: Matrix, counts: Sequence[int]) -> NDArray[np.float64]:
    """[n], from 0 to 1: the rank of each text by its mean cosine to its neighbours in the log.

    A text that was asked several times is a neighbour of itself.
    """
    count = len(vectors)
    near = np.zeros(count)
    k = min(_NEIGHBOURS, count)
    for start in range(0, count, _AT_ONCE):
        cosines = vectors[start : start + _AT_ONCE] @ vectors.T
        rows = np.arange(len(cosines))
        repeated = np.array(counts[start : start + _AT_ONCE]) > 1
        cosines[rows, rows + start] = np.where(repeated, 1.0, -1.0)
        near[start : start + _AT_ONCE] = np.sort(cosines, axis=1)[:, -k:].mean(1)
    ranks = near.argsort(kind="stable").argsort(kind="stable")
    return ranks / max(1, count - 1)


def _choose(values: NDArray[np.float64], vectors: Matrix, n: int) -> list[int]:
    """The rows of highest value, each discounted by its cosine to those chosen before."""
    remaining = np.ones(len(values))
    chosen: list[int] = []
    for _ in range(min(n, len(values))):
        best = int((values * remaining).argmax())
        chosen.append(best)
        remaining = np.minimum(remaining, np.clip(1 - vectors @ vectors[best], 0, 1))
        remaining[chosen] = -1
    return chosen


def _suggestion(
    log: _Log,
    row: int,
    probabilities: NDArray[np.float64],
    labels: Sequence[Label],
    verdict: Verdict,
    typical: float,
    feedback: Label | None,
) -> Suggestion:
    first, second = np.argsort(-probabilities, kind="stable")[:2]
    reasons = [
        f"{one_line(labels[first])} {probabilities[first]:.0%} or "
        f"{one_line(labels[second])} {probabilities[second]:.0%}"
    ]
    if feedback is not None:
        reasons.insert(0, f"users say {one_line(feedback)}")
    if verdict.in_scope is not None and verdict.in_scope < 0.75:
        reasons.append(f"in scope {verdict.in_scope:.0%}")
    if log.counts[row] > 1:
        reasons.append(f"asked {_times(log.counts[row])}")
    reasons.append(f"more typical of the log than {typical:.0%} of it")
    return Suggestion(
        text=log.examples[row].text,
        label=labels[first],
        confidence=float(probabilities[first]),
        count=log.counts[row],
        reason="; ".join(reasons),
        feedback=feedback,
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
