"""A text tower that was exported answers as the tower it came from, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders import load_encoder, load_text_encoder, read_generation, read_text_generation
from retrieval.encoders.onnx.agreement import compare
from retrieval.encoders.onnx.folder import GRAPH_NAME, MANIFEST_NAME, TOKENIZER_NAME
from retrieval.errors import InputError, ModelError
from tests.checkpoints import BUILDERS, build_chinese_clip, edit_json

pytest.importorskip("onnxscript")
DEMO = Path(__file__).parents[3] / "data_pipeline" / "miniature" / "model"
TEXTS = ["一只狗", "A dog on the grass", "红色的汽车从左边开过来，停在一座房子前面。", "[SEP] <eos> </s> 狗", "猫" * 150]


def export(model: Path, directory: Path, **options: bool) -> Path:
    from retrieval.encoders.onnx.exporting import export_text_encoder

    export_text_encoder(str(model), directory, queries=TEXTS[:3], **options)
    return directory


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(DEMO, tmp_path_factory.mktemp("onnx") / "demo")


@pytest.mark.parametrize("family", sorted(BUILDERS))
def test_every_family_reads_texts_as_in_torch(family: str, tmp_path: Path) -> None:
    model = BUILDERS[family](tmp_path / "model")
    wanted = load_encoder(str(model), device="cpu").encode_texts(TEXTS)
    read = load_text_encoder(str(export(model, tmp_path / "light"))).encode_texts(TEXTS)
    np.testing.assert_allclose(read.pooled, wanted.pooled, atol=1e-5)
    np.testing.assert_allclose(read.words, wanted.words, atol=1e-5)
    assert (read.mask == wanted.mask).all()
    assert (read.pieces, read.unread, read.windows) == (wanted.pieces, wanted.unread, wanted.windows)


def test_it_answers_for_the_clip_vectors_of_its_model(demo: Path) -> None:
    assert read_text_generation(str(demo)).same_vectors(read_generation(str(DEMO)))


def test_a_model_that_does_not_look_at_words_needs_no_vectors_of_them(demo: Path) -> None:
    read = load_text_encoder(str(demo)).encode_texts(TEXTS)
    assert read.words.shape == (len(TEXTS), 0, 192)
    assert read.mask.shape == (len(TEXTS), 0)
    np.testing.assert_allclose(read.pooled, load_encoder(str(DEMO), device="cpu").encode_texts(TEXTS).pooled, atol=1e-5)


def test_it_knows_what_its_model_never_learned(demo: Path) -> None:
    read = load_text_encoder(str(demo)).encode_texts(["红色的汽车", "厨师在会议上"])
    assert read.unknown is not None
    assert read.unknown[0] == ()
    assert set("厨师会议") <= set(read.unknown[1])
    assert read.unknown == load_encoder(str(DEMO), device="cpu").encode_texts(["红色的汽车", "厨师在会议上"]).unknown


def test_eight_bits_are_smaller_and_answer_alike(demo: Path, tmp_path: Path) -> None:
    small = export(DEMO, tmp_path / "int8", int8=True)
    assert (small / GRAPH_NAME).stat().st_size < 0.45 * (demo / GRAPH_NAME).stat().st_size
    agreement = compare(load_encoder(str(DEMO), device="cpu"), load_text_encoder(str(small)), TEXTS)
    assert agreement.lowest_cosine > 0.99
    assert agreement.overlap == 1.0


def test_neither_torch_nor_transformers_is_imported_to_read_a_text(demo: Path) -> None:
    program = (
        "import sys; from retrieval.encoders import load_text_encoder\n"
        f"load_text_encoder({str(demo)!r}).encode_texts(['一只狗'])\n"
        "print(sorted({'torch', 'transformers'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_broken_export_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retrieval.encoders.onnx import exporting

    # Weights of another model in the graph: it runs, and every answer is nonsense.
    other = build_chinese_clip(tmp_path / "other", seed=1)
    load = exporting.load_towers
    monkeypatch.setattr(
        exporting, "load_towers", lambda checkpoint, **options: load(exporting.find_checkpoint(str(other)), **options)
    )
    with pytest.raises(ModelError, match="does not answer as the model does"):
        export(build_chinese_clip(tmp_path / "model"), tmp_path / "light")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "other"]


def test_an_export_takes_the_place_of_another_one_and_of_nothing_else(tmp_path: Path) -> None:
    model = build_chinese_clip(tmp_path / "model")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(InputError, match="holds no text encoder"):
        export(model, model)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    light = export(model, tmp_path / "light")
    export(model, light)
    assert (light / MANIFEST_NAME).is_file()


@pytest.mark.parametrize("name", [GRAPH_NAME, TOKENIZER_NAME, MANIFEST_NAME])
def test_a_damaged_file_is_named(name: str, demo: Path, tmp_path: Path) -> None:
    for path in demo.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(ModelError, match=name):
        load_text_encoder(str(tmp_path))


def test_a_folder_of_another_format_says_so(demo: Path, tmp_path: Path) -> None:
    content = json.loads((demo / MANIFEST_NAME).read_text(encoding="utf-8"))
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(content), encoding="utf-8")
    edit_json(tmp_path / MANIFEST_NAME, format=99)
    with pytest.raises(ModelError, match="format 99"):
        read_text_generation(str(tmp_path))


def test_videos_cannot_be_added_with_it(demo: Path) -> None:
    with pytest.raises(ModelError, match="text encoder alone"):
        read_generation(str(demo))


def test_one_query_compares_nothing(demo: Path) -> None:
    encoder = load_text_encoder(str(demo))
    with pytest.raises(InputError, match="two queries"):
        compare(encoder, encoder, ["狗"])
