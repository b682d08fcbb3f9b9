"""XLM-RoBERTa's tokenizer, built from its pieces, their scores and its character rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from fsl_nlp.encoders.extras import missing_embedded

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# All are pieces of the vocabulary: ids 0 to 3, and for the mask the last one, 250001.
SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
UNKNOWN_ID = 3

# NormalizerSpec.precompiled_charsmap in sentencepiece_model.proto
CHARSMAP_FIELD = 2


def build_tokenizer(
    pieces: Iterable[str], scores: Iterable[float], character_rules: Mapping[str, str]
) -> Tokenizer:
    """A fast tokenizer that gives XLM-RoBERTa's ids.

    `pieces[i]` and `scores[i]` are the text and the log probability of id `i`;
    `character_rules` say what single characters become before the text is cut into pieces.
    """
    from tokenizers import AddedToken, Regex, Tokenizer
    from tokenizers.decoders import Metaspace as MetaspaceDecoder
    from tokenizers.models import Unigram
    from tokenizers.normalizers import Precompiled, Replace, Sequence
    from tokenizers.pre_tokenizers import Metaspace
    from tokenizers.processors import TemplateProcessing

    tokenizer = Tokenizer(Unigram(list(zip(pieces, scores, strict=True)), UNKNOWN_ID))
    tokenizer.normalizer = Sequence(
        [Precompiled(compile_charsmap(character_rules)), Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = Metaspace(prepend_scheme="always")
    tokenizer.decoder = MetaspaceDecoder(prepend_scheme="always")
    # A mask stands for a piece with the space before it, so it swallows that space (lstrip).
    tokenizer.add_special_tokens(
        [
            AddedToken(token, lstrip=token == "<mask>", normalized=False, special=True)
            for token in dict.fromkeys(SPECIAL_TOKENS.values())
        ]
    )
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer


def compile_charsmap(character_rules: Mapping[str, str]) -> bytes:
    """SentencePiece's `nmt_nfkc` rules as they were when the model was trained, compiled.

    What sentencepiece calls nmt_nfkc follows Unicode: since 2019 it stopped turning the
    zero-width joiner into a space, began to do so with the Arabic letter mark, and learned 172
    newer characters. So the rules for single characters are the model's own, and sentencepiece
    gives only those for sequences, which Unicode promises never to change.
    """
    try:
        import sentencepiece
    except ImportError as error:
        raise missing_embedded("sentencepiece, which is not installed") from error
    if not hasattr(sentencepiece.SentencePieceNormalizer, "Decompile"):
        raise missing_embedded(f"sentencepiece 0.2.2 or newer, not {sentencepiece.__version__}")

    # Compiling is announced on stderr otherwise.
    sentencepiece.SetMinLogLevel(1)
    today = sentencepiece.SentencePieceNormalizer(rule_name="nmt_nfkc").Decompile()
    newer = {key for key, _ in today if len(key) == 1} - character_rules.keys()
    sequences = {key: value for key, value in today if len(key) > 1 and newer.isdisjoint(key)}
    rules = sorted((sequences | dict(character_rules)).items())
    spec = sentencepiece.SentencePieceNormalizer(norm_map=rules).serialized_normalizer_spec()
    return _length_delimited_field(spec, CHARSMAP_FIELD)


def _length_delimited_field(message: bytes, number: int) -> bytes:
    """The first field of that number in a protobuf message.

    Read by hand because `sentencepiece_model_pb2` would need the protobuf package. Only strings
    and bytes stand before that field, so no other wire type needs to be understood.
    """
    position = 0
    while True:
        key, position = _varint(message, position)
        length, position = _varint(message, position)
        if key >> 3 == number:
            return message[position : position + length]
        position += length


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """The protobuf integer at `position`, and the position behind it."""
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
