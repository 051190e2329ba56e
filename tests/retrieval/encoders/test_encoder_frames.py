from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image

from retrieval.encoders import TransformersEncoder, load_encoder
from retrieval.errors import InputError, ModelError

_CLASSES = {
    "chinese_clip": ("ChineseCLIPModel", "ChineseCLIPImageProcessor"),
    "clip": ("CLIPModel", "CLIPImageProcessor"),
    "siglip": ("SiglipModel", "SiglipImageProcessor"),
    "siglip2": ("Siglip2Model", "Siglip2ImageProcessor"),
}


def _pictures(count: int, *, side: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def _reference(kind: str, directory: Path, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The vectors as transformers' own picture processor and model make them."""
    model_name, processor_name = _CLASSES[kind]
    # transformers 5 has the Pillow form of a processor under a name of its own
    processor_class = getattr(transformers, f"{processor_name}Pil", None) or getattr(transformers, processor_name)
    processor = processor_class.from_pretrained(directory)
    model = getattr(transformers, model_name).from_pretrained(directory).eval()
    with torch.inference_mode():
        inputs = processor(images=[Image.fromarray(picture) for picture in pictures], return_tensors="pt")
        output = model.get_image_features(**inputs)
    vectors = output if isinstance(output, torch.Tensor) else output.pooler_output
    return (vectors / vectors.norm(dim=-1, keepdim=True)).numpy()


def test_frames_get_the_vectors_that_the_models_own_processor_leads_to(
    kind: str, encoder: TransformersEncoder, tiny_model: Callable[[str], Path]
) -> None:
    pictures = _pictures(5)

    vectors = encoder.encode_frames(pictures)

    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, _reference(kind, tiny_model(kind), pictures), atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3, "different pictures must not agree, or the test shows nothing"


def test_frame_vectors_have_unit_length_and_the_dimension_of_the_generation(encoder: TransformersEncoder) -> None:
    vectors = encoder.encode_frames(_pictures(3))

    assert vectors.shape == (3, encoder.dimension) == (3, encoder.generation.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_batch_size_does_not_change_a_frames_vector(kind: str, tiny_model: Callable[[str], Path]) -> None:
    pictures = _pictures(7)
    one, three = (load_encoder(str(tiny_model(kind)), device="cpu", batch_size=size) for size in (1, 3))

    np.testing.assert_allclose(one.encode_frames(pictures), three.encode_frames(pictures), atol=1e-5)


def test_no_pictures_give_no_vectors(encoder: TransformersEncoder) -> None:
    assert encoder.encode_frames(_pictures(0)).shape == (0, encoder.dimension)


def test_pictures_in_read_only_memory_or_cut_from_a_larger_array_are_taken(encoder: TransformersEncoder) -> None:
    pictures = _pictures(4)
    frozen = pictures.copy()
    frozen.flags.writeable = False

    np.testing.assert_array_equal(encoder.encode_frames(frozen), encoder.encode_frames(pictures))
    np.testing.assert_allclose(encoder.encode_frames(pictures[::2]), encoder.encode_frames(pictures)[::2], atol=1e-5)


@pytest.mark.parametrize(
    "pictures",
    [
        np.zeros((2, 64, 32, 3), np.uint8), np.zeros((64, 64, 3), np.uint8), np.zeros((1, 3, 64, 64), np.uint8),
        np.zeros((1, 64, 64, 3), np.float32),
    ],
    ids=["another size", "a single picture", "channels first", "floats"],
)
def test_pictures_of_another_shape_or_type_are_refused(pictures: np.ndarray, encoder: TransformersEncoder) -> None:
    with pytest.raises(InputError, match=r"takes uint8 pictures of shape \[N, 64, 64, 3\]"):
        encoder.encode_frames(pictures)


def test_batches_shrink_until_they_fit_the_memory_of_the_gpu(
    tiny_chinese_clip: Path, encoders: dict[str, TransformersEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(str(tiny_chinese_clip), device="cpu", batch_size=16)
    encode, sizes = encoder._frame_batch, []

    def small_gpu(pictures: NDArray[np.uint8], *how: object) -> NDArray[np.float32]:
        sizes.append(len(pictures))
        if len(pictures) > 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return encode(pictures, *how)

    monkeypatch.setattr(encoder, "_frame_batch", small_gpu)
    pictures = _pictures(9)

    np.testing.assert_allclose(encoder.encode_frames(pictures), encoders["chinese_clip"].encode_frames(pictures), atol=1e-5)
    assert sizes == [9, 8, 4, 2, 2, 2, 2, 1]


def test_a_gpu_that_cannot_hold_one_picture_is_reported(
    tiny_chinese_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(str(tiny_chinese_clip), device="cpu", batch_size=2)

    def full(pictures: NDArray[np.uint8], *how: object) -> NDArray[np.float32]:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(encoder, "_frame_batch", full)
    with pytest.raises(ModelError, match="does not fit into the memory of cpu"):
        encoder.encode_frames(_pictures(1))
