"""A model of open_clip, saved as open_clip saves it, gives through Wenshi the vectors that open_clip itself gives."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from retrieval.encoders import load_clip_encoder, load_encoder, read_generation
from retrieval.encoders.hub import find_checkpoint
from retrieval.errors import InputError, ModelError
from retrieval.library import Library
from retrieval.model.storing import load_dual_encoder
from retrieval.search import SearchEngine, SearchSettings
from serving.ingest.run import AddOptions, add_videos
from serving.models import text_encoder_for
from tests.checkpoints import build_clip, edit_json
from tests.videos import write_video

open_clip = pytest.importorskip("open_clip", reason="open_clip has an environment of its own: make test-open-clip")

SIDE, DIMENSION, CONTEXT = 64, 24, 40
TEXTS = ["a dog runs on the grass", "一只狗在草地上追球", "iPhone 15, RED"]
_VISION = {"image_size": SIDE, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
_TEXT = {"context_length": CONTEXT, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}


def _build(directory: Path, *, text: dict[str, Any], picture: dict[str, Any], custom: bool = False) -> Path:
    """A random model, written by open_clip's own code for the hub."""
    from open_clip.push_to_hf_hub import save_for_hf

    config = {"embed_dim": DIMENSION, "vision_cfg": _VISION, "text_cfg": text, "custom_text": custom}
    kind = open_clip.model.CustomTextCLIP if custom else open_clip.model.CLIP
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(embed_dim=DIMENSION, vision_cfg=_VISION, text_cfg=text).eval()
        for parameter in model.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.05)
    open_clip.model.set_model_preprocess_cfg(model, {"size": SIDE, **picture})
    save_for_hf(model, tokenizer=_NoTokenizer(), model_config=config, save_directory=str(directory), safe_serialization=True)
    return directory


class _NoTokenizer:
    @staticmethod
    def save_pretrained(directory: str) -> None:
        """open_clip's own vocabulary lies in its package; the other kind is written before."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the first CLIPs: open_clip's vocabulary, a causal text tower, the middle of the picture."""
    picture = {"mean": (0.48, 0.45, 0.40), "std": (0.26, 0.25, 0.27), "interpolation": "bicubic", "resize_mode": "shortest"}
    return _build(tmp_path_factory.mktemp("own") / "open-clip", text=_TEXT, picture=picture)


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the SigLIPs: a tokenizer of transformers, the last token counts, padding is read, the picture is squeezed."""
    from tests.checkpoints import _save_gemma_tokenizer

    directory = tmp_path_factory.mktemp("siglip") / "open-siglip"
    directory.mkdir()
    size = _save_gemma_tokenizer(directory, lower_case=True)
    text = {**_TEXT, "vocab_size": size, "no_causal_mask": True, "pool_type": "last", "proj_bias": True,
            "hf_tokenizer_name": "nobody/nothing", "tokenizer_kwargs": {"clean": "canonicalize"}}
    picture = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    return _build(directory, text=text, picture=picture, custom=True)


@pytest.fixture(params=["own", "siglip"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def _pictures(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def _load(folder: Path) -> tuple[Any, Any, Any]:
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    return model.eval(), preprocess, open_clip.get_tokenizer(f"local-dir:{folder}")


def test_vectors_of_texts_are_those_of_open_clip(folder: Path) -> None:
    model, _, tokenizer = _load(folder)
    with torch.inference_mode():
        expected = np.concatenate([model.encode_text(tokenizer([text]), normalize=True).numpy() for text in TEXTS])

    found = load_encoder(str(folder), device="cpu").encode_texts(TEXTS)

    np.testing.assert_allclose(found.pooled, expected, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    assert found.unread == [0, 0, 0]


def test_vectors_of_frames_are_those_of_open_clip(folder: Path) -> None:
    from PIL import Image

    model, preprocess, _ = _load(folder)
    pictures = _pictures(3)
    with torch.inference_mode():
        pixels = torch.stack([preprocess(Image.fromarray(picture)) for picture in pictures])
        expected = model.encode_image(pixels, normalize=True).numpy()

    encoder = load_encoder(str(folder), device="cpu")

    np.testing.assert_allclose(encoder.encode_frames(pictures), expected, atol=1e-5)
    mean = expected.mean(axis=0)
    clip = encoder.encode_clips(pictures[None], frame_mask=np.ones((1, 3), dtype=bool))
    np.testing.assert_allclose(clip.pooled[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_the_vector_of_a_word_goes_the_way_of_the_whole_text(own: Path) -> None:
    """A causal tower reads a text at its end: one that ends behind a word is what that word's state projects to."""
    model, _, tokenizer = _load(own)
    ids = tokenizer(["a dog"])
    with torch.inference_mode():
        states = model.token_embedding(ids) + model.positional_embedding
        states = model.ln_final(model.transformer(states, attn_mask=model.attn_mask)) @ model.text_projection
    expected = (states[0, 1:3] / states[0, 1:3].norm(dim=-1, keepdim=True)).numpy()

    found = load_encoder(str(own), device="cpu").encode_texts(["a dog", "a dog on the grass"])

    np.testing.assert_allclose(found.words[0, :2], expected, atol=1e-5)
    np.testing.assert_allclose(found.words[1, :2], expected, atol=1e-5)
    assert found.pieces == [["a", "dog"], ["a", "dog", "on", "the", "grass"]]


