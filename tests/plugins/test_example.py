"""The plugin of the tutorial, built and installed as a user's would be, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fsl_nlp
from fsl_nlp import FewShotClassifier, TextEncoder, load_dataset, plugins
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import ArtifactError
from fsl_nlp.evaluation import evaluate
from fsl_nlp.export import export_bot

ROOT = Path(fsl_nlp.__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "fsl_nlp_cosine_head"
QUESTIONS = ["hello bot", "see you next week", "many thanks", "are you a robot"]

Python = Callable[..., str]


@pytest.fixture
def python() -> Python:
    """Runs code in a process of its own, with these folders to import from; gives its output."""

    def python(code: str, *folders: Path) -> str:
        path = os.pathsep.join(map(str, [*folders, ROOT]))
        environment = {**os.environ, "PYTHONPATH": path, "FSL_NLP_VECTOR_CACHE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return python


def fitted(encoder: TextEncoder, **options: Any) -> FewShotClassifier:
    support = load_dataset("small-talk")
    return FewShotClassifier("cosine-density", encoder, **options).fit_dataset(support)


def test_it_is_thirty_lines() -> None:
    code = (EXAMPLE / "fsl_nlp_cosine_head" / "head.py").read_text("utf-8").splitlines()
    assert len([line for line in code if line.strip()]) <= 30


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_fit_save_and_load_in_another_process(
    english: TextEncoder, site: Path, tmp_path: Path, python: Python
) -> None:
    model = fitted(english, scale=20.0)
    expected = model.predict_proba(QUESTIONS)
    folder = model.save(tmp_path / "bot")
    assert json.loads((folder / "classifier.json").read_text())["method_source"] == (
        "fsl-nlp-cosine-head 0.1.0"
    )
    answers = python(
        "from fsl_nlp import FewShotClassifier\n"
        f"model = FewShotClassifier.load({str(folder)!r})\n"
        f"print(model.predict_proba({QUESTIONS}).tolist())\n"
        "assert model.classifier_.head.scale == 20",
        site,
    )
    np.testing.assert_allclose(json.loads(answers), expected, atol=0.01)


@pytest.mark.usefixtures("installed")
def test_an_exported_bot_answers_without_the_plugin_and_without_torch(
    english: TextEncoder, tmp_path: Path, python: Python
) -> None:
    model = fitted(english)
    folder = export_bot(model, tmp_path / "bot").folder
    answers = python(
        "import sys\nfrom fsl_nlp.runtime import Bot\n"
        f"print(Bot.load({str(folder)!r}).predict_proba({QUESTIONS}).tolist())\n"
        "assert not {'torch', 'fsl_nlp_cosine_head'} & set(sys.modules)"
    )
    np.testing.assert_allclose(json.loads(answers), model.predict_proba(QUESTIONS), atol=0.01)


def test_loading_without_the_plugin_names_it(
    english: TextEncoder, site: Path, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        plugins.forget()
        folder = fitted(english).save(tmp_path / "bot")
    plugins.forget()
    message = (
        r"needs the method 'cosine-density' of the package fsl-nlp-cosine-head 0.1.0, which is not "
        r"installed. Install it, or give the method"
    )
    with pytest.raises(ArtifactError, match=message):
        FewShotClassifier.load(folder, encoder=english)


@pytest.mark.usefixtures("installed")
def test_episodes_in_batches_and_one_at_a_time(english: TextEncoder) -> None:
    data = load_dataset("small-talk")
    table = EpisodeTable.sample(data, way=3, shot=2, query=2, episodes=6, seed=0)
    batched = evaluate("cosine-density", data, table, encoder=english)
    alone = evaluate("cosine-density", data, table, encoder=english, one_by_one=True)
    assert batched.settings["scale"] == 10.0
    assert batched.accuracy.value == pytest.approx(alone.accuracy.value)
    assert batched.accuracy.value > 0.6


@pytest.mark.usefixtures("installed", "english")
def test_the_command_line(tmp_path: Path, run: Any) -> None:
    listed = run("methods")[1]
    assert "cosine-density" in listed
    assert "scale" in run("methods", "cosine-density")[1]
    assert "small talk with a bot, 4 intents" in run("data", "list")[1]
    bot = tmp_path / "bot"
    fit = ["fit", "small-talk", "--method", "cosine-density", "--option", "scale=5", "--out", bot]
    status, out, err = run(*fit)
    assert status == 0, err
    assert "Learned 4 labels from 20 texts" in out
    assert "greet" in run("predict", bot, "hello there, bot")[1]
    status, out, err = run("evaluate", bot, "small-talk:test", "--json")
    assert status == 0, err
    assert json.loads(out)["accuracy"] > 0.7
    shape = ["--way", 3, "--shot", 2, "--query", 2, "--episodes", 5]
    episodes = ["episodes", "small-talk", "--method", "cosine-density", *shape]
    status, out, err = run(*episodes, "--json")
    assert status == 0, err
    assert json.loads(out)["method"] == "cosine-density"
    status, _, err = run(*episodes, "--option", "scale=0")
    assert status == 1
    assert "scale=0: must be greater than 0." in err
