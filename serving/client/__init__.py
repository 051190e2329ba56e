"""A client of the service for Python programs. Needs nothing but the standard library.

    from serving.client import Client

    with_key = Client("http://127.0.0.1:8000", key="wenshi_...")
    for hit in with_key.search("一只狗在草地上追球", k=5).hits:
        print(hit.title, hit.start_ms, hit.end_ms)
"""

from serving.client.answers import (
    Activated,
    Answer,
    Copy,
    Generation,
    GenerationState,
    Hit,
    Job,
    Match,
    Moment,
    SavedQuery,
)
from serving.client.client import Client
from serving.client.connection import ServiceError

__all__ = [
    "Activated", "Answer", "Client", "Copy", "Generation", "GenerationState", "Hit", "Job", "Match", "Moment", "SavedQuery",
    "ServiceError",
]  # fmt: skip
