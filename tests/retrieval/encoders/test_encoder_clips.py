"""Clip vectors of X-CLIP, VideoMAE and TimeSformer are those of transformers' own forward pass."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from retrieval.encoders import load_clip_encoder, load_encoder, read_generation
from retrieval.encoders.clip_backbones import spread
from retrieval.errors import InputError, ModelError
from retrieval.model.storing import load_dual_encoder
from tests.checkpoints import SIDE
from tests.clip_checkpoints import CLIP_BUILDERS, FRAMES, build_timesformer, build_videomae

KINDS = list(CLIP_BUILDERS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clip-models")
    built = {kind: build(folder / kind) for kind, build in CLIP_BUILDERS.items()}
    return {**built, "videomae with a head": build_videomae(folder / "head", head=True)}


def _clips(count: int, frames: int, *, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, frames, SIDE, SIDE, 3), dtype=np.uint8)


def _every(pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.ones(pictures.shape[:2], dtype=bool)


def _unit(vectors: torch.Tensor) -> NDArray[np.float32]:
    return (vectors / vectors.norm(dim=-1, keepdim=True)).numpy()


def _pixels(clip: NDArray[np.uint8]) -> torch.Tensor:
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return torch.tensor((clip / 255 - mean) / std, dtype=torch.float32).permute(0, 3, 1, 2)[None]


def _reference(kind: str, folder: Path, clip: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The vector of a clip of 8 frames and the states of its spans of time, by transformers alone, one clip at a time."""
    import transformers

    with torch.inference_mode():
        if kind == "xclip":
            model = transformers.XCLIPModel.from_pretrained(folder).eval()
            pooled = model.get_video_features(pixel_values=_pixels(clip)).pooler_output[0]
            cls = model.visual_projection(model.vision_model(pixel_values=_pixels(clip)[0]).pooler_output)
            return _unit(pooled), _unit(model.mit(cls[None]).last_hidden_state[0])
        if kind == "timesformer":
            model = transformers.TimesformerForVideoClassification.from_pretrained(folder).eval()
            states = model.timesformer(_pixels(clip)).last_hidden_state[0]
            patches = [states[1 + t :: FRAMES].mean(dim=0) for t in range(FRAMES)]
            torch.testing.assert_close(model.classifier(states[0]), model(_pixels(clip)).logits[0])
            return _unit(states[0]), _unit(torch.stack(patches))
        if kind == "videomae":
            states = transformers.VideoMAEModel.from_pretrained(folder).eval()(_pixels(clip)).last_hidden_state[0]
            norm = torch.nn.Identity()
        else:
            model = transformers.VideoMAEForVideoClassification.from_pretrained(folder).eval()
            states, norm = model.videomae(_pixels(clip)).last_hidden_state[0], model.fc_norm
            logits = model.classifier(norm(states.mean(dim=0)))
            torch.testing.assert_close(logits, model(_pixels(clip)).logits[0])
        patches_of_a_tubelet = (SIDE // 16) ** 2
        spans = [states[i : i + patches_of_a_tubelet].mean(dim=0) for i in range(0, len(states), patches_of_a_tubelet)]
        return _unit(norm(states.mean(dim=0))), _unit(norm(torch.stack(spans)))


@pytest.mark.parametrize("kind", [*KINDS, "videomae with a head"])
def test_vectors_are_those_of_transformers_itself(kind: str, folders: dict[str, Path]) -> None:
    clips = _clips(3, FRAMES)
    encoded = load_clip_encoder(str(folders[kind]), device="cpu").encode_clips(clips, frame_mask=_every(clips))

    for row, clip in enumerate(clips):
        pooled, spans = _reference(kind, folders[kind], clip)
        np.testing.assert_allclose(encoded.pooled[row], pooled, atol=1e-5)
        np.testing.assert_allclose(encoded.frames[row], spans.repeat(FRAMES // len(spans), axis=0), atol=1e-5)
    assert np.abs(encoded.pooled[0] - encoded.pooled[1]).max() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 3, 5, 12])
def test_too_few_frames_are_repeated_and_of_too_many_some_are_left_out(
    kind: str, frames: int, folders: dict[str, Path]
) -> None:
    clip = _clips(1, frames)
    encoded = load_clip_encoder(str(folders[kind]), device="cpu").encode_clips(clip, frame_mask=_every(clip))

    places = [int((k + 0.5) * frames / FRAMES) for k in range(FRAMES)]
    pooled, _ = _reference(kind, folders[kind], clip[0][places])
    np.testing.assert_allclose(encoded.pooled[0], pooled, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(encoded.frames[0], axis=-1), np.ones(frames), atol=1e-5)


def test_the_vector_of_a_frame_is_the_mean_of_the_places_that_it_fills(folders: dict[str, Path]) -> None:
    clip = _clips(1, 3)
    encoded = load_clip_encoder(str(folders["xclip"]), device="cpu").encode_clips(clip, frame_mask=_every(clip))

    _, states = _reference("xclip", folders["xclip"], clip[0][[0, 0, 0, 1, 1, 2, 2, 2]])
    means = np.stack([states[:3].mean(axis=0), states[3:5].mean(axis=0), states[5:].mean(axis=0)])
    np.testing.assert_allclose(encoded.frames[0], means / np.linalg.norm(means, axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_batches_change_nothing(kind: str, folders: dict[str, Path]) -> None:
    clips = _clips(3, FRAMES)
    mask = np.arange(FRAMES)[None, :] < np.array([[8], [5], [1]])
    together = load_clip_encoder(str(folders[kind]), device="cpu").encode_clips(clips, frame_mask=mask)
    single = load_clip_encoder(str(folders[kind]), device="cpu", batch_size=1)

    for row, count in enumerate([8, 5, 1]):
        alone = single.encode_clips(clips[row : row + 1, :count], frame_mask=np.ones((1, count), dtype=bool))
        np.testing.assert_allclose(together.pooled[row], alone.pooled[0], atol=1e-5)
        np.testing.assert_allclose(together.frames[row, :count], alone.frames[0], atol=1e-5)
        assert not together.frames[row, count:].any()


@pytest.mark.parametrize(("frames", "wanted"), [(1, 8), (4, 8), (7, 8), (8, 8), (9, 8), (33, 16)])
def test_frames_are_spread_evenly_and_in_order(frames: int, wanted: int) -> None:
    places = spread(frames, wanted=wanted)

    assert (np.diff(places) >= 0).all()
    assert set(places) <= set(range(frames))
    assert len(set(places)) == min(frames, wanted)


def test_texts_of_xclip_have_the_vectors_of_its_text_tower(folders: dict[str, Path]) -> None:
    import transformers

    model = transformers.XCLIPModel.from_pretrained(folders["xclip"]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders["xclip"])
    with torch.inference_mode():
        expected = model.get_text_features(**tokenizer(["a dog"], return_tensors="pt")).pooler_output

    texts = load_encoder(str(folders["xclip"]), device="cpu").encode_texts(["a dog", "a cat on the grass"])

    np.testing.assert_allclose(texts.pooled[:1], _unit(expected), atol=1e-5)
    assert texts.pieces[0] == ["a", "dog"]
    assert texts.mask.sum(axis=1)[0] == 2


@pytest.mark.parametrize("kind", ["videomae", "timesformer"])
def test_a_model_without_a_text_side_says_so(kind: str, folders: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match=f"The model {kind} sees videos but reads no text"):
        load_encoder(str(folders[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_generation_is_told_without_loading_and_differs_with_weights_and_pictures(
    kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    found = read_generation(str(folders[kind]))

    assert found == load_clip_encoder(str(folders[kind]), device="cpu").generation
    assert read_generation(str(CLIP_BUILDERS[kind](tmp_path / "other", seed=1))).revision != found.revision


@pytest.mark.parametrize("kind", KINDS)
def test_these_models_cannot_be_taken_for_two_towers(kind: str, folders: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="looks at the frames of a clip together"):
        load_dual_encoder(folders[kind])


def test_pictures_of_another_size_and_a_clip_without_frames_are_refused(folders: dict[str, Path]) -> None:
    encoder = load_clip_encoder(str(folders["videomae"]), device="cpu")
    with pytest.raises(InputError, match=r"\[N, F, 64, 64, 3\]"):
        encoder.encode_clips(np.zeros((1, 2, 32, 64, 3), np.uint8), frame_mask=np.ones((1, 2), dtype=bool))
    with pytest.raises(InputError, match="a frame in every clip"):
        encoder.encode_clips(_clips(1, 2), frame_mask=np.zeros((1, 2), dtype=bool))


def test_a_timesformer_that_looks_at_single_frames_is_refused(tmp_path: Path) -> None:
    folder = build_timesformer(tmp_path / "space", attention_type="space_only")
    with pytest.raises(ModelError, match="single frames only"):
        load_clip_encoder(str(folder), device="cpu")


def test_weights_that_lack_a_tensor_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(folders["xclip"], tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    del weights["mit.position_embedding"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelError, match=r"lack 1 of the model's tensors, mit\.position_embedding"):
        load_encoder(str(copy))
