from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fsl_nlp.cli.predict import as_text
from fsl_nlp.cli.run import Run, command

if TYPE_CHECKING:
    from fsl_nlp.types import Prediction

# The questions in each language; the last one belongs to no intent of the bot.
QUESTIONS = {
    "support_en": [
        "hi, the parcel should have come on monday, any idea where it is?",
        "the kettle leaks since day one",
        "can I speak to someone real please",
        "what's the capital of Australia?",
    ],
    "support_zh": [
        "我的包裹显示三天没动了，现在到哪了？",
        "鞋子大了一码，能给我换小一点的吗",
        "机器人听不懂，找个真人来",
        "明天北京会下雨吗？",
    ],
}


def add_to(app: typer.Typer) -> None:
    """Add the command `demo`."""

    @command(app, example="fsl-nlp demo")
    def demo(run: Run) -> None:
        """Train, score and ask an English and a Chinese classifier."""
        parts = []
        for name in QUESTIONS:
            part = _demo(name, run.seed)
            parts.append(part)
            if not run.json:
                print(_as_text(part), flush=True)
        commands = next_commands()
        result = {"samples": [_as_json(part) for part in parts], "next": commands}
        run.show(
            result,
            lambda: (
                "Next, with these samples or with your CSV (text,label):\n  "
                + "\n  ".join(commands)
            ),
        )


def next_commands() -> list[str]:
    """Three commands to try after the demo."""
    program = "fsl-nlp" if shutil.which("fsl-nlp") else _beside_python()
    return [
        f"{program} fit support_en --out my-bot",
        f'{program} predict my-bot "has my parcel been sent?" --nearest 2',
        f"{program} evaluate my-bot support_en:test",
    ]


def _beside_python() -> str:
    """The path of the console script of this Python, from the current folder."""
    script = Path(sys.executable).parent / "fsl-nlp"
    if not script.exists():
        return "python -m fsl_nlp"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)


def _demo(name: str, seed: int) -> dict[str, Any]:
    from fsl_nlp import FewShotClassifier, load_dataset
    from fsl_nlp.evaluation.scoring import score_predictions

    train, test = load_dataset(name), load_dataset(f"{name}:test")
    started = time.perf_counter()
    classifier = FewShotClassifier(seed=seed).fit(train.texts, train.known_targets)
    seconds = time.perf_counter() - started
    predicted = classifier.predict(test.texts, store=True).tolist()  # always a label
    foreign = load_dataset(f"{name}:out_of_scope", labelled=False)
    return {
        "name": name,
        "examples": len(train),
        "encoder": classifier.encoder_.name,
        "method": classifier.method_,
        "seconds": seconds,
        "score": score_predictions(test.targets, predicted, train.labels, seed=seed),
        "labels": len(train.labels),
        "answered": _answered(classifier.classify(test.texts, store=True)),
        "out_of_scope": {
            "questions": len(foreign),
            "answered": _answered(classifier.classify(foreign.texts)),
        },
        "questions": QUESTIONS[name],
        "answers": classifier.classify(QUESTIONS[name]),
    }


def _answered(predictions: list[Prediction]) -> float:
    """The share of the texts that got a label."""
    return sum(prediction.label is not None for prediction in predictions) / len(predictions)


def _as_text(part: dict[str, Any]) -> str:
    score, answers = part["score"], part["answers"]
    low, high = score.accuracy_interval
    foreign = part["out_of_scope"]
    pairs = zip(part["questions"], answers, strict=True)
    shown = [as_text(question, answer) for question, answer in pairs]
    return (
        f"{part['name']}: {part['labels']} intents, {part['examples']} training sentences, "
        f"learned in {part['seconds']:.1f} s ({part['method']} on {part['encoder']})\n"
        f"  accuracy on {score.count} test sentences: {score.accuracy:.1%} "
        f"(95% interval {low:.1%} to {high:.1%})\n\n" + "\n".join(shown[:-1]) + "\n\n"
        "  and a question that none of the intents covers:\n"
        f"{shown[-1]}\n"
        f"  it answers {part['answered']:.0%} of the test sentences, and turns away "
        f"{1 - foreign['answered']:.0%} of {foreign['questions']} out-of-scope questions\n"
    )


def _as_json(part: dict[str, Any]) -> dict[str, Any]:
    answers = zip(part["questions"], part["answers"], strict=True)
    return {
        **part,
        "seconds": round(part["seconds"], 2),
        "score": part["score"].to_dict(),
        "answers": [{"text": text, **answer.to_dict()} for text, answer in answers],
    }
