"""Readers of retrieval benchmarks: videos, queries, judgements, a protocol name and a split hash."""

from retrieval.evaluation.benchmarks.activitynet import read_activitynet, read_activitynet_moments
from retrieval.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery, BenchmarkVideo, Grading, Split
from retrieval.evaluation.benchmarks.cbvs import read_cbvs
from retrieval.evaluation.benchmarks.chinaopen import read_chinaopen
from retrieval.evaluation.benchmarks.didemo import read_didemo, read_didemo_moments
from retrieval.evaluation.benchmarks.json_lines import read_json_lines_benchmark
from retrieval.evaluation.benchmarks.lsmdc import read_lsmdc
from retrieval.evaluation.benchmarks.moments import Moment
from retrieval.evaluation.benchmarks.msrvtt import msrvtt_training_videos, read_msrvtt
from retrieval.evaluation.benchmarks.msrvtt_cn import read_msrvtt_cn
from retrieval.evaluation.benchmarks.msvd import read_msvd
from retrieval.evaluation.benchmarks.published import PUBLISHED, published_benchmark, read_published
from retrieval.evaluation.benchmarks.vatex import read_vatex

__all__ = [
    "PUBLISHED",
    "Benchmark",
    "BenchmarkQuery",
    "BenchmarkVideo",
    "Grading",
    "Moment",
    "Split",
    "msrvtt_training_videos",
    "published_benchmark",
    "read_activitynet",
    "read_activitynet_moments",
    "read_cbvs",
    "read_chinaopen",
    "read_didemo",
    "read_didemo_moments",
    "read_json_lines_benchmark",
    "read_lsmdc",
    "read_msrvtt",
    "read_msrvtt_cn",
    "read_msvd",
    "read_published",
    "read_vatex",
]
