"""Packages that are installed for one test, and the command line in this process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

import fsl_nlp
from fsl_nlp import plugins

EXAMPLE = Path(fsl_nlp.__file__).parents[1] / "docs" / "examples" / "fsl_nlp_cosine_head"

Install = Callable[..., str]
Offers = Mapping[str, Mapping[str, str]]  # group -> name -> value


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """What earlier tests installed is not remembered."""
    plugins.forget()
    yield
    plugins.forget()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install("acme", {"fsl_nlp.heads": {"mine": "acme:MyHead"}}, code)` gives the folder."""

    def install(module: str, offers: Offers, code: str = "", version: str = "1.0") -> str:
        site = tmp_path / f"site_{module}"
        metadata = site / f"{module}-{version}.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n"
        )
        lines = []
        for group, values in offers.items():
            lines += [f"[{group}]", *(f"{name} = {value}" for name, value in values.items())]
        (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
        (site / f"{module}.py").write_text(dedent(code), encoding="utf-8")
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, module, raising=False)
        plugins.forget()
        return str(site)

    return install


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the plugin of the tutorial is installed in, without a network."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, folder / "source")
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline]
    subprocess.run([*command, "--target", folder / "site", folder / "source"], check=True)
    return folder / "site"


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is there, in this process."""
    monkeypatch.syspath_prepend(str(site))
    plugins.forget()
