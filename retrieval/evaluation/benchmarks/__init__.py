"""Readers of retrieval benchmarks: videos, queries, judgements, a protocol name and a split hash."""

from retrieval.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery, BenchmarkVideo
from retrieval.evaluation.benchmarks.json_lines import read_json_lines_benchmark
from retrieval.evaluation.benchmarks.msrvtt import msrvtt_training_videos, read_msrvtt
from retrieval.evaluation.benchmarks.vatex import read_vatex

__all__ = [
    "Benchmark",
    "BenchmarkQuery",
    "BenchmarkVideo",
    "msrvtt_training_videos",
    "read_json_lines_benchmark",
    "read_msrvtt",
    "read_vatex",
]
