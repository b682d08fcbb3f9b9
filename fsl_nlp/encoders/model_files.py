"""The files of a model's folder, looked at before a library opens them: no pickle, no other place.

The libraries prefer safetensors, but follow names in JSON files: the shards of an index, the
modules of a pipeline, the base of an adapter. Reading pickled weights can run any code.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from fsl_nlp.errors import ModelError
from fsl_nlp.json_text import parse_json

# Modules of sentence-transformers that read nothing but JSON and safetensors.
MODULES = (
    "Transformer", "Pooling", "Normalize", "Dense", "Dropout", "LayerNorm", "WeightedLayerPooling",
    "CNN", "LSTM",
)  # fmt: skip

# Settings that sentence_bert_config.json may hand on to transformers: others name other files.
_ARGUMENTS = {
    "attn_implementation", "dtype", "torch_dtype", "trust_remote_code", "add_pooling_layer",
    "do_lower_case", "model_max_length", "padding_side", "truncation_side", "use_fast",
}  # fmt: skip
_PARTS = ("model", "tokenizer", "processor", "config")

_PICKLE_SUFFIXES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}


def check_files(folder: Path) -> None:
    """Refuse a folder from which a library would read a pickle, or files of another place.

    Files may be links within the folder, and in the hub's cache links to its blobs.
    """
    root = folder.resolve()
    homes = [root]
    if root.parent.name == "snapshots":
        homes.append((root.parent.parent / "blobs").resolve())
    for place in [root, *_module_folders(root)]:
        for path in sorted(place.iterdir()) if place.is_dir() else []:
            if not _is_within(path, homes):
                raise ModelError(f"{path} is a link that leaves the folder. Copy the file there")
            if path.is_file():
                _check_file(path)


def _is_within(path: Path, homes: list[Path]) -> bool:
    return any(path.resolve().is_relative_to(home) for home in homes)


def _check_file(path: Path) -> None:
    name = path.name
    if name.endswith(".safetensors.index.json"):
        _check_index(path)
    elif name == "config.json":
        _check_config(path)
    elif name.startswith("sentence_") and name.endswith("_config.json"):
        _check_arguments(path)
    elif name == "adapter_config.json":
        raise ModelError(
            f"{path} makes this an adapter of another model. Merge it with merge_and_unload of "
            "peft, and save the whole model with save_pretrained"
        )
    elif path.suffix.lower() in _PICKLE_SUFFIXES and name.startswith("pytorch_model"):
        _check_pickled(path)


def _check_pickled(path: Path) -> None:
    """Pickled weights may lie beside the safetensors that are read instead."""
    folder = path.parent
    # Only the transformer, which has a model_type, is read from shards.
    is_sharded = (folder / "model.safetensors.index.json").is_file() and "model_type" in (
        _read(folder / "config.json") if (folder / "config.json").is_file() else {}
    )
    if not is_sharded and not (folder / "model.safetensors").is_file():
        raise ModelError(
            f"{path} is pickled, and pickle is never read. If you trust it, load it with "
            "transformers or sentence-transformers, and save it with save_pretrained"
        )


def _check_index(path: Path) -> None:
    shards = _read(path).get("weight_map")
    if not isinstance(shards, dict):
        raise ModelError(f"{path} has no weight_map, which names the files of the weights")
    for name in shards.values():
        _check_weights_name(path, name, (".safetensors",))


def _check_config(path: Path) -> None:
    name = _read(path).get("transformers_weights")
    if name is not None:
        _check_weights_name(path, name, (".safetensors", ".safetensors.index.json"))


def _check_weights_name(path: Path, name: Any, endings: tuple[str, ...]) -> None:
    if not _is_inside(name) or "/" in name or not name.endswith(endings):
        raise ModelError(
            f"{path} names {_shown(name)}: weights are read from safetensors files beside it"
        )


def _check_arguments(path: Path) -> None:
    settings = _read(path)
    handed_on = [settings.get(f"{part}_{kind}") for part in _PARTS for kind in ("args", "kwargs")]
    names = {str(name) for values in handed_on for name in values or {}}
    others = names - _ARGUMENTS
    if settings.get("tokenizer_name_or_path") is not None:
        others.add("tokenizer_name_or_path")
    if others:
        raise ModelError(
            f"{path} sets {_shown(min(others))}, which may name other files. Remove it"
        )


def _module_folders(root: Path) -> list[Path]:
    """The folders that modules.json names, if it names nothing but known classes in the folder."""
    path = root / "modules.json"
    if not path.is_file():
        return []
    folders = []
    for module in _read(path, list):
        kind = module.get("type") if isinstance(module, dict) else None
        if (
            not isinstance(kind, str)
            or not kind.startswith("sentence_transformers.")
            or kind.rsplit(".", 1)[-1] not in MODULES
        ):
            raise ModelError(
                f"{path} names a module of the class {_shown(kind)}. Only these classes of "
                f"sentence_transformers are read: {', '.join(MODULES)}"
            )
        place = module.get("path")
        if place == "":
            continue
        if not _is_inside(place) or not _is_within(root / place, [root]):
            raise ModelError(f"{path} names {_shown(place)}, which is no folder within this one")
        folders.append(root / place)
    return folders


def _is_inside(name: Any) -> bool:
    """Whether this names something below the folder, on every system."""
    return (
        isinstance(name, str)
        and bool(name)
        and not any(character in name for character in "\\:\0")
        and not PurePosixPath(name).is_absolute()
        and ".." not in PurePosixPath(name).parts
    )


def _shown(name: Any) -> str:
    return repr(name)[:80]


def _read(path: Path, kind: Callable[..., Any] = dict) -> Any:
    try:
        content = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a valid JSON file") from error
    if type(content) is not kind:
        raise ModelError(f"{path} is not a valid JSON {'list' if kind is list else 'object'}")
    return content
