"""The process that holds the model: takes clips from shared memory, gives vectors back."""

from __future__ import annotations

from multiprocessing.connection import Connection

import numpy as np

from retrieval.encoders import load_encoder, pool_frames
from retrieval.errors import ModelError
from serving.ingest.child import live_and_die_with_parent
from serving.ingest.messages import ClipEncoded, EncodeClip, EncoderFailed, EncoderReady
from serving.ingest.pictures import PictureSlots

_MOST_CLIPS = 8  # encoded together when that many wait


def run_encoder(connection: Connection, model: str, device: str) -> None:
    """Load the model, say so, then answer `EncodeClip` messages until the parent hangs up."""
    live_and_die_with_parent()
    try:
        encoder = load_encoder(model, device=device)
    except ModelError as error:
        connection.send(EncoderFailed(str(error)))
        return
    connection.send(EncoderReady(encoder.generation, encoder.geometry))
    memories: dict[str, PictureSlots] = {}
    while True:
        try:
            requests = _waiting_requests(connection)
        except (EOFError, OSError):
            return
        for request in requests:
            if request.layout.name not in memories:
                memories[request.layout.name] = PictureSlots(request.layout, create=False)
        pictures = np.concatenate([memories[r.layout.name].view(r.slot, r.count) for r in requests])
        vectors = encoder.encode_frames(pictures)
        ends = np.cumsum([r.count for r in requests])
        for request, end in zip(requests, ends, strict=True):
            frames = np.ascontiguousarray(vectors[end - request.count : end])
            connection.send(ClipEncoded(request.ticket, frames, pool_frames(frames)))


def _waiting_requests(connection: Connection) -> list[EncodeClip]:
    requests = [connection.recv()]
    while len(requests) < _MOST_CLIPS and connection.poll():
        requests.append(connection.recv())
    return requests
