"""How columns are found, and what is said when they are not."""

from __future__ import annotations

import pytest

from fsl_nlp.data import load_dataset


@pytest.mark.parametrize(
    "header",
    [
        *("text,label", "Sentence,INTENT", " utterance , Category ", "query,class"),
        *("question,target", "input,label", "content,label", "文本,标签", "句子,类别", "文本,意图"),
        "\ufefftext,label",
        '"text","label"',
    ],
)
def test_usual_names(write, pairs, header):
    assert pairs(load_dataset(write("a.csv", f"{header}\na,b\n"))) == [("a", "b")]


@pytest.mark.parametrize(
    "header",
    [
        *("问题,意图", "问句,标注", "话术,分类", "用户问法,意图名称", "user_input,Intent Name"),
        *("message,intents", "Example,topic", "phrases,tag", "Utterances,INTENT_NAME"),
        *("\u00a0User\u00a0Input ,ＩＮＴＥＮＴ", "text,label,message,topic"),
    ],
)
def test_names_that_exports_and_people_use(write, pairs, header):
    more = ",c,d" if header.count(",") > 1 else ""
    assert pairs(load_dataset(write("a.csv", f"{header}\na,b{more}\n"))) == [("a", "b")]


@pytest.mark.parametrize(
    "header",
    [
        *("text,text_b,label", "sentence1,sentence2,label", "text_a,text_b,gold_label,label"),
        *("question 1,question 2,label", "Text,Second Text,label", "premise,hypothesis,label"),
        "句子1,句子2,标签",
    ],
)
def test_pairs(write, header):
    more = ",z" if header.count(",") > 2 else ""
    data = load_dataset(write("a.csv", f"{header}\na,b,x{more}\na,c,y{more}\n"))
    assert [(e.text, e.text_b) for e in data] == [("a", "b"), ("a", "c")]


def test_the_second_text_may_be_named(write, refusal):
    file = write("a.csv", "Satz,Folge,label\na,b,x\na,,y\n")
    message = refusal(file, text="Satz", text_b="folge")
    assert f"{file}:3: the second text is empty" in message
    with pytest.warns(UserWarning, match="skipped 1 row"):
        data = load_dataset(file, text="Satz", text_b="folge", on_error="skip")
    assert data.examples[0].text_b == "b"
    assert 'text_b="Text" (--text-b-column) names no column' in refusal(file, text_b="Text")
    assert 'label and text_b both name the column "label"' in refusal(
        file, text="Satz", label="label", text_b="label"
    )


def test_named_columns(write, pairs):
    file = write("a.csv", "Frage,Ziel,text,label\na,b,c,d\n")
    assert pairs(load_dataset(file)) == [("c", "d")]
    assert pairs(load_dataset(file, text="Frage", label="Ziel")) == [("a", "b")]
    assert pairs(load_dataset(file, text=" frage", label="ZIEL")) == [("a", "b")]
    assert pairs(load_dataset(file, text="label", label="text")) == [("d", "c")]


def test_a_column_named_for_one_thing_is_no_candidate_for_the_other(write, pairs):
    file = write("a.csv", "question,content\na,b\n")
    assert pairs(load_dataset(file, label="content")) == [("a", "b")]


def test_the_exact_name_wins(write, pairs):
    file = write("a.csv", "Text,text,label\na,b,c\n")
    assert pairs(load_dataset(file, text="Text")) == [("a", "c")]


def test_columns_not_found(write, refusal):
    file = write("x.csv", "Ziel,Frage\ntrack,wo ist mein Paket\nreturn,was nun\n")
    message = refusal(file)
    assert "no text column was found" in message
    assert "no label column was found" in message
    assert 'The columns are: "Ziel", "Frage".' in message
    assert f'load_dataset("{file}", text="Frage", label="Ziel")' in message
    assert "--text-column Frage --label-column Ziel" in message


def test_only_what_is_missing_is_asked_for(write, refusal):
    file = write("x.csv", "text,Ziel,Datum\na,x,1\nb,y,2\nc,x,3\nd,y,4\n")
    message = refusal(file)
    assert "no text column" not in message
    assert f'load_dataset("{file}", label="Ziel")' in message
    file = write("y.csv", "Frage,Ziel\na b c,x\nd e f,y\n")
    assert f'load_dataset("{file}", text="Frage", label="Ziel")' in refusal(file, text="frage")


def test_ambiguous_columns(write, refusal):
    file = write("x.csv", "text,sentence,label,intent\na,a longer one,x,1\nb,another,y,1\n")
    message = refusal(file)
    assert 'the text column may be "text" or "sentence"' in message
    assert 'the label column may be "label" or "intent"' in message
    assert f'load_dataset("{file}", text="sentence", label="label")' in message


