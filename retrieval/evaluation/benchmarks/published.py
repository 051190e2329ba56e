"""Published benchmarks by name: what each needs, which splits it has, and what reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks import activitynet, cbvs, chinaopen, didemo, lsmdc, msrvtt, msrvtt_cn, msvd, vatex
from retrieval.evaluation.benchmarks.benchmark import Benchmark, Split
from retrieval.evaluation.benchmarks.files import need_file


@dataclass(frozen=True, kw_only=True)
class PublishedBenchmark:
    """A name of `wenshi evaluate`. language: of its texts; files: what the folder of lists holds.

    read: (folder or file of lists, split, folder of videos) -> Benchmark; raises InputError.
    """

    language: Literal["zh", "en"]
    files: str
    read: Callable[[Path, Split, Path | None], Benchmark]
    splits: tuple[Split, ...] = ("test",)


def read_published(name: str, *, data: Path, videos: Path | None = None, split: Split = "test") -> Benchmark:
    """A split of a published benchmark. data: where its lists are; videos: where the files are, by default there too.

    Raises InputError for a name or a split that is not known, and as the reader of the benchmark.
    """
    known = published_benchmark(name)
    if split not in known.splits:
        raise InputError(f"{name} has no split {split!r}, only {', '.join(known.splits)}.")
    return known.read(data, split, videos)


def published_benchmark(name: str) -> PublishedBenchmark:
    """The benchmark of a name, in which case and dashes are free; InputError with the nearest names."""
    known = {_key(one): one for one in PUBLISHED}
    if _key(name) in known:
        return PUBLISHED[known[_key(name)]]
    near = [known[key] for key in get_close_matches(_key(name), known, n=3)] or list(PUBLISHED)
    raise InputError(f"There is no benchmark {name!r}: give one of {', '.join(near)}, or a file that ends in .jsonl.")


def _key(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _msrvtt(protocol: msrvtt.Protocol) -> Callable[[Path, Split, Path | None], Benchmark]:
    return lambda data, split, videos: msrvtt.read_msrvtt(data, protocol=protocol, split=split, videos=videos)


def _vatex(language: vatex.Language) -> Callable[[Path, Split, Path | None], Benchmark]:
    def read(data: Path, split: Split, videos: Path | None) -> Benchmark:
        file = data
        if data.is_dir():
            name = "vatex_training_v1.0.json" if split == "train" else "vatex_validation_v1.0.json"
            file = need_file(data, (name,), purpose=f"VATEX {split}")
        return vatex.read_vatex(file, language=language, videos=videos)

    return read


def _msvd(captions: msvd.Captions) -> Callable[[Path, Split, Path | None], Benchmark]:
    return lambda data, split, videos: msvd.read_msvd(data, captions=captions, split=split, videos=videos)


def _activitynet(part: activitynet.Part) -> Callable[[Path, Split, Path | None], Benchmark]:
    return lambda data, split, videos: activitynet.read_activitynet(
        data, part="train" if split == "train" else part, videos=videos
    )


def _chinaopen(text: chinaopen.Text) -> Callable[[Path, Split, Path | None], Benchmark]:
    return lambda data, split, videos: chinaopen.read_chinaopen(data, text=text, videos=videos)


_TRAINED: tuple[Split, ...] = ("train", "test")
_ALL: tuple[Split, ...] = ("train", "validation", "test")
_MSRVTT = "MSRVTT_JSFUSION_test.csv"
_MSRVTT_INFO = "train_val_videodatainfo.json and test_videodatainfo.json, or MSRVTT_data.json"
_ANET = "val_1.json, val_2.json; to train train.json"
_MSVD = "train_list.txt, val_list.txt, test_list.txt, raw-captions.pkl"
_VATEX = "vatex_validation_v1.0.json; to train vatex_training_v1.0.json"

PUBLISHED: Mapping[str, PublishedBenchmark] = {
    "msrvtt-1k-A": PublishedBenchmark(
        language="en", files=f"{_MSRVTT}; to train MSRVTT_train.9k.csv, {_MSRVTT_INFO}", read=_msrvtt("1k-A"), splits=_TRAINED
    ),
    "msrvtt-7k": PublishedBenchmark(
        language="en", files=f"{_MSRVTT}; to train MSRVTT_train.7k.csv, {_MSRVTT_INFO}", read=_msrvtt("7k"), splits=_TRAINED
    ),
    "msrvtt-full": PublishedBenchmark(language="en", files=_MSRVTT_INFO, read=_msrvtt("full"), splits=_ALL),
    "msrvtt-cn": PublishedBenchmark(
        language="zh",
        files="msrvtt10kcntest_zh.caption.txt or CN_MSRVTT_RET_test.jsonl; to train msrvtt10kcntrain_google_enc2zh.caption.txt, "
        "msrvtt10kcnval_zh.caption.txt",
        read=lambda data, split, videos: msrvtt_cn.read_msrvtt_cn(data, split=split, videos=videos),
        splits=_ALL,
    ),
    "vatex-zh": PublishedBenchmark(language="zh", files=_VATEX, read=_vatex("zh"), splits=_TRAINED),
    "vatex-en": PublishedBenchmark(language="en", files=_VATEX, read=_vatex("en"), splits=_TRAINED),
    "msvd": PublishedBenchmark(language="en", files=_MSVD, read=_msvd("all"), splits=_ALL),
    "msvd-first-caption": PublishedBenchmark(language="en", files=_MSVD, read=_msvd("first")),
    "didemo": PublishedBenchmark(
        language="en",
        files="train_, val_, test_data.json and train_, val_, test_list.txt",
        read=lambda data, split, videos: didemo.read_didemo(data, split=split, videos=videos),
        splits=_ALL,
    ),
    "activitynet-val1": PublishedBenchmark(language="en", files=_ANET, read=_activitynet("val1"), splits=_TRAINED),
    "activitynet-val2": PublishedBenchmark(language="en", files=_ANET, read=_activitynet("val2"), splits=_TRAINED),
    "lsmdc": PublishedBenchmark(
        language="en",
        files="LSMDC16_challenge_1000_publictect.csv; to train LSMDC16_annos_training.csv, LSMDC16_annos_val.csv",
        read=lambda data, split, videos: lsmdc.read_lsmdc(data, split=split, videos=videos),
        splits=_ALL,
    ),
    "chinaopen-1k": PublishedBenchmark(language="zh", files=chinaopen.FILES[0], read=_chinaopen("caption")),
    "chinaopen-1k-title": PublishedBenchmark(language="zh", files=chinaopen.FILES[0], read=_chinaopen("title")),
    "cbvs-20k": PublishedBenchmark(
        language="zh", files=cbvs.FILE, read=lambda data, split, videos: cbvs.read_cbvs(data, videos=videos)
    ),
}
