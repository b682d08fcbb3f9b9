"""Files, tables and corpora in; a `Dataset` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.data.catalogue import CATALOGUE as CATALOGUE
    from fsl_nlp.data.catalogue import Entry as Entry
    from fsl_nlp.data.catalogue import Status as Status
    from fsl_nlp.data.catalogue import datasets_folder as datasets_folder
    from fsl_nlp.data.catalogue import list_datasets as list_datasets
    from fsl_nlp.data.labels import readable as readable
    from fsl_nlp.data.loading import load_dataset as load_dataset

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__,
    {
        "CATALOGUE": "catalogue",
        "Entry": "catalogue",
        "Status": "catalogue",
        "datasets_folder": "catalogue",
        "list_datasets": "catalogue",
        "readable": "labels",
        "load_dataset": "loading",
    },
)
