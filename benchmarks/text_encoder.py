"""What a small text tower costs as an int8 graph of ONNX Runtime, beside the same tower in PyTorch fp32.

    python -m benchmarks.text_encoder [--model DIR] [--queries 300] [--runs 300]

Speed and size are of a tower of 4 layers × 312 with random weights and the 21,128 tokens of Chinese BERT (they depend on
its shape alone), for one text of 16 tokens on one thread, in turns in one run, as the median of CPU times. Whether the
answers stay the same is asked of a trained model: --model, the shipped one of the miniature world when left out.
Targets of the int8 graph: at most 15 MB and 0.8 ms, 2.5 times as fast as PyTorch; exit status 1 when one is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.targets import judged
from data_pipeline.miniature.world import generate, queries
from retrieval.encoders.onnx.encoder import session
from retrieval.encoders.onnx.exporting import TextGraph, export_text_encoder, quantise, write_graph
from serving.demo.unseen import MODEL

_TOKENS, _VOCABULARY = 16, 21128
TARGETS = {"MB": ("<=", 15.0), "ms": ("<=", 0.8), "times as fast": (">=", 2.5)}


def small_tower(*, words: bool) -> TextGraph:
    """4 layers × 312, of the size of TinyBERT, projected to 512 numbers."""
    from transformers import ChineseCLIPConfig, ChineseCLIPModel

    text = {
        "hidden_size": 312, "intermediate_size": 1200, "num_hidden_layers": 4, "num_attention_heads": 12,
        "vocab_size": _VOCABULARY, "max_position_embeddings": 512,
    }  # fmt: skip
    unused = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "image_size": 32}
    torch.manual_seed(0)
    config = ChineseCLIPConfig(text_config=text, vision_config=unused, projection_dim=512, attn_implementation="eager")
    return TextGraph(ChineseCLIPModel(config), projected=True, words=words).eval()


def time_small(directory: Path, *, words: bool, runs: int) -> bool:
    """Print size and CPU time, without or with the vectors of words; whether all targets are met."""
    ids = np.random.default_rng(0).integers(1000, _VOCABULARY, size=(1, _TOKENS))
    inputs = {"ids": ids, "attended": np.ones_like(ids)}
    tensors = [torch.from_numpy(one) for one in inputs.values()]
    tower = small_tower(words=words)
    plain, small = directory / f"plain{words}.onnx", directory / f"small{words}.onnx"
    for path in (plain, small):
        write_graph(tower, path, context_length=None, words=words)
    quantise(small)
    in_full, in_bytes = (session(path, threads=1) for path in (plain, small))
    times = in_turns(
        [lambda: tower(*tensors), lambda: in_full.run(None, inputs), lambda: in_bytes.run(None, inputs)], runs=runs
    )
    cosine = float((in_bytes.run(None, inputs)[0] * in_full.run(None, inputs)[0]).sum())
    print(
        f"4 x 312, {_TOKENS} tokens, {'with' if words else 'without'} vectors of words: PyTorch fp32 {times[0]:.2f} ms, "
        f"ONNX fp32 {times[1]:.2f} ms ({plain.stat().st_size / 1e6:.1f} MB), int8 {times[2]:.2f} ms "
        f"({small.stat().st_size / 1e6:.1f} MB): {times[0] / times[2]:.1f} times as fast as PyTorch; cosine {cosine:.4f}"
    )
    measured = {"MB": small.stat().st_size / 1e6, "ms": times[2], "times as fast": times[0] / times[2]}
    return judged(measured, TARGETS)


def in_turns(calls: list[Callable[[], object]], *, runs: int) -> list[float]:
    """The median CPU time of each call in ms; they take turns, so that a busy machine slows all alike."""
    times: list[list[float]] = [[] for _ in calls]
    with torch.inference_mode():
        for _ in range(runs):
            for call, own in zip(calls, times, strict=True):
                began = time.process_time()
                call()
                own.append(1000 * (time.process_time() - began))
    return [median(own[runs // 10 :]) for own in times]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--runs", type=int, default=300)
    options = parser.parse_args()
    torch.set_num_threads(1)
    asked = queries([clip.spec for clip in generate(options.queries, seed=5, split="test")], seed=5)
    with tempfile.TemporaryDirectory() as temporary:
        met = [time_small(Path(temporary), words=words, runs=options.runs) for words in (False, True)]
        for int8 in (False, True):
            output = Path(temporary) / "exported"
            agreement = export_text_encoder(str(options.model), output, queries=[q.text for q in asked], int8=int8)
            print(f"{options.model.name}, {'int8' if int8 else 'fp32'}: {agreement}")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