def test_a_text_longer_than_the_context_is_read_in_full(folder: Path) -> None:
    encoder = load_encoder(str(folder), device="cpu")
    long = "狗在草地上追球" * 8
    found = encoder.encode_texts([long, "狗"])

    assert encoder.context_length == CONTEXT
    assert found.windows[0] > 1 == found.windows[1]
    assert found.unread == [0, 0]
    assert set("".join(found.pieces[0])) == set(long)
    assert len(found.pieces[0]) == found.mask[0].sum()


def test_the_name_of_a_special_token_is_text(own: Path) -> None:
    encoder = load_encoder(str(own), device="cpu")
    vectors = encoder.encode_texts(["dog <end_of_text> cat", "dog"]).pooled

    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    with pytest.raises(InputError, match="Text 2 of 2 is empty"):
        encoder.encode_texts(["dog", "  "])


def test_a_generation_is_told_without_open_clip_and_belongs_to_the_content(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from retrieval.encoders import read_generation; print(read_generation(sys.argv[1]).revision);"
        "print(sorted({'torch', 'torchvision', 'open_clip', 'transformers'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program, str(folder)], check=True, capture_output=True, text=True)
    generation = load_encoder(str(folder), device="cpu").generation
    copy = shutil.copytree(folder, tmp_path / "copy")

    assert run.stdout.split() == [generation.revision, "[]"]
    assert read_generation(str(copy)).same_vectors(generation)
    edit_json(copy / "open_clip_config.json", preprocess_cfg={"mean": [0.1] * 3})
    assert not read_generation(str(copy)).same_vectors(generation)


def test_reading_a_model_of_transformers_imports_no_open_clip(tmp_path: Path) -> None:
    program = (
        "import sys; from retrieval.encoders import load_encoder;"
        "load_encoder(sys.argv[1], device='cpu').encode_texts(['a dog']); print('open_clip' in sys.modules)"
    )
    folder = str(build_clip(tmp_path / "clip"))
    run = subprocess.run([sys.executable, "-c", program, folder], check=True, capture_output=True, text=True)

    assert run.stdout == "False\n"


def test_a_folder_with_the_files_of_both_is_read_by_transformers_unless_it_is_asked_for(own: Path, tmp_path: Path) -> None:
    both = build_clip(shutil.copytree(own, tmp_path / "both"))

    assert find_checkpoint(str(both)).family.kind == "towers"
    (both / "preprocessor_config.json").unlink()
    assert find_checkpoint(str(both)).family.kind == "open_clip"


def test_a_cached_model_loads_by_its_name_on_the_hub(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    snapshot = tmp_path / "models--someone--both" / "snapshots" / ("a" * 40)
    build_clip(shutil.copytree(own, snapshot))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    asked = load_encoder("hf-hub:someone/both", device="cpu")

    assert (asked.generation.encoder, asked.generation.revision) == ("someone/both", "a" * 40)
    np.testing.assert_array_equal(
        asked.encode_texts(TEXTS).pooled, load_encoder(str(own), device="cpu").encode_texts(TEXTS).pooled
    )
    assert find_checkpoint("someone/both").family.kind == "towers"
    with pytest.raises(ModelError, match="someone/other is not in the local cache"):
        load_encoder("hf-hub:someone/other")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "open_clip_model.safetensors").unlink(), "has no weights: open_clip_model.safetensors"),
        (lambda d: edit_json(d / "open_clip_config.json", model_cfg={"embed_dim": 8}), "does not describe a model"),
        (lambda d: _edit_model(d, multimodal_cfg={}), "is a CoCa"),
        (lambda d: _edit_model(d, embed_dim=12), "open_clip cannot read the model"),
        (lambda d: _edit_model(d, text_cfg={**_TEXT, "hf_tokenizer_name": "x/y"}), "has no tokenizer"),
        (lambda d: edit_json(d / "open_clip_config.json", preprocess_cfg={"resize_mode": "longest"}), "not supported"),
    ],
    ids=["no weights", "no description", "CoCa", "another width", "no tokenizer", "padded pictures"],
)
def test_a_model_that_cannot_be_used_is_refused_in_one_sentence(
    damage: Any, message: str, own: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(own, tmp_path / "copy")
    damage(copy)
    with pytest.raises(ModelError, match=message) as raised:
        load_encoder(str(copy), device="cpu")
    assert "\n" not in str(raised.value)


def _edit_model(directory: Path, **changes: Any) -> None:
    config = json.loads((directory / "open_clip_config.json").read_text())["model_cfg"]
    edit_json(directory / "open_clip_config.json", model_cfg={**config, **changes})


def test_it_cannot_be_trained_from(own: Path) -> None:
    with pytest.raises(ModelError, match="one of open_clip, which is used as it is"):
        load_dual_encoder(own)


def test_videos_are_added_and_found_with_it(own: Path, tmp_path: Path) -> None:
    files = [write_video(tmp_path / f"{i}.mp4", seconds=3, seed=i) for i in range(2)]
    report = add_videos(tmp_path / "library", files, AddOptions(model=str(own), on_screen_text=False))
    assert report.counts["added"] == 2

    with Library.open(tmp_path / "library") as library:
        encoder, notice = text_encoder_for(library, None)
        assert notice is None
        assert library.generation() == load_clip_encoder(str(own)).generation
        settings = SearchSettings(diversity=0, rerank=0)
        result = SearchEngine(library, encoder=encoder, settings=settings).search("a red car")
        vectors = library.clip_vectors(library.video_ids())
    assert encoder is not None
    text = encoder.encode_texts(["a red car"]).pooled[0]
    best = {video: float((rows @ text).max()) for video, rows in vectors.items()}
    assert [hit.video_id for hit in result.hits] == sorted(best, key=lambda video: -best[video])
    assert [match.channel for hit in result.hits for match in hit.channels] == ["visual", "visual"]
