"""Writing the text tower of a checkpoint as an ONNX graph, and making its weights eight bits wide."""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.disk import replace_directory, require_room
from retrieval.encoders.checkpoint import Checkpoint, require_files
from retrieval.encoders.families import OPEN_CLIP
from retrieval.encoders.hub import find_checkpoint
from retrieval.encoders.learned_tokens import LEARNED_NAME
from retrieval.encoders.loading import load_encoder, read_generation
from retrieval.encoders.onnx.agreement import Agreement, compare
from retrieval.encoders.onnx.encoder import OnnxTextEncoder
from retrieval.encoders.onnx.folder import GRAPH_NAME, TOKENIZER_NAME, Manifest, is_text_encoder
from retrieval.encoders.tokenizing import Tokenizer
from retrieval.encoders.towers import load_towers, text_features
from retrieval.errors import ModelError
from retrieval.library import Library
from retrieval.model.aggregation import unit
from retrieval.model.settings import InteractionSettings
from retrieval.model.word_table import WORDS_NAME

_OPSET = 20                 # the first with a GELU of its own
_ROWS, _TOKENS = 2, 7       # of the example that is traced; both stay open in the graph
# Below these an export is broken, not merely coarse.
_LEAST_COSINE = {"fp32": 0.9999, "int8": 0.97}
_LEAST_OVERLAP = {"fp32": 0.99, "int8": 0.8}


def export_text_encoder(
    name: str, directory: Path, *, queries: Sequence[str], int8: bool = False, library: Library | None = None
) -> Agreement:
    """Write the text side of a model for `OnnxTextEncoder`, and compare its answers with the model's over `queries`.

    int8: weights in eight bits, a scale a channel; activations are scaled as they come. library: whose clips are asked
    for, None = the queries are asked for among themselves. The folder appears complete or not at all; a text
    encoder that is there is replaced. Raises InputError when anything else is there, and ModelError when the model
    cannot be loaded or exported, or its answers are not kept: then nothing is written.
    """
    require_room(directory, own=is_text_encoder(directory), what="text encoder")
    checkpoint = find_checkpoint(name)
    _require_exportable(checkpoint)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        manifest = _write(checkpoint, partial, generation_of=name, int8=int8)
        agreement = compare(load_encoder(name, device="cpu"), OnnxTextEncoder(partial), queries, library=library)
        _require_agreement(agreement, manifest.precision)
        replace_directory(partial, directory)
        return agreement
    except OSError as error:
        raise ModelError(f"The text encoder cannot be written to {directory}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def quantise(path: Path) -> None:
    """Make the weights of the graph at `path` eight bits wide, a scale a channel, its tables of embeddings too."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = onnx.load(path)
    del graph.graph.value_info[:]       # what the exporter noted of shapes that it merged since
    plain = path.with_suffix(".plain.onnx")
    onnx.save(graph, plain)
    with _quiet():
        quantize_dynamic(plain, path, per_channel=True, weight_type=QuantType.QInt8)
    plain.unlink()


class TextGraph(nn.Module):
    """The graph that is exported: ids int64 [A, L], attended int64 [A, L] or None -> [A, D] and, with words, [A, L, D]."""

    def __init__(self, towers: Any, *, projected: bool, words: bool) -> None:
        super().__init__()
        self.towers = towers
        self._projected = projected
        self._words = words

    def forward(self, ids: Tensor, attended: Tensor | None = None) -> tuple[Tensor, ...]:
        pooled, words = text_features(self.towers, ids, attended=attended, projected=self._projected)
        return (unit(pooled), unit(words)) if self._words else (unit(pooled),)


def write_graph(module: TextGraph, path: Path, *, context_length: int | None, words: bool) -> None:
    """Trace a text tower into the file `path`. context_length: the one length of texts that are padded, None = any."""
    rows, tokens = torch.export.Dim("rows"), torch.export.Dim("tokens")
    ids = torch.ones(_ROWS, context_length or _TOKENS, dtype=torch.int64)
    inputs, open_sizes = {"ids": ids}, {"ids": {0: rows} if context_length else {0: rows, 1: tokens}}
    if not context_length:
        inputs["attended"], open_sizes["attended"] = torch.ones_like(ids), {0: rows, 1: tokens}
    with _quiet(), torch.inference_mode(False), torch.no_grad():
        torch.onnx.export(
            module, tuple(inputs.values()), str(path), dynamo=True, opset_version=_OPSET, external_data=False,
            input_names=list(inputs), output_names=["pooled", "words"][: 1 + words], dynamic_shapes=open_sizes,
        )


def _write(checkpoint: Checkpoint, directory: Path, *, generation_of: str, int8: bool) -> Manifest:
    tokenizer = Tokenizer(checkpoint)
    family = checkpoint.family
    interaction = InteractionSettings.read(checkpoint.config.get("interaction"))
    manifest = Manifest(
        generation=read_generation(generation_of), interaction=interaction, precision="int8" if int8 else "fp32",
        words=interaction.share > 0, context_length=tokenizer.context_length, prefix=tokenizer.prefix,
        suffix=tokenizer.suffix, pad_id=tokenizer.pad_id, pads_left=tokenizer.pads_left,
        pads_to_context=family.pads_to_context, lower_case=family.lower_case,
    )  # fmt: skip
    # Plain attention: the exporter turns the fused kind into more nodes.
    towers = load_towers(checkpoint, device=torch.device("cpu"), attention="eager", without=_picture_side(checkpoint))
    projected = family.projected
    graph = TextGraph(towers, projected=projected, words=manifest.words).eval()
    try:
        length = manifest.context_length if manifest.pads_to_context else None
        write_graph(graph, directory / GRAPH_NAME, context_length=length, words=manifest.words)
        if int8:
            quantise(directory / GRAPH_NAME)
    except ImportError as error:
        raise ModelError("The export of a text encoder needs an extra: install wenshi[onnx-export].") from error
    except OSError:
        raise
    except Exception as error:          # the exporter's or ONNX Runtime's, dozens of classes
        raise ModelError(
            f"The text tower in {checkpoint.directory} cannot be exported ({type(error).__name__}: {_first_line(error)})."
        ) from error
    tokenizer.save_fast(directory / TOKENIZER_NAME)
    if manifest.words and interaction.text_weights == "significant":
        shutil.copyfile(checkpoint.directory / WORDS_NAME, directory / WORDS_NAME)
    if (checkpoint.directory / LEARNED_NAME).is_file():
        shutil.copyfile(checkpoint.directory / LEARNED_NAME, directory / LEARNED_NAME)
    manifest.write(directory)
    return manifest


def _require_exportable(checkpoint: Checkpoint) -> None:
    if checkpoint.family is OPEN_CLIP:
        raise ModelError(f"The model in {checkpoint.directory} is one of open_clip, which cannot be exported: use it as it is.")
    if checkpoint.family.kind == "clips":
        raise ModelError(f"The model in {checkpoint.directory} reads no text: there is nothing to export.")
    require_files(checkpoint)


def _picture_side(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The parts that texts do not go through; a video tower may stand in for the picture tower."""
    return ("vision_model", "visual_projection") if checkpoint.family.kind == "towers" else ()


def _require_agreement(agreement: Agreement, precision: str) -> None:
    if agreement.cosine >= _LEAST_COSINE[precision] and agreement.overlap >= _LEAST_OVERLAP[precision]:
        return
    raise ModelError(
        f"The exported text encoder ({precision}) does not answer as the model does ({agreement}), so that nothing is "
        f"written: {'export it without --int8' if precision == 'int8' else 'use the model as it is'}."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress, warnings and notes of the exporters; what went wrong is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
