"""A small export of every platform and tool, as its documentation describes it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Sample:
    """The files of an export, the texts and labels that it holds, and the note that it gives."""

    files: dict[str, str]  # one file: its name is the source; several: the folder is
    pairs: Pairs
    notes: tuple[str, ...] = ()  # parts of notes
    part: str = ""  # the language to ask for
    info: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
        return folder / next(iter(self.files)) if len(self.files) == 1 else folder

    def zipped(self, path: Path, prefix: str = "") -> Path:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.files.items():
                archive.writestr(prefix + name, text)
        path.write_bytes(content.getvalue())
        return path


def as_json(value: Any, indent: int | None = 2) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def user_says(*phrases: list[str], **more: Any) -> str:
    return as_json(
        [
            {
                "id": "79ddacef",
                "data": [{"text": part, "userDefined": False} for part in parts],
                "isTemplate": False,
                "count": 0,
                **more,
            }
            for parts in phrases
        ]
    )


def lex_intent(name: str, *utterances: str, description: str = "") -> str:
    return as_json(
        {
            "name": name,
            "identifier": "1A2B",
            "description": description,
            "parentIntentSignature": None,
            "sampleUtterances": [{"utterance": text} for text in utterances] or None,
            "slotPriorities": [],
        }
    )


def cx_phrases(language: str, *phrases: list[str]) -> str:
    return as_json(
        {
            "trainingPhrases": [
                {
                    "id": "c1",
                    "parts": [{"text": part, "auto": True} for part in parts],
                    "repeatCount": 1,
                    "languageCode": language,
                }
                for parts in phrases
            ]
        }
    )


def botpress(name: str, **utterances: list[str]) -> str:
    return as_json({"name": name, "contexts": ["global"], "utterances": utterances, "slots": []})


def task(number: int, text: str, *choices: list[str], **annotation: Any) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"text": text},
        "annotations": [
            {
                "id": 100 * number + place,
                "completed_by": place,
                "was_cancelled": False,
                "ground_truth": False,
                **annotation,
                "result": [
                    {
                        "value": {"choices": chosen},
                        "from_name": "intent",
                        "to_name": "text",
                        "type": "choices",
                    }
                ],
            }
            for place, chosen in enumerate(choices, 1)
        ],
        "predictions": [],
        "created_at": "2024-03-09T21:52:49.513742Z",
        "project": 1,
    }


RASA_YAML = """\
version: "3.1"

nlu:
- intent: greet
  examples: |
    - Hey
    - hello there: #1
- intent: yes
  examples: |
    - "on" it goes
    # - an old one
- intent: book/flight
  examples: |
    - from [Berlin](city) to [San Francisco]{"entity": "city", "role": "to"}
    - 去[北京](city:beijing)的航班
- intent: greet+book
  examples:
  - text: |
      hi, book a flight
    metadata:
      sentiment: neutral
  - text: "two\\nlines"
- synonym: New York
  examples: |
    - NYC
    - big apple
- regex: zip
  examples: |
    - \\d{5}
- lookup: country
  examples: |
    - France
- intent: nothing
"""

RASA_MARKDOWN = """\
<!-- our
intents -->
## intent:greet
- hey <!-- often -->
* 你好

## intent:check balance
+ how much is on my [savings account](source_account:savings)
- two\\nlines

## synonym:savings
- pink pig

## regex:zipcode
- [0-9]{5}

