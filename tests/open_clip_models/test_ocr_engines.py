"""What every OCR engine owes: lines of text with corners and confidences, an identity, clear refusals.

easyocr brings torchvision, so it runs in the environment of its own: make test-open-clip. There are no weights of it
without a network: networks of its own classes with random weights are saved as it publishes them, and the detector is
given a head that sees text where it is bright.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data_pipeline.evidence.easy_ocr import MODEL_FILES
from data_pipeline.evidence.ocr import OcrEngine
from data_pipeline.evidence.ocr_engines import OCR_ENGINES, ocr_engine
from retrieval.errors import InputError, ModelError

Picture = Any


@pytest.fixture(scope="module")
def random_easyocr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files, whose checksums easyocr is told to expect."""
    easyocr = pytest.importorskip("easyocr", reason="easyocr has an environment of its own: make test-open-clip")
    from easyocr.craft import CRAFT
    from easyocr.model.vgg_model import Model

    folder = tmp_path_factory.mktemp("easyocr")
    torch.manual_seed(0)
    detector = CRAFT(pretrained=False)
    _see_brightness(detector)
    characters = easyocr.config.recognition_models["gen2"]["zh_sim_g2"]["characters"]
    reader = Model(num_class=len(characters) + 1, input_channel=1, output_channel=256, hidden_size=256)
    torch.nn.init.normal_(reader.Prediction.weight, std=20.0)       # so that it reads something, and is sure of it
    for name, network in zip(MODEL_FILES, (detector, reader), strict=True):
        torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, folder / name)
    expect_checksums(folder)
    return folder


def expect_checksums(folder: Path) -> None:
    import easyocr

    known = (easyocr.config.detection_models["craft"], easyocr.config.recognition_models["gen2"]["zh_sim_g2"])
    for name, published in zip(MODEL_FILES, known, strict=True):
        published["md5sum"] = hashlib.md5((folder / name).read_bytes()).hexdigest()


def _see_brightness(detector: torch.nn.Module) -> None:
    """Make a detector find what is bright: carry the mean of the picture, by the finest features, to the region score."""
    first = detector.basenet.slice1[0]                              # type: ignore[union-attr, index]
    with torch.no_grad():
        for module in detector.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.zero_()
                module.bias.zero_()                                 # type: ignore[union-attr]
                middle = module.weight.shape[2] // 2
                module.weight[0, 0, middle, middle] = 1.0
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1.0)
                module.bias.zero_()
                module.running_mean.zero_()                         # type: ignore[union-attr]
                module.running_var.fill_(1.0)                       # type: ignore[union-attr]
        finest = detector.upconv4.conv[0]                           # type: ignore[union-attr, index]
        finest.weight[0, 0], finest.weight[0, 64] = 0.0, 1.0        # behind 64 channels of coarser ones
        first.weight[0] = 0.0
        first.weight[0, :, 1, 1] = 0.34


@pytest.fixture(scope="module")
def make(request: pytest.FixtureRequest) -> Callable[[str], OcrEngine]:
    def build(name: str) -> OcrEngine:
        if name == "easyocr":
            return ocr_engine(name, model_directory=request.getfixturevalue("random_easyocr"))
        pytest.importorskip(name)
        return ocr_engine(name)

    return build


@pytest.fixture(scope="module", params=OCR_ENGINES)
def engine(request: pytest.FixtureRequest, make: Callable[[str], OcrEngine]) -> OcrEngine:
    return make(request.param)


def a_line() -> Picture:
    """White strokes in a row before black, between (96, 60) and (224, 84)."""
    picture = np.zeros((144, 320, 3), np.uint8)
    picture[60:84, 96:224] = 255
    picture[64:80, 100:220:12] = 0
    return picture


def test_an_engine_says_what_it_is(engine: OcrEngine, make: Callable[[str], OcrEngine]) -> None:
    assert engine.name in OCR_ENGINES
    assert engine.version[0].isdigit()
    assert len(engine.digest) == 16
    assert make(engine.name).digest == engine.digest


def test_lines_have_four_corners_inside_the_picture_and_a_confidence(engine: OcrEngine) -> None:
    for line in engine.read(a_line()):
        assert line.quad.dtype == np.float32
        assert line.quad.shape == (4, 2)
        assert line.quad.min() >= 0
        assert line.quad[:, 0].max() <= 320
        assert line.quad[:, 1].max() <= 144
        assert line.quad[0, 0] < line.quad[1, 0]
        assert line.quad[0, 1] < line.quad[3, 1]
        assert 0 <= line.confidence <= 1
        assert line.text


def test_the_same_picture_is_read_alike_twice(engine: OcrEngine) -> None:
    readings = [[(line.text, line.confidence) for line in engine.read(a_line())] for _ in range(2)]
    assert readings[0] == readings[1]


def test_a_picture_without_text_gives_no_line(engine: OcrEngine) -> None:
    assert engine.read(np.zeros((90, 160, 3), np.uint8)) == []


@pytest.mark.parametrize("picture", [np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture_is_refused(engine: OcrEngine, picture: Any) -> None:
    with pytest.raises(ValueError, match="uint8"):
        engine.read(picture)


def test_easyocr_finds_and_reads_the_line_through_its_own_networks(make: Callable[[str], OcrEngine]) -> None:
    lines = make("easyocr").read(a_line())
    assert len(lines) == 1
    (left, top), (right, bottom) = lines[0].quad.min(axis=0), lines[0].quad.max(axis=0)
    assert 76 <= left <= 116
    assert 204 <= right <= 244
    assert 40 <= top <= 72
    assert 72 <= bottom <= 104


def test_missing_weights_are_one_sentence_that_names_them_and_the_folder(tmp_path: Path) -> None:
    pytest.importorskip("easyocr")
    with pytest.raises(ModelError, match=rf"no craft_mlt_25k\.pth and no zh_sim_g2\.pth in {tmp_path}/none"):
        ocr_engine("easyocr", model_directory=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_weights_of_something_else_are_refused(random_easyocr: Path, tmp_path: Path) -> None:
    for name in MODEL_FILES:
        (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(ModelError, match="fetch them again"):
        ocr_engine("easyocr", model_directory=tmp_path)


def test_an_unknown_engine_and_a_folder_that_is_not_wanted_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose from rapidocr, easyocr"):
        ocr_engine("tesseract")
    with pytest.raises(InputError, match="brings its models along"):
        ocr_engine("rapidocr", model_directory=tmp_path)
