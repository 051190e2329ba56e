from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from retrieval.encoders import pool_frames
from retrieval.errors import InputError


def test_a_clip_vector_is_the_mean_direction_of_its_frames() -> None:
    vectors = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)

    pooled = pool_frames(vectors)

    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, [0.5**0.5, 0.5**0.5, 0], atol=1e-6)


def test_weights_move_the_clip_vector_towards_heavier_frames() -> None:
    vectors = np.eye(2, dtype=np.float32)

    np.testing.assert_allclose(pool_frames(vectors, weights=np.array([3.0, 4.0])), [0.6, 0.8], atol=1e-6)
    np.testing.assert_allclose(pool_frames(vectors, weights=np.array([0.0, 2.0])), [0, 1], atol=1e-6)


@pytest.mark.parametrize(
    "vectors",
    [np.zeros((0, 4)), np.zeros(4), np.zeros((2, 4)), np.array([[1.0, 0], [-1, 0]]), np.array([[np.nan, 1.0]])],
    ids=["no frame", "a single vector", "zeros", "opposite", "not a number"],
)
def test_frames_without_a_mean_direction_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(InputError):
        pool_frames(vectors)


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [-1.0, 2.0], [np.inf, 1.0]])
def test_weights_that_are_no_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="frame weights"):
        pool_frames(np.eye(2, dtype=np.float32), weights=np.array(weights))


def test_importing_the_package_loads_no_model_library_and_takes_under_a_tenth_of_a_second() -> None:
    program = (
        "import sys, time; start = time.perf_counter(); import retrieval.encoders as e; "
        "took = time.perf_counter() - start; from retrieval.encoders import FrameGeometry, TextVectors; "
        "heavy = {'torch', 'transformers', 'numpy'} & set(sys.modules); print(took, sorted(heavy))"
    )
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in range(3)]

    seconds = [float(run.stdout.split()[0]) for run in runs]
    assert min(seconds) < 0.1
    assert all(run.stdout.split(maxsplit=1)[1].strip() == "[]" for run in runs)


def test_the_package_names_what_it_does_not_have() -> None:
    import retrieval.encoders

    with pytest.raises(AttributeError, match="no attribute 'load_encodr'"):
        _ = retrieval.encoders.load_encodr