## lookup:currencies
path/to/currencies.txt
"""

RASA_JSON = as_json(
    {
        "rasa_nlu_data": {
            "regex_features": [{"name": "zipcode", "pattern": "[0-9]{5}"}],
            "entity_synonyms": [{"value": "chinese", "synonyms": ["Chines"]}],
            "common_examples": [
                {"text": "hey", "intent": "greet", "entities": []},
                {"text": "附近的饭馆", "intent": "search", "entities": []},
            ],
        }
    }
)

SAMPLES: dict[str, Sample] = {
    "rasa-yaml": Sample(
        {"nlu.yml": RASA_YAML},
        [
            ("Hey", "greet"),
            ("hello there: #1", "greet"),
            ('"on" it goes', "yes"),
            ("from Berlin to San Francisco", "book/flight"),
            ("去北京的航班", "book/flight"),
            ("hi, book a flight", "greet+book"),
            ("two\nlines", "greet+book"),
        ],
        (
            "left out 1 comment, 1 synonym, 1 regex, 1 lookup table;",
            "of 2 texts with marked entities the words stay",
            "without texts, so left out: nothing",
        ),
    ),
    "rasa-folder": Sample(
        {
            "config.yml": "recipe: default.v1\nbase: &base {a: 1}\nother: *base\n",
            "domain.yml": "intents:\n- greet\n",
            "data/nlu/a.yml": 'version: "2.0"\nnlu:\n- intent: greet\n  examples: |\n    - hi\n',
            "data/nlu/b.yaml": "nlu:\n- intent: 退货\n  examples: |\n    - 我要退货\n",
            "data/stories.yml": "stories:\n- story: a\n",
            "models/README.txt": "models",
        },
        [("hi", "greet"), ("我要退货", "退货")],
    ),
    "rasa-markdown": Sample(
        {"nlu.md": RASA_MARKDOWN},
        [
            ("hey", "greet"),
            ("你好", "greet"),
            ("how much is on my savings account", "check balance"),
            ("two\nlines", "check balance"),
        ],
        (
            "left out 1 synonym, 1 regex, 1 lookup table; of 1 text with marked entities",
            "the words stay",
        ),
    ),
    "rasa-json": Sample(
        {"demo.json": RASA_JSON},
        [("hey", "greet"), ("附近的饭馆", "search")],
        ("left out 1 regex, 1 synonym.",),
    ),
    "dialogflow-es": Sample(
        {
            "agent.json": as_json({"language": "en", "supportedLanguages": ["de"]}),
            "package.json": '{"version": "1.0.0"}',
            "intents/order.track.json": as_json({"id": "1", "name": "order - track"}),
            "intents/order.track_usersays_en.json": user_says(
                ["where is my ", "parcel"], ["has it been sent"]
            ),
            "intents/order.track_usersays_zh-CN.json": user_says(["我的", "包裹", "在哪里"]),
            "intents/refund_usersays_en.json": user_says(["I want my money back"]),
            "intents/refund_usersays_zh-CN.json": user_says(["我要退款"]),
            "intents/Default Fallback Intent.json": as_json({"name": "Default Fallback Intent"}),
            "entities/city_entries_en.json": "[]",
        },
        [("我的包裹在哪里", "order - track"), ("我要退款", "refund")],
        part="zh",
    ),
    "dialogflow-cx": Sample(
        {
            "agent.json": as_json({"displayName": "shop"}),
            "intents/track/track.json": as_json(
                {"displayName": "order.track", "description": "where an order is"}
            ),
            "intents/track/trainingPhrases/en.json": cx_phrases("en", ["where is ", "it"]),
            "intents/refund/refund.json": as_json({"displayName": "refund"}),
            "intents/refund/trainingPhrases/en.json": cx_phrases("en", ["money back"]),
            "flows/Default Start Flow/Default Start Flow.json": "{}",
        },
        [("money back", "refund"), ("where is it", "order.track")],
        info={"order.track": "where an order is"},
    ),
    "dialogflow-cx-table": Sample(
        {
            "intents.csv": "Intent Display Name,Language,Phrase\ntrack,en,where is it\n"
            ",,has it been sent\nrefund,en,money back\nrefund,zh-cn,我要退款\n"
        },
        [("我要退款", "refund")],
        part="zh",
    ),
    "clu": Sample(
        {
            "clu.json": as_json(
                {
                    "projectFileVersion": "2022-10-01-preview",
                    "stringIndexType": "Utf16CodeUnit",
                    "metadata": {"projectKind": "Conversation", "language": "en-us"},
                    "assets": {
                        "projectKind": "Conversation",
                        "intents": [
                            {"category": "None"},
                            {"category": "Track", "description": "where an order is"},
                        ],
                        "entities": [{"category": "city"}],
                        "utterances": [
                            {"text": "where is it", "intent": "Track", "dataset": "Train"},
                            {"text": "包裹在哪", "intent": "Track", "language": "en-us"},
                            {"text": "money back", "intent": "Refund", "dataset": "Train"},
                            {"text": "is it sent", "intent": "Track", "dataset": "Test"},
                        ],
                    },
                }
            )
        },
        [("where is it", "Track"), ("包裹在哪", "Track"), ("money back", "Refund")],
        (
            "without texts, so left out: None",
            "the texts of Train are read, and those of Test (1) left out. To read these:",
        ),
        info={"Track": "where an order is"},
    ),
    "luis": Sample(
        {
            "luis.json": as_json(
                {
                    "luis_schema_version": "7.0.0",
                    "versionId": "0.1",
                    "culture": "zh-cn",
                    "intents": [{"name": "None"}, {"name": "track"}, {"name": "empty"}],
                    "utterances": [
                        {"text": "我的包裹", "intent": "track", "entities": []},
                        {"text": "the moon", "intent": "None", "entities": []},
                    ],
                    "patterns": [{"pattern": "where is {x}", "intent": "track"}],
                }
            )
        },
        [("我的包裹", "track"), ("the moon", "None")],
        ("left out 1 pattern; without texts, so left out: empty",),
    ),
    "lex": Sample(
        {
            "manifest.json": '{"metadata": {"schemaVersion": "1.0", "fileFormat": "LexJson"}}',
            "Shop/Bot.json": '{"name": "Shop"}',
            "Shop/BotLocales/en_US/BotLocale.json": '{"name": "English"}',
            "Shop/BotLocales/en_US/Intents/Track/Intent.json": lex_intent(
                "Track", "where is my {Thing}", "is it sent", description="where an order is"
            ),
            "Shop/BotLocales/en_US/Intents/FallbackIntent/Intent.json": lex_intent(
                "FallbackIntent"
            ),
            "Shop/BotLocales/en_US/Intents/退款/Intent.json": lex_intent("Refund", "我要退款"),
        },
        [("where is my {Thing}", "Track"), ("is it sent", "Track"), ("我要退款", "Refund")],
        (
            "without texts, so left out: FallbackIntent",
            "slots such as {City} stay as they are, in 1 text",
        ),
        info={"Track": "where an order is"},
    ),
    "botpress": Sample(
        {
            "bot.config.json": '{"name": "shop"}',
            "intents/track.json": botpress(
                "track", en=["where is my [parcel](thing)", "is it sent"], zh=["包裹在哪"]
            ),
            "intents/refund.json": botpress("refund", en=["money back"], zh=["退款"]),
            "intents/none.json": botpress("none", en=[]),
        },
        [("money back", "refund"), ("where is my parcel", "track"), ("is it sent", "track")],
        ("of 1 text with marked entities the words stay", "so left out: none"),
        part="en",
    ),
    "intents": Sample(
        {
            "intents.json": as_json(
                {
                    "intents": [
                        {
                            "tag": "greeting",
                            "patterns": ["Hi", "你好"],
                            "responses": ["Hello!"],
                            "context_set": "",
                        },
                        {"tag": "noanswer", "patterns": [""], "responses": ["Sorry?"]},
                        {"tag": "thanks", "patterns": ["Thank you"], "responses": ["Any time"]},
                    ]
                }
            )
        },
        [("Hi", "greeting"), ("你好", "greeting"), ("Thank you", "thanks")],
        ("answers are left out; without texts, so left out: noanswer",),
    ),
    "intents-list": Sample(
        {
            "list.json": as_json(
                [
                    {"tag": "greeting", "patterns": ["Hi", "你好"], "responses": ["Hello!"]},
                    {"tag": "thanks", "patterns": ["Thank you"], "responses": ["Any time"]},
                ]
            )
        },
        [("Hi", "greeting"), ("你好", "greeting"), ("Thank you", "thanks")],
        ("answers are left out",),
    ),
    "watson": Sample(
        {
            "skill.json": as_json(
                {
                    "intents": [
                        {
                            "intent": "track",
                            "examples": [{"text": "where is it"}, {"text": "包裹"}],
                            "description": "where an order is",
                        }
                    ],
                    "entities": [],
                    "language": "en",
                }
            )
        },
        [("where is it", "track"), ("包裹", "track")],
        info={"track": "where an order is"},
    ),
    "label-files": Sample(
        {
            "refund.txt": "money back\r\n\r\nrefund me\n",
            "查询物流.txt": "包裹在哪\n",
            "README.md": "# ours\n",
        },
        [("money back", "refund"), ("refund me", "refund"), ("包裹在哪", "查询物流")],
        ("the names of 2 files are the labels",),
    ),
    "label-folders": Sample(
        {
            "refund/1.txt": "money back\nat once\n",
            "refund/2": "refund me",
            "物流/a.txt": "包裹在哪",
        },
        [("money back\nat once", "refund"), ("refund me", "refund"), ("包裹在哪", "物流")],
        ("the names of 2 folders are the labels",),
    ),
    "label-studio": Sample(
        {
            "project-1.json": as_json(
                [
                    task(1, "where is it", ["track"]),
                    task(2, "退款", ["refund"], ["refund"]),
                    task(3, "[a](b)\n- c", ["other"]),
                ]
            )
        },
        [("where is it", "track"), ("退款", "refund"), ("[a](b)\n- c", "other")],
    ),
    "label-studio-min": Sample(
        {
            "min.json": as_json(
                [
                    {
                        "review": text,
                        "id": number,
                        "sentiment": label,
                        "annotator": 1,
                        "annotation_id": number,
                        "created_at": "2024-03-09T21:52:49Z",
                        "updated_at": "2024-03-09T21:52:49Z",
                        "lead_time": 4.2,
                    }
                    for number, (text, label) in enumerate(
                        [("very good", "Positive"), ("太差了", {"choices": ["Negative"]})], 1
                    )
                ]
            )
        },
        [("very good", "Positive"), ("太差了", "Negative")],
    ),
    "argilla": Sample(
        {
            "records.json": as_json(
                [
                    {
                        "id": "a1",
                        "fields": {"text": "where is it"},
                        "metadata": {},
                        "suggestions": {"label": {"value": "x", "score": 0.5, "agent": "m"}},
                        "responses": {"label": [{"value": "track", "user_id": "u1"}]},
                        "vectors": {},
                    },
                    {
                        "id": "a2",
                        "fields": {"text": "退款"},
                        "suggestions": {},
                        "responses": {
                            "label": [
                                {"value": "refund", "user_id": "u1"},
                                {"value": "x", "user_id": "u2", "status": "discarded"},
                            ]
                        },
                    },
                ]
            )
        },
        [("where is it", "track"), ("退款", "refund")],
    ),
    "argilla-flat": Sample(
        {
            "flat.jsonl": "".join(
                as_json(row, indent=None) + "\n"
                for row in (
                    {
                        "id": "a1",
                        "status": "completed",
                        "text": "where is it",
                        "label.responses": ["track"],
                        "label.responses.users": ["u1"],
                        "label.responses.status": ["submitted"],
                        "label.suggestion": "x",
                    },
                    {"id": "a2", "text": "退款", "label.responses": ["refund", "refund"]},
                )
            )
        },
        [("where is it", "track"), ("退款", "refund")],
    ),
    "argilla-feedback": Sample(
        {
            "feedback.json": as_json(
                [
                    {
                        "fields": {"text": "where is it"},
                        "responses": [
                            {
                                "user_id": "u1",
                                "status": "submitted",
                                "values": {"label": {"value": "track"}},
                            }
                        ],
                        "suggestions": [],
                    },
                    {
                        "fields": {"text": "退款"},
                        "responses": [
                            {"user_id": "u1", "values": {"label": {"value": ["refund"]}}}
                        ],
                    },
                ]
            )
        },
        [("where is it", "track"), ("退款", "refund")],
    ),
    "argilla-1": Sample(
        {
            "old.json": as_json(
                [
                    {
                        "text": text,
                        "inputs": {"text": text},
                        "prediction": [{"label": "x", "score": 0.5}],
                        "prediction_agent": "m",
                        "annotation": label,
                        "annotation_agent": "ann",
                        "multi_label": False,
                        "id": text,
                        "metadata": {},
                        "status": "Validated",
                    }
                    for text, label in (("where is it", "track"), ("退款", "refund"))
                ]
            )
        },
        [("where is it", "track"), ("退款", "refund")],
    ),
}
