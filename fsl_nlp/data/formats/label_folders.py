"""Text files whose names are labels, and folders of text files whose names are labels."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.files import FileTree
from fsl_nlp.data.formats.phrases import Phrases, plural
from fsl_nlp.data.records import Table
from fsl_nlp.errors import DataError

# Files and folders with such names are parts of a data set, not labels.
_SPLITS = {
    *("train", "training", "test", "testing", "dev", "val", "valid", "validation", "eval"),
    *("unlabeled", "unlabelled", "unsup", "all", "data", "texts", "corpus"),
    *("训练", "训练集", "测试", "测试集", "验证集", "开发集"),
}
_NO_TEXTS = {"readme", "license", "licence", "changelog", "requirements"}


def _read(tree: FileTree) -> Table | None:
    files = [path for name in tree.names if _may_be_text(path := PurePosixPath(name))]
    depths = {len(path.parts) for path in files}
    others = [name for name in tree.names if PurePosixPath(name) not in files]
    if len(depths) != 1 or not depths <= {1, 2} or any(not _is_note(name) for name in others):
        return None
    by_folder = depths == {2}
    labels = Counter(path.parent.name if by_folder else path.stem for path in files)
    if len(labels) < 2 or (not by_folder and any(path.suffix == "" for path in files)):
        return None
    if splits := [label for label in labels if label.casefold() in _SPLITS]:
        raise DataError(
            f"{tree.source}: {splits[0]} is the name of a part of a data set, not of a label. "
            "Name one part, and give each label a file LABEL.txt or a folder in it."
        )
    phrases = Phrases(tree.source, FOLDERS.title)
    empty = []
    for path in files:
        name = path.as_posix()
        label = path.parent.name if by_folder else path.stem
        text = tree.text(name)
        if by_folder:
            phrases.add(text, label, 0, name)
            continue
        lines = [(line.strip(), n) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        empty += [] if lines else [label]
        for line, number in lines:
            phrases.add(line, label, number, name)
    kind = "folder" if by_folder else "file"
    phrases.note(f"the names of {plural(len(labels), kind)} are the labels")
    phrases.leave_out_empty(empty)
    return phrases.table(tree=tree)


def _may_be_text(path: PurePosixPath) -> bool:
    return path.suffix.lower() in ("", ".txt") and not _is_note(path.as_posix())


def _is_note(name: str) -> bool:
    """Whether a file is about the others, as README.md is."""
    return PurePosixPath(name).stem.casefold() in _NO_TEXTS


FOLDERS = Format(
    "a file or a folder for each label",
    "LABEL.txt with a text a line, or LABEL/ with a text a file",
    from_files=_read,
)