def test_a_name_that_is_not_there(write, refusal):
    message = refusal(write("x.csv", "text,label\na,b\n"), text="Frage")
    assert 'text="Frage" (--text-column) names no column' in message
    assert 'The columns are: "text", "label".' in message


def test_one_column_for_both(write, refusal):
    file = write("x.csv", "text,label\na,b\n")
    assert 'both name the column "text"' in refusal(file, text="text", label="Text")


def test_two_columns_of_one_name(write, refusal):
    file = write("x.csv", "text,text,label\na,b,c\n")
    assert 'two columns are named "text". Rename one' in refusal(file)
    assert "more than one column" in refusal(file, text="text")


@pytest.mark.parametrize(
    "content",
    [
        "where is my parcel,track\nsend it back,return\n",
        "hello,greet\ngood day,greet\n",
        "在吗？,问候\n再见。,告别\n",
        "我想查询一下物流信息,物流\n退货,售后\n",
    ],
)
def test_files_without_a_header(write, refusal, content):
    file = write("x.csv", content)
    message = refusal(file)
    assert "the first row seems to be data, not the names of columns." in message
    # The advice keeps the first row.
    assert f'load_dataset("{file}", header=False), or --no-header' in message
    data = load_dataset(file, header=False)
    assert len(data) == content.count("\n")
    assert data.examples[0].text == content.partition(",")[0]


def test_texts_alone_without_a_header(write, refusal):
    message = refusal(write("x.csv", "where is my parcel\nsend it back\n"), labelled=False)
    assert "the first row seems to be data" in message
    assert "header=False), or --no-header" in message


def test_a_short_first_row_may_be_either(write, refusal):
    message = refusal(write("x.csv", "hi,greet\ngood day,smalltalk\n"))
    assert "seems to be data" not in message
    assert "If the first row is data, say that there is no header" in message


def test_the_header_of_json_is_not_doubted(write, refusal):
    assert "header row" not in refusal(write("x.jsonl", '{"what he said?": "a", "k": 1}\n'))


def test_arguments_are_shown_as_source_code(write, refusal):
    message = refusal(write("x.jsonl", '{"the \\"text\\"": "a b", "it\'s": 1}\n{"it\'s": 2}\n'))
    assert r'text="the \"text\"", label="it' in message
    assert "--text-column 'the \"text\"'" in message


def test_columns_of_all_lines_count(write, refusal, pairs):
    file = write("x.jsonl", '{"text": "a", "label": 1}\n{"label": 2, "note": "", "text": "b"}\n')
    assert pairs(load_dataset(file)) == [("a", 1), ("b", 2)]
    file = write("x.jsonl", '{"text": "a", "label": 1}\n{"sentence": "b", "label": 1}\n')
    assert 'the text column may be "text" or "sentence"' in refusal(file)


@pytest.mark.parametrize(
    ("content", "call"),
    [
        # answers, languages, ids and constants are no texts and no labels
        (
            "Intent Display Name,Language,Satz\na,en,is it here\na,en,is it sent\nb,en,go back\n",
            'text="Satz", label="Intent Display Name"',
        ),
        (
            "id,Frage,Antwort,Art\n1,wo ist es,es ist hier bei uns,a\n2,was ist es,ein Paket,b\n",
            'text="Frage", label="Art"',
        ),
        (
            "Kundenfrage,locale,Art,user_id\nwo ist es,de,a,1\nwas ist es,de,b,2\n",
            'text="Kundenfrage", label="Art"',
        ),
    ],
)
def test_the_advice_names_columns_that_fit(write, refusal, content, call):
    file = write("x.csv", content)
    assert f'load_dataset("{file}", {call})' in refusal(file)


@pytest.mark.parametrize(
    "content",
    [
        "Was,Response,id\nwhere is it now,It is on its way to you,1\nis it sent,Yes it is sent,2\n",
        "Satz,Language\nis it here,en\nis it sent,en\n",
        "Satz,Nummer\nis it here,17\nis it sent,18\nis it gone,19\nis it new,20\n",
    ],
)
def test_no_advice_is_better_than_wrong_advice(write, refusal, content):
    message = refusal(write("x.csv", content))
    assert "Say which to take with " in message
    assert "for example" not in message


def test_responses_are_not_taken_for_texts(write, refusal):
    rows = '[{"tag": "a", "answers": "hello to you", "q": "hi"}]'
    assert 'text="answers"' not in refusal(write("x.json", rows))
