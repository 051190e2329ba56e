from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoTokenizer

from retrieval.encoders import TransformersEncoder, load_encoder
from retrieval.encoders.windows import split_windows
from retrieval.errors import InputError

_MODELS = {
    "chinese_clip": "ChineseCLIPModel", "clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model",
}
_TEXTS = ["一只狗在草地上追球", "the dog runs on grass", "iphone 15 的手机壳,红色"]
_LONG = "一位老人在公园里拉二胡,旁边有人跳舞;小孩在喂鸽子。" * 12


def _unit(vectors: torch.Tensor) -> NDArray[np.float32]:
    return (vectors / vectors.norm(dim=-1, keepdim=True)).numpy()


def _reference(kind: str, directory: Path, text: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A text's vector [D], and those of all positions [L, D], by transformers' own tokenizer and model."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = getattr(transformers, _MODELS[kind]).from_pretrained(directory).eval()
    padding = {"padding": "max_length", "max_length": 64} if kind.startswith("siglip") else {}
    inputs = tokenizer([text], return_tensors="pt", **padding)
    if kind.startswith("siglip"):
        inputs = {"input_ids": inputs["input_ids"]}
    with torch.inference_mode():
        output = model.get_text_features(**inputs)
        hidden = model.text_model(**inputs).last_hidden_state
        words = model.text_model.head(hidden) if kind.startswith("siglip") else model.text_projection(hidden)
    pooled = output if isinstance(output, torch.Tensor) else output.pooler_output
    return _unit(pooled)[0], _unit(words)[0]


@pytest.mark.parametrize("text", _TEXTS)
def test_a_text_gets_the_vectors_that_the_models_own_tokenizer_leads_to(
    text: str, kind: str, encoder: TransformersEncoder, tiny_model: Callable[[str], Path]
) -> None:
    pooled, positions = _reference(kind, tiny_model(kind), text)

    vectors = encoder.encode_texts([text])

    np.testing.assert_allclose(vectors.pooled[0], pooled, atol=1e-5)
    first = 0 if kind.startswith("siglip") else 1       # behind [CLS] or the start token
    count = vectors.mask[0].sum()
    np.testing.assert_allclose(vectors.words[0, :count], positions[first : first + count], atol=1e-5)


def test_texts_of_all_lengths_together_get_the_vectors_they_get_alone(encoder: TransformersEncoder) -> None:
    texts = [*_TEXTS, "狗", _LONG]
    together = encoder.encode_texts(texts)

    for number, text in enumerate(texts):
        alone = encoder.encode_texts([text])
        count = alone.words.shape[1]
        np.testing.assert_allclose(together.pooled[number], alone.pooled[0], atol=1e-5)
        np.testing.assert_allclose(together.words[number, :count], alone.words[0], atol=1e-5)
        assert together.mask[number].sum() == count
        assert together.pieces[number] == alone.pieces[0]


def test_the_batch_size_does_not_change_a_texts_vectors(kind: str, tiny_model: Callable[[str], Path]) -> None:
    texts = [*_TEXTS, _LONG]
    one, three = (load_encoder(str(tiny_model(kind)), device="cpu", batch_size=n).encode_texts(texts) for n in (1, 3))

    np.testing.assert_allclose(one.pooled, three.pooled, atol=1e-5)
    np.testing.assert_allclose(one.words, three.words, atol=1e-5)


def test_words_are_the_tokens_of_the_text_at_unit_length_and_nothing_else(encoder: TransformersEncoder) -> None:
    vectors = encoder.encode_texts(_TEXTS)

    assert vectors.mask.dtype == np.bool_
    assert [len(pieces) for pieces in vectors.pieces] == vectors.mask.sum(axis=1).tolist()
    np.testing.assert_allclose(np.linalg.norm(vectors.words[vectors.mask], axis=-1), 1, atol=1e-5)
    assert not vectors.words[~vectors.mask].any()


def test_pieces_are_parts_of_the_text_that_a_person_can_read(encoders: dict[str, TransformersEncoder]) -> None:
    text = "狗追球 dog"

    assert encoders["chinese_clip"].encode_texts([text]).pieces == [["狗", "追", "球", "d", "o", "g"]]
    assert encoders["siglip2"].encode_texts([text]).pieces == [["狗", "追", "球", "", "dog"]]
    # CLIP spells a Chinese character in three bytes: each of them stands for that character.
    assert encoders["clip"].encode_texts([text]).pieces == [["狗"] * 3 + ["追"] * 3 + ["球"] * 3 + ["dog"]]


def test_chinese_text_has_no_unknown_token_when_only_a_vocab_txt_is_there(tiny_chinese_clip: Path) -> None:
    assert not (tiny_chinese_clip / "tokenizer.json").exists()
    tokenizer = load_encoder(str(tiny_chinese_clip), device="cpu")._texts._tokenizer

    tokens = tokenizer.read(["一只小狗在雪地里奔跑,红色的气球飘向天空"])[0]

    names = tokenizer._tokenizer.convert_ids_to_tokens(tokens.ids)
    assert "[UNK]" not in names
    assert names[:6] == list("一只小狗在雪")


def test_a_text_longer_than_the_context_is_read_in_full(encoder: TransformersEncoder) -> None:
    vectors = encoder.encode_texts([_LONG, "狗"])

    assert vectors.windows[0] > 1
    assert vectors.windows[1] == 1
    assert vectors.unread == [0, 0]
    tokens = encoder._texts._tokenizer.read([_LONG])[0]
    assert vectors.pieces[0] == tokens.pieces
    assert vectors.mask[0].sum() == len(tokens.ids)
    np.testing.assert_allclose(np.linalg.norm(vectors.pooled, axis=1), 1, atol=1e-5)


def test_the_end_of_a_long_text_counts(encoder: TransformersEncoder) -> None:
    first, second = encoder.encode_texts([_LONG + "猫", _LONG + "飞机"]).pooled

    assert np.abs(first - second).max() > 1e-4


def test_a_long_texts_vector_is_the_mean_of_its_windows_by_the_tokens_each_owns(
    encoders: dict[str, TransformersEncoder],
) -> None:
    encoder, text = encoders["chinese_clip"], "".join(chr(0x4E00 + 7 * i) for i in range(120))
    text = "".join(c for c in text if encoder.encode_texts([c]).pieces == [[c]])
    whole = encoder.encode_texts([text])
    windows = split_windows(len(text), capacity=encoder.context_length - 2)
    parts = [encoder.encode_texts([text[window.start : window.stop]]) for window in windows]

    mean = sum(window.owned * part.pooled[0] for window, part in zip(windows, parts, strict=True))
    np.testing.assert_allclose(whole.pooled[0], mean / np.linalg.norm(mean), atol=1e-5)
    words = [p.words[0, w.own_start - w.start : w.own_stop - w.start] for w, p in zip(windows, parts, strict=True)]
    np.testing.assert_allclose(whole.words[0], np.concatenate(words), atol=1e-5)
    assert whole.windows == [len(windows)]
    assert "".join(whole.pieces[0]) == text


def test_what_a_limit_of_windows_leaves_out_is_counted(encoder: TransformersEncoder) -> None:
    in_full = encoder.encode_texts([_LONG])
    limited = encoder.encode_texts([_LONG], max_windows=2)

    assert limited.windows == [2]
    assert limited.unread[0] > 0
    assert limited.unread[0] + len(limited.pieces[0]) == len(in_full.pieces[0])
    assert limited.pieces[0] == in_full.pieces[0][: len(limited.pieces[0])]


def test_chinese_clip_reads_as_much_at_once_as_it_was_trained_on(encoders: dict[str, TransformersEncoder]) -> None:
    assert {kind: encoder.context_length for kind, encoder in encoders.items()} == {
        "chinese_clip": 52, "clip": 77, "siglip": 64, "siglip2": 64,
    }


def test_the_name_of_a_special_token_in_a_text_is_text(encoder: TransformersEncoder) -> None:
    text = "狗 [SEP] <|endoftext|> <eos> 猫"
    tokens = encoder._texts._tokenizer.read([text])[0]

    special = set(encoder._texts._tokenizer._tokenizer.all_special_ids)
    assert not special & set(tokens.ids)


def test_siglip_reads_text_in_lower_case_as_it_was_trained(encoders: dict[str, TransformersEncoder]) -> None:
    for kind in ("siglip", "siglip2"):
        upper, lower = encoders[kind].encode_texts(["A Dog", "a dog"]).pooled
        np.testing.assert_array_equal(upper, lower)


def test_full_width_letters_and_stray_spaces_do_not_change_a_text(encoder: TransformersEncoder) -> None:
    wide, plain = encoder.encode_texts(["  狗　dog\u200b ", "狗 dog"]).pooled

    np.testing.assert_allclose(wide, plain, atol=1e-6)


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\ufeff"])
def test_an_empty_text_is_refused_and_named(text: str, encoder: TransformersEncoder) -> None:
    with pytest.raises(InputError, match="Text 2 of 2 is empty: write what should be found"):
        encoder.encode_texts(["狗", text])


def test_what_is_no_list_of_texts_is_refused(encoder: TransformersEncoder) -> None:
    with pytest.raises(InputError, match="takes a list of texts"):
        encoder.encode_texts("狗")
    with pytest.raises(InputError, match="The text is no string but NoneType"):
        encoder.encode_texts([None])    # type: ignore[list-item]
    with pytest.raises(InputError, match="max_windows must be 1 or more, not 0"):
        encoder.encode_texts(["狗"], max_windows=0)


def test_no_texts_give_no_vectors(encoder: TransformersEncoder) -> None:
    vectors = encoder.encode_texts([])

    assert vectors.pooled.shape == (0, encoder.dimension)
    assert vectors.words.shape == (0, 0, encoder.dimension)
    assert vectors.pieces == vectors.unread == vectors.windows == []
