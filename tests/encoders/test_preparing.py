"""`fsl-nlp models --prepare`: what is made, and that nothing is left to write."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForMaskedLM

from fsl_nlp import TextEncoder
from fsl_nlp.encoders.preparing import prepare_models
from fsl_nlp.errors import ModelError

Save = Callable[..., Path]
Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FSL_NLP_BACKEND", raising=False)
    return tmp_path / "cache"


def content(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_all_is_made_once_and_said(
    run: Cli,
    saved: Save,
    cache: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = saved(pooling={"pooling_mode": "mean"})
    result = run("models", "--prepare", model, "--json").json
    assert result["cache"] == str(cache)
    assert [one["what"] for one in result["folders"]] == ["model", "graph, fp32"]
    graph = Path(result["folders"][1]["folder"])
    assert graph.parent == cache / "graphs"
    assert all(one["bytes"] > 1000 for one in result["folders"])
    before = content(cache)
    assert before

    monkeypatch.setattr("fsl_nlp.encoders.shared._loaded", {})  # as in a new process
    caplog.clear()
    shown = run("models", "--prepare", model)
    assert str(graph) in shown.out
    encoder = TextEncoder(str(model), device="cpu", backend="onnx")
    assert encoder.encode(["where is my parcel"]).shape == (1, 32)
    assert content(cache) == before, "nothing is left to write"
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_int8_is_made_too(saved: Save) -> None:
    model = str(saved(pooling={"pooling_mode": "mean"}))
    made = [one.what for one in prepare_models([model], int8=True)]
    assert made == ["model", "graph, fp32", "graph, int8"]


def test_a_masked_model_needs_no_graph(saved: Save, cache: Path) -> None:
    model = saved(kind=AutoModelForMaskedLM)
    assert [one.what for one in prepare_models([str(model)])] == ["model"]
    assert not cache.exists()


def test_a_wrong_name_is_an_error(run: Cli) -> None:
    with pytest.raises(ModelError, match="Did you mean embedded:en"):
        list(prepare_models(["embedded:enn"]))
    assert "are for --prepare" in run("models", "embedded:en").err
