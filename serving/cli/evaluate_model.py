"""`wenshi evaluate model`: read a benchmark's videos, encode them, and measure what the model finds."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import JsonOption
from serving.cli.terminal import print_json

if TYPE_CHECKING:
    from collections.abc import Collection

    from retrieval.evaluation.benchmarks import Benchmark

DataOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="The folder of the benchmark's lists (docs/benchmarks.md). Default: the videos.", readable=False
    ),
]
VideosOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The folder of video files. Default: beside the lists.")
]
FramesOption = Annotated[int, typer.Option(min=1, max=256, help="Frames a video, evenly spread.")]


def above_zero(temperature: float | None) -> float | None:
    """A temperature as it was given; BadParameter unless it is a number above 0."""
    if temperature is not None and not 0 < temperature < inf:
        raise typer.BadParameter(f"a temperature must be a number above 0, not {temperature:g}")
    return temperature


DualSoftmaxOption = Annotated[
    float | None,
    typer.Option(metavar="TEMPERATURE", help="Also report, apart, the dual softmax of the scores.", callback=above_zero),
]
BANK_TEMPERATURE = 0.05     # that of retrieval.evaluation.postprocessing, written out like the names below
QUERY_BANK_HELP = "Also report, apart, QB-Norm by a bank of other texts, never of the benchmark:"
TextBankOption = Annotated[
    Path | None,
    typer.Option("--query-bank", metavar="TEXTS.txt", help=f"{QUERY_BANK_HELP} one a line, UTF-8.", readable=False),
]
BankTemperatureOption = Annotated[
    float | None,
    typer.Option(
        "--query-bank-temperature", metavar="TEMPERATURE", help=f"That of QB-Norm; {BANK_TEMPERATURE} where it is not given.",
        callback=above_zero,
    ),
]  # fmt: skip
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Keep the result, each query's rank and a page here.")
]
BreakdownOption = Annotated[
    bool, typer.Option("--breakdown", help="Also print figures by length, noun, verb and attribute; --json has them anyway.")
]
# Written out: reading the names from the registry would import numpy for `--help`. A test compares the two.
BENCHMARK_NAMES = (
    "msrvtt-1k-A", "msrvtt-7k", "msrvtt-full", "msrvtt-cn", "vatex-zh", "vatex-en", "msvd", "msvd-first-caption", "didemo",
    "activitynet-val1", "activitynet-val2", "lsmdc", "chinaopen-1k", "chinaopen-1k-title", "cbvs-20k",
)  # fmt: skip
BENCHMARK_HELP = f"{', '.join(BENCHMARK_NAMES)}, or a file of rows {{video, texts}} or {{text, relevant}}."


def model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model folder or a hub name.")],
    benchmark: Annotated[str, typer.Option(metavar="NAME|FILE.jsonl", help=BENCHMARK_HELP)],
    data: DataOption = None,
    videos: VideosOption = None,
    frames: FramesOption = 12,
    dual_softmax: DualSoftmaxOption = None,
    query_bank: TextBankOption = None,
    query_bank_temperature: BankTemperatureOption = None,
    breakdown: BreakdownOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on a benchmark: its videos are read and encoded, pooled and re-ranked scores reported apart."""
    from data_pipeline.corpus.video_clips import DECODER
    from retrieval.encoders import load_encoder
    from retrieval.evaluation import RunFacts, run_as_json, run_evaluation
    from retrieval.evaluation.scoring import encode_videos, pooled_scores, score_texts
    from serving.cli.evaluate import keep, print_breakdown, print_run
    from serving.cli.progress import counted

    temperature = bank_temperature(query_bank_temperature, bank=query_bank)
    wanted = read_benchmark(benchmark, data=data, videos=videos)
    texts = [query.text for query in wanted.queries]
    bank = None if query_bank is None else read_bank(query_bank, asked=texts)
    encoder = load_encoder(name)
    with counted("videos") as progress:
        present, vectors = encode_videos(wanted, encoder, frames=frames, progress=progress)
    scores = score_texts([query.text for query in present.queries], encoder, vectors)
    facts = RunFacts(
        model=encoder.generation.encoder, model_revision=encoder.generation.revision, frames=frames, decoder=DECODER
    )
    run = run_evaluation(
        present, pooled=scores.pooled, reranked=scores.reranked, facts=facts, dual_softmax_temperature=dual_softmax,
        bank=None if bank is None else pooled_scores(bank, encoder, vectors), bank_temperature=temperature,
    )  # fmt: skip
    if output is not None:
        keep(run, output, thumbnails=dict(zip(present.video_ids, vectors.thumbnails, strict=True)))
    if as_json:
        print_json(run_as_json(run))
    else:
        print_run(run)
        if breakdown:
            print_breakdown(run)


def bank_temperature(given: float | None, *, bank: Path | None) -> float:
    """The temperature of QB-Norm; BadParameter for one that is given without a bank."""
    if given is not None and bank is None:
        raise typer.BadParameter("--query-bank-temperature has no use without --query-bank")
    return BANK_TEMPERATURE if given is None else given


def read_bank(path: Path, *, asked: Collection[str]) -> list[str]:
    """The texts of a query bank, a line each, empty lines left out; InputError when there are none or some are asked."""
    from retrieval.errors import InputError

    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise InputError(f"The query bank {path} cannot be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The query bank {path} is not UTF-8: give a text file with one text a line.") from error
    texts = [text for text in map(str.strip, lines) if text]
    if not texts:
        raise InputError(f"The query bank {path} is empty: give a text file with one text a line.")
    own = {text.strip() for text in asked} & set(texts)
    if own:
        raise InputError(
            f"The query bank {path} holds {len(own):,} of the benchmark's own queries, such as {min(own)!r}: give other texts."
        )
    return texts


def read_benchmark(name: str, *, data: Path | None, videos: Path | None) -> Benchmark:
    """A published benchmark by its name, or one of your own by its file. Raises InputError."""
    from retrieval.errors import InputError
    from retrieval.evaluation.benchmarks import published_benchmark, read_json_lines_benchmark, read_published

    if name.endswith((".jsonl", ".json")):
        return read_json_lines_benchmark(Path(name), videos=videos)
    known = published_benchmark(name)
    lists = data or videos
    if lists is None:
        raise InputError(f"Where the files of {name} are must be said with --data: {known.files}.")
    return read_published(name, data=lists, videos=videos)
