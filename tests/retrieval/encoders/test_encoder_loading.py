from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from retrieval.encoders import load_encoder
from retrieval.errors import InputError, ModelError, WenshiError
from serving.models import channel_off
from tests.checkpoints import build_chinese_clip, edit_json


@pytest.fixture
def copied(tiny_chinese_clip: Path, tmp_path: Path) -> Path:
    """A Chinese-CLIP directory that a test may damage."""
    return shutil.copytree(tiny_chinese_clip, tmp_path / "model")


def _refusal(directory: Path | str, **options: object) -> str:
    with pytest.raises(WenshiError) as caught:
        load_encoder(str(directory), **{"device": "cpu", **options})    # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert message.count(". ") == 0, f"more than one sentence: {message}"
    return message


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"There is no model folder {tmp_path / 'nothing'}" in _refusal(tmp_path / "nothing")
    assert "There is no model folder chinese-clip" in _refusal("chinese-clip")
    assert "There is no model folder" in _refusal("./models/mine")


def test_a_folder_that_is_not_there_is_named_in_chinese_too_and_in_another_process(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_encoder(str(tmp_path / "nothing"), device="cpu")
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        notice = channel_off("visual", error)
        assert notice.startswith("The visual channel is off: There is no model folder")
        assert notice.zh.startswith(f"画面通道已关闭：没有模型文件夹 {tmp_path / 'nothing'}：请检查路径")


def test_a_folder_without_a_config_and_a_file_are_no_models(tmp_path: Path) -> None:
    assert f"{tmp_path} is not a model folder: it has no config.json" in _refusal(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert "There is no model folder" in _refusal(tmp_path / "model.safetensors")


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00\xff"])
def test_a_config_that_is_no_json_object_is_reported(content: str, copied: Path) -> None:
    (copied / "config.json").write_text(content, encoding="latin-1")

    assert str(copied / "config.json") in _refusal(copied)


@pytest.mark.parametrize("kind", ["bert", None])
def test_a_model_of_another_type_is_refused_with_the_supported_ones(kind: str | None, copied: Path) -> None:
    edit_json(copied / "config.json", model_type=kind)

    message = _refusal(copied)
    assert f"of type {kind!r}" in message
    assert "chinese_clip, clip, siglip, siglip2" in message


@pytest.mark.parametrize(
    ("file", "missing"),
    [
        ("model.safetensors", "has no weights"), ("vocab.txt", "has no tokenizer"),
        ("preprocessor_config.json", "has no preprocessor_config.json"),
    ],
)
def test_a_missing_file_is_named(file: str, missing: str, copied: Path) -> None:
    (copied / file).unlink()

    assert missing in _refusal(copied)


def test_weights_that_are_cut_off_are_reported(copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])

    assert f"{weights} is damaged or cut off" in _refusal(copied)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n", b"\0" * 99])
def test_weights_that_are_none_are_reported(content: bytes, copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(content)

    assert str(weights) in _refusal(copied)


def test_a_tensor_that_is_missing_is_never_filled_with_random_numbers(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    del tensors["text_projection.weight"]
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})

    assert "lack 1 of the model's tensors, text_projection.weight for one" in _refusal(copied)


def test_a_tensor_of_another_shape_is_reported(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    tensors["visual_projection.weight"] = tensors["visual_projection.weight"][:, :-1].copy()
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})

    assert "do not fit its config.json" in _refusal(copied)


def test_weights_that_are_not_numbers_are_noticed_when_they_are_used(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    tensors["visual_projection.weight"][:] = np.nan
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    encoder = load_encoder(str(copied), device="cpu")

    with pytest.raises(ModelError, match="gives vectors without a direction"):
        encoder.encode_frames(np.zeros((1, 64, 64, 3), np.uint8))


def test_weights_in_pickles_and_in_shards_give_the_same_vectors(
    tiny_chinese_clip: Path, copied: Path, tmp_path: Path
) -> None:
    pickled = build_chinese_clip(tmp_path / "pickled", safetensors=False)
    _split_in_shards(copied)

    expected = load_encoder(str(tiny_chinese_clip), device="cpu").encode_texts(["一只狗"]).pooled
    for directory in (pickled, copied):
        np.testing.assert_array_equal(load_encoder(str(directory), device="cpu").encode_texts(["一只狗"]).pooled, expected)


def test_a_missing_shard_and_a_damaged_pickle_are_reported(copied: Path, tmp_path: Path) -> None:
    shards = _split_in_shards(copied)
    shards[1].unlink()
    assert "has no weights" in _refusal(copied)

    pickled = build_chinese_clip(tmp_path / "pickled", safetensors=False) / "pytorch_model.bin"
    pickled.write_bytes(pickled.read_bytes()[:5000])
    assert "cannot be read" in _refusal(pickled.parent)


def test_a_tokenizer_that_knows_no_chinese_is_refused_in_a_chinese_model(copied: Path) -> None:
    names = (copied / "vocab.txt").read_text(encoding="utf-8").splitlines()
    emptied = [name if name.isascii() else f"[unused{i}]" for i, name in enumerate(names)]
    (copied / "vocab.txt").write_text("\n".join(emptied) + "\n", encoding="utf-8")

    assert "does not know 20 of 20 common Chinese characters" in _refusal(copied)


def test_a_damaged_tokenizer_is_reported(copied: Path) -> None:
    (copied / "tokenizer.json").write_text("{", encoding="utf-8")

    assert f"The tokenizer in {copied}" in _refusal(copied)


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="sentencepiece is installed")
def test_a_tokenizer_that_needs_sentencepiece_says_so(tiny_model: Callable[[str], Path], tmp_path: Path) -> None:
    directory = shutil.copytree(tiny_model("siglip"), tmp_path / "siglip")
    edit_json(directory / "tokenizer_config.json", tokenizer_class="SiglipTokenizer")

    assert "install sentencepiece to read it" in _refusal(directory)


def test_a_token_that_the_model_does_not_have_is_reported(copied: Path) -> None:
    with (copied / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("喵\n嗷\n")
    encoder = load_encoder(str(copied), device="cpu")

    assert encoder.encode_texts(["狗"]).pieces == [["狗"]]
    with pytest.raises(ModelError, match="gives token 6956 but the model has only 6956: its files are of another model"):
        encoder.encode_texts(["喵"])


@pytest.mark.parametrize("device", ["gpu", "cuda:99", ""])
def test_a_device_that_is_not_here_is_refused(device: str, tiny_chinese_clip: Path) -> None:
    assert f"The device {device} cannot be used here" in _refusal(tiny_chinese_clip, device=device)


def test_a_batch_size_below_one_is_refused(tiny_chinese_clip: Path) -> None:
    with pytest.raises(InputError, match="batch size must be 1 or more, not 0"):
        load_encoder(str(tiny_chinese_clip), batch_size=0)


def test_loading_says_nothing_on_the_terminal(
    kind: str, tiny_model: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    load_encoder(str(tiny_model(kind)), device="cpu")

    assert capfd.readouterr() == ("", "")


def _split_in_shards(directory: Path) -> list[Path]:
    whole = directory / "model.safetensors"
    tensors = load_file(whole)
    names = sorted(tensors)
    shards = [names[: len(names) // 2], names[len(names) // 2 :]]
    weight_map = {}
    for number, members in enumerate(shards, 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in members}, directory / file, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(members, file))
    whole.unlink()
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return [directory / f"model-{number:05}-of-00002.safetensors" for number in (1, 2)]
