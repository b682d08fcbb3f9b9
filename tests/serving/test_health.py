"""`/health`, `/ready`, `/info` and `/metrics`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsl_nlp.artifact.protocols import CLASSIFIER


def test_a_broken_save_makes_it_degraded_and_a_stop_unready(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    with client_of(folder) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {"status": "ready"}
        (folder / CLASSIFIER.manifest).write_text("{")
        client.app.state.server.bots["shop"].refresh()
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert "damaged" in answer.json()["errors"]["shop"]
        client.app.state.is_stopping = True
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "stopping"})


def test_information_has_the_fields_of_text_embeddings_inference(client: Any) -> None:
    info = client.get("/info").json()
    assert info["model_id"] == "shop"
    assert info["bots"] == ["shop", "shop-zh"]
    assert info["max_client_batch_size"] == info["limits"]["texts"] == 256
    assert re.fullmatch(r"[0-9a-f]{12}", info["model_sha"])


def number(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[-1])


def test_metrics_count_requests_and_questions(
    saved_bots: dict[str, Path], client_of: Callable[..., Any]
) -> None:
    secret = "where is my parcel, Onymous"
    with client_of(*saved_bots.values()) as client:
        client.post("/v1/classify", json={"text": [secret, "why is the sky blue", ""]})
        client.post("/v1/classify", json={"text": "我的包裹在哪里", "bot": "shop-zh", "why": True})
        client.post("/v1/classify", json={"text": secret, "bot": "none"})
        for path in ("/nothing", "/nothing/else", f"/{secret}"):
            client.get(path)
        client.get("/v1/bots/shop")
        text = client.get("/metrics").text
    requests = "fsl_nlp_requests_total"
    assert number(text, requests + '{endpoint="/v1/classify",status="200"}') == 2
    assert number(text, requests + '{endpoint="/v1/classify",status="404"}') == 1
    assert number(text, requests + '{endpoint="/v1/bots/{bot}",status="200"}') == 1
    assert number(text, requests + '{endpoint="other",status="404"}') == 3
    questions = "fsl_nlp_questions_total"
    assert number(text, questions + '{bot="shop",reason="out_of_scope"}') == 1
    assert number(text, questions + '{bot="shop",reason="empty"}') == 1
    assert number(text, 'fsl_nlp_batch_texts_sum{queue="plain"}') == 3
    assert number(text, 'fsl_nlp_batch_texts_sum{queue="slow"}') == 1
    assert number(text, 'fsl_nlp_waiting_questions{queue="plain"}') == 0
    assert number(text, 'fsl_nlp_request_seconds_count{endpoint="/v1/classify"}') == 3
    assert "Onymous" not in text
    assert "process_resident_memory_bytes" in text


def test_the_first_nearest_sentences_keep_no_plain_question_waiting(
    saved_bots: dict[str, Path], client_of: Callable[..., Any]
) -> None:
    """They need the vectors of all sentences; those of a saved bot are computed then."""
    with client_of(saved_bots["shop"]) as client:
        for plain, slow in ((0, 1), (1, 1)):
            answer = client.post("/v1/classify", json={"text": "where is it", "nearest": 1}).json()
            assert len(answer["nearest"]) == 1
            text = client.get("/metrics").text
            assert number(text, 'fsl_nlp_batch_texts_sum{queue="plain"}') == plain
            assert number(text, 'fsl_nlp_batch_texts_sum{queue="slow"}') == slow
