"""FewCLUE's published results: Table 3 of Xu et al. 2021, arXiv 2107.07498, on test_public."""

from __future__ import annotations

_ORDER = ["eprstmt", "csldcp", "tnews", "iflytek", "ocnli", "bustm", "csl", "chid", "cluewsc"]
_ROWS = {
    "majority": "50.0 1.5 6.7 0.8 38.1 50.0 50.0 14.3 50.0",
    "human": "90.0 68.0 71.0 66.0 90.3 88.0 84.0 87.1 98.0",
    "fine-tuning": "65.4 35.5 49.0 32.8 33.0 60.7 50.0 14.9 55.6",
    "zero-shot": "85.2 12.6 25.3 27.7 40.3 50.6 52.2 57.6 50.0",
    "pet": "86.7 51.7 54.5 46.0 44.0 56.0 59.4 61.2 57.5",
    "lm-bff": "85.6 54.4 53.0 47.1 41.6 57.6 51.7 61.2 54.7",
    "p-tuning": "88.3 56.0 54.2 57.6 41.9 60.9 62.9 59.3 58.1",
    "efl": "84.9 45.0 52.1 42.7 66.2 71.8 56.6 30.9 53.0",
}
# [method][task], in percent; of chinese_roberta_wwm_ext, 12 layers, 102 million parameters.
PUBLISHED: dict[str, dict[str, float]] = {
    method: dict(zip(_ORDER, map(float, row.split()), strict=True)) for method, row in _ROWS.items()
}
