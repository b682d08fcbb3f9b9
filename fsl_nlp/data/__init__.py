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
    from fsl_nlp.data.checksums import FileCheck as FileCheck
    from fsl_nlp.data.checksums import check_dataset as check_dataset
    from fsl_nlp.data.download import Fetched as Fetched
    from fsl_nlp.data.download import fetch_dataset as fetch_dataset
    from fsl_nlp.data.fewrel_submission import SubmissionEpisodes as SubmissionEpisodes
    from fsl_nlp.data.fewrel_submission import read_submission_episodes as read_submission_episodes
    from fsl_nlp.data.fewrel_submission import write_predictions as write_predictions
    from fsl_nlp.data.fewrel_submission import zip_predictions as zip_predictions
    from fsl_nlp.data.labels import readable as readable
    from fsl_nlp.data.loading import load_dataset as load_dataset
    from fsl_nlp.data.writing import write_dataset as write_dataset

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__,
    {
        "CATALOGUE": "catalogue",
        "Entry": "catalogue",
        "Status": "catalogue",
        "datasets_folder": "catalogue",
        "list_datasets": "catalogue",
        "FileCheck": "checksums",
        "check_dataset": "checksums",
        "Fetched": "download",
        "fetch_dataset": "download",
        "SubmissionEpisodes": "fewrel_submission",
        "read_submission_episodes": "fewrel_submission",
        "write_predictions": "fewrel_submission",
        "zip_predictions": "fewrel_submission",
        "readable": "labels",
        "load_dataset": "loading",
        "write_dataset": "writing",
    },
)
