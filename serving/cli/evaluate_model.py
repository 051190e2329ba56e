"""`wenshi evaluate model`: read a benchmark's videos, encode them, and measure what the model finds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import JsonOption
from serving.cli.terminal import print_json

if TYPE_CHECKING:
    from retrieval.evaluation.benchmarks import Benchmark

_MSRVTT = {"msrvtt-1k-A": "1k-A", "msrvtt-7k": "7k", "msrvtt-full": "full"}
_VATEX = {"vatex-zh": "zh", "vatex-en": "en"}


def model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model folder or a hub name.")],
    benchmark: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.jsonl",
            help=f"{', '.join((*_MSRVTT, *_VATEX))}, or a file of rows {{video, texts}} or {{text, relevant}}.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="MSR-VTT: the folder of its lists. VATEX: its JSON file.", readable=False
        ),
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of video files. Default: beside the lists.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=256, help="Frames a video, evenly spread.")] = 12,
    dual_softmax: Annotated[
        float | None, typer.Option(metavar="TEMPERATURE", help="Also report, apart, the dual softmax of the scores.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Keep the result and a page here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on a benchmark: its videos are read and encoded, pooled and re-ranked scores reported apart."""
    from data_pipeline.corpus.video_clips import DECODER
    from retrieval.encoders import load_encoder
    from retrieval.evaluation import RunFacts, run_as_json, run_evaluation
    from retrieval.evaluation.scoring import encode_videos, score_texts
    from serving.cli.evaluate import keep, print_run
    from serving.cli.progress import counted

    wanted = read_benchmark(benchmark, data=data, videos=videos)
    encoder = load_encoder(name)
    with counted("videos") as progress:
        present, vectors = encode_videos(wanted, encoder, frames=frames, progress=progress)
    scores = score_texts([query.text for query in present.queries], encoder, vectors)
    facts = RunFacts(
        model=encoder.generation.encoder, model_revision=encoder.generation.revision, frames=frames, decoder=DECODER
    )
    run = run_evaluation(
        present, pooled=scores.pooled, reranked=scores.reranked, facts=facts, dual_softmax_temperature=dual_softmax
    )
    if output is not None:
        keep(run, output, thumbnails=dict(zip(present.video_ids, vectors.thumbnails, strict=True)))
    if as_json:
        print_json(run_as_json(run))
    else:
        print_run(run)


def read_benchmark(name: str, *, data: Path | None, videos: Path | None) -> Benchmark:
    """A published benchmark by its name, or one of your own by its file. Raises InputError."""
    from retrieval.errors import InputError
    from retrieval.evaluation.benchmarks import read_json_lines_benchmark, read_msrvtt, read_vatex

    if name in _MSRVTT or name in _VATEX:
        if data is None:
            raise InputError(f"Where the files of {name} are must be said with --data.")
        if name in _MSRVTT:
            return read_msrvtt(data, protocol=_MSRVTT[name], videos=videos)  # type: ignore[arg-type]
        return read_vatex(data, language=_VATEX[name], videos=videos)  # type: ignore[arg-type]
    if not name.endswith((".jsonl", ".json")):
        known = ", ".join((*_MSRVTT, *_VATEX))
        raise InputError(f"There is no benchmark {name!r}: give one of {known}, or a file that ends in .jsonl.")
    return read_json_lines_benchmark(Path(name), videos=videos)
