"""The pages of `docs/extend`: what they show is what there is."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import fsl_nlp
from fsl_nlp.plugins import GROUPS

DOCS = Path(fsl_nlp.__file__).parents[1] / "docs"
EXAMPLE = DOCS / "examples" / "fsl_nlp_cosine_head"
PLUGIN = (DOCS / "extend" / "plugin.md").read_text("utf-8")
PUBLIC = (DOCS / "extend" / "public-api.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "fsl_nlp_cosine_head/head.py", "fsl_nlp_cosine_head/corpus.py"]
)
def test_the_page_shows_the_files_of_the_example(name: str) -> None:
    content = (EXAMPLE / name).read_text("utf-8")
    assert re.search(rf"^```\w+\n{re.escape(content)}```$", PLUGIN, re.MULTILINE)


@pytest.mark.usefixtures("installed")
def test_the_commands_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^fsl-nlp (.*)$", PLUGIN, re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        status, _, err = run(*shlex.split(line))
        assert status == 0, err


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(fsl_nlp(?:\.\w+)+)`", PUBLIC))))
def test_every_public_name_is_there(name: str) -> None:
    if name in GROUPS:
        return
    module, _, attribute = name.rpartition(".")
    assert getattr(import_module(module), attribute).__doc__


def test_both_pages_name_all_groups() -> None:
    for group in GROUPS:
        assert f"`{group}`" in PLUGIN
        assert f"`{group}`" in PUBLIC
