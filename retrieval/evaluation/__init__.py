"""How good a ranking is: judgements, ties, intervals, paired tests, benchmark readers, reports."""

from retrieval.evaluation.comparison import Comparison, PairedTest, compare_runs, paired_test
from retrieval.evaluation.graded import GradedMetrics, graded_metrics
from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.metrics import RetrievalMetrics, TwoWayMetrics, retrieval_metrics, two_way_metrics
from retrieval.evaluation.postprocessing import dual_softmax, qb_norm
from retrieval.evaluation.run import ResultRow, Run, RunFacts, run_evaluation
from retrieval.evaluation.run_file import read_run, run_as_json, write_run

__all__ = [
    "Comparison",
    "GradedMetrics",
    "Judgements",
    "PairedTest",
    "ResultRow",
    "RetrievalMetrics",
    "Run",
    "RunFacts",
    "TwoWayMetrics",
    "compare_runs",
    "dual_softmax",
    "graded_metrics",
    "paired_test",
    "qb_norm",
    "read_run",
    "retrieval_metrics",
    "run_as_json",
    "run_evaluation",
    "two_way_metrics",
    "write_run",
]
