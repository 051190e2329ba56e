from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from retrieval.encoders import load_encoder, read_generation
from retrieval.encoders.fingerprint import content_revision
from retrieval.errors import ModelError
from tests.checkpoints import build_chinese_clip, edit_json


def test_a_generation_read_without_the_weights_is_the_one_of_the_loaded_encoder(
    kind: str, tiny_model: Callable[[str], Path]
) -> None:
    directory = tiny_model(kind)

    assert read_generation(str(directory)) == load_encoder(str(directory), device="cpu").generation
    assert read_generation(str(directory)).encoder == directory.name


def test_reading_a_generation_imports_no_torch(tiny_chinese_clip: Path) -> None:
    program = (
        "import sys; from retrieval.encoders import read_generation; read_generation(sys.argv[1]); "
        "print('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    run = [sys.executable, "-c", program, str(tiny_chinese_clip)]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_copy_is_the_same_generation_wherever_it_lies(tiny_chinese_clip: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_chinese_clip, tmp_path / "elsewhere" / tiny_chinese_clip.name)
    os.utime(copy / "model.safetensors", (1, 1))
    renamed = shutil.copytree(copy, tmp_path / "renamed")

    original = read_generation(str(tiny_chinese_clip))
    assert read_generation(str(copy)) == original
    assert read_generation(f"{copy}/") == original
    assert read_generation(str(renamed)) == replace(original, encoder="renamed")


def test_other_weights_are_another_generation(tiny_chinese_clip: Path, tmp_path: Path) -> None:
    other = build_chinese_clip(tmp_path / "other", seed=1)

    assert content_revision(other) != content_revision(tiny_chinese_clip)


def test_training_only_the_smallest_layer_of_a_large_file_makes_another_revision(tmp_path: Path) -> None:
    # 64 MB whose only change is a 2 KB tensor that the evenly spaced samples are unlikely to meet.
    tensors = {f"layer.{i:02}": np.zeros((1024, 1024), np.float32) for i in range(15)}
    tensors["layer.06.norm"] = np.zeros(512, np.float32)
    save_file(tensors, tmp_path / "model.safetensors")
    before = content_revision(tmp_path)
    tensors["layer.06.norm"] += 1e-3
    save_file(tensors, tmp_path / "model.safetensors")

    assert content_revision(tmp_path) != before


def test_a_fingerprint_of_gigabytes_takes_a_moment(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}'
    with (tmp_path / "model.safetensors").open("wb") as file:     # sparse: takes no room on the disk
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 4_000_000_000)
    start = time.perf_counter()
    content_revision(tmp_path)

    assert time.perf_counter() - start < 0.3


@pytest.mark.parametrize("file", ["vocab.txt", "preprocessor_config.json", "config.json"])
def test_a_change_in_any_small_file_is_another_revision(file: str, tiny_chinese_clip: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_chinese_clip, tmp_path / "copy")
    with (copy / file).open("a", encoding="utf-8") as opened:
        opened.write("\n")

    assert content_revision(copy) != content_revision(tiny_chinese_clip)


def test_a_file_that_no_vector_depends_on_changes_nothing(tiny_chinese_clip: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_chinese_clip, tmp_path / "copy")
    (copy / "README.md").write_text("模型说明", encoding="utf-8")

    assert content_revision(copy) == content_revision(tiny_chinese_clip)


def test_other_picture_settings_are_another_preprocessing(tiny_chinese_clip: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_chinese_clip, tmp_path / "copy")
    before = read_generation(str(copy)).preprocessing
    seen = {before}
    for change in ({"image_mean": [0.5, 0.5, 0.5]}, {"resample": 2}, {"do_center_crop": True, "size": 64}):
        edit_json(copy / "preprocessor_config.json", **change)
        seen.add(read_generation(str(copy)).preprocessing)

    assert len(seen) == 4


def test_damage_is_noticed_without_loading(tiny_chinese_clip: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_chinese_clip, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    save_file(weights, copy / "model.safetensors")
    with (copy / "model.safetensors").open("rb+") as file:
        file.truncate((copy / "model.safetensors").stat().st_size - 1)

    with pytest.raises(ModelError, match="damaged or cut off"):
        read_generation(str(copy))
