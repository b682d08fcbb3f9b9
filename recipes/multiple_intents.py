"""How often `classify(..., multiple=True)` finds the intents of a message.

    python recipes/multiple_intents.py

For each sample: 100 questions of its test file, and 100 messages made of two of them with other
labels; `linear` learns from the training file. Nothing is chosen here.
"""

from __future__ import annotations

import random

from fsl_nlp import FewShotClassifier, load_dataset

COUNT, SEED = 100, 11
SAMPLES = {
    "support_en": (". ", ", and ", "; ", " and also ", ", "),
    "support_zh": ("，", "。", "，还有", "，另外", "；"),
}


def main() -> None:
    """Print a line for each sample."""
    print(f"{'sample':12} both exactly  both if asked alone  one stays one")
    for name, joins in SAMPLES.items():
        chance = random.Random(SEED)
        train, test = load_dataset(name), load_dataset(f"{name}:test")
        bot = FewShotClassifier("linear").fit(train.texts, train.targets)
        questions = list(zip(test.texts, test.targets, strict=True))
        chance.shuffle(questions)
        alone = {text: bot.classify(text).label for text, _ in questions}
        single = sum(len(bot.classify(text, multiple=True)) == 1 for text, _ in questions[:COUNT])
        exact = possible = made = 0
        while made < COUNT:
            (first, label), (second, other) = chance.sample(questions, 2)
            if label == other:
                continue
            made += 1
            message = first.rstrip(".。") + chance.choice(joins) + second
            answers = {answer.label for answer in bot.classify(message, multiple=True)}
            exact += answers == {label, other}
            possible += (alone[first], alone[second]) == (label, other)
        print(f"{name:12} {exact:11}% {possible:19}% {single:13}%")


if __name__ == "__main__":
    main()
