"""The Open Inference Protocol."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.serving.keys import add_key
from tests.serving.shapes import same_shape

RECORDED = json.loads((Path(__file__).parent / "recorded/open_inference.json").read_text())
INFER = "/v2/models/shop/infer"


def test_a_recorded_request_gets_an_answer_of_the_recorded_shape(client: Any) -> None:
    answer = client.post(INFER, json=RECORDED["request"])
    assert answer.status_code == 200
    body = answer.json()
    assert same_shape(body, RECORDED["answer"])
    assert (body["model_name"], body["id"]) == ("shop", "42")
    (output,) = body["outputs"]
    assert (output["name"], output["shape"]) == ("label", [2])
    assert output["data"] == ["track_order", ""]


def test_all_outputs_of_a_column_of_texts(client: Any) -> None:
    tensor = {"name": "input-0", "shape": [1, 1], "datatype": "BYTES", "data": [["我的包裹在哪里"]]}
    body = client.post("/v2/models/shop-zh/infer", json={"inputs": [tensor]}).json()
    assert "id" not in body
    outputs = {output["name"]: output["data"] for output in body["outputs"]}
    assert (outputs["label"], outputs["reason"]) == (["查询物流"], ["ok"])
    assert 0.5 < outputs["score"][0] <= 1


def test_what_the_server_says_of_itself(client: Any) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"live": True, "ready": True}
    assert same_shape(client.get("/v2").json(), RECORDED["server"])
    assert same_shape(client.get("/v2/models/shop").json(), RECORDED["model"])
    assert client.get("/v2/models/shop/ready").json() == {"name": "shop", "ready": True}
    assert client.get("/v2/models/shp/ready").status_code == 404


def test_probes_need_no_key_and_bots_do(
    client_of: Callable[..., Any], saved_bots: dict[str, Path], tmp_path: Path
) -> None:
    add_key(tmp_path / "keys.json", "website", "ask")
    with client_of(saved_bots["shop"], keys=tmp_path / "keys.json") as client:
        for path in ("/v2", "/v2/health/live", "/v2/health/ready"):
            assert client.get(path).status_code == 200
        assert client.get("/v2/models/shop").status_code == 401
        assert client.post(INFER, json=RECORDED["request"]).status_code == 401


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"shape": [3]}, "this shape"),
        ({"data": [1, 2]}, "no texts"),
        ({"data": [[["a"]], "b"]}, "no texts"),
        ({"shape": [1] * 3}, "shape"),
        ({"datatype": "FP32"}, "BYTES"),
        ({"name": "text_b"}, "text_b"),
    ],
)
def test_bad_tensors_get_one_sentence(client: Any, change: dict[str, Any], word: str) -> None:
    request = copy.deepcopy(RECORDED["request"])
    request["inputs"][0].update(change)
    answer = client.post(INFER, json=request)
    assert answer.status_code == 422
    assert word in answer.json()["error"]
