"""The process that holds the model: takes clips from shared memory, gives vectors back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

import numpy as np

from data_pipeline.isolation.child import live_and_die_with_parent
from retrieval.encoders import ClipEncoder, load_clip_encoder
from retrieval.errors import ModelError
from serving.ingest.messages import (
    ClipEncoded,
    ClipNotEncoded,
    EncodeClip,
    EncoderFailed,
    EncoderReady,
    ForgetMemory,
)
from serving.ingest.pictures import PictureSlots
from serving.threads import all_threads_for_a_model

_MOST_CLIPS = 8  # encoded together when that many wait


def run_encoder(connection: Connection, model: str, device: str) -> None:
    """Load the model, say so, then answer `EncodeClip` messages until the parent hangs up."""
    live_and_die_with_parent()
    all_threads_for_a_model()
    try:
        encoder = load_clip_encoder(model, device=device)
    except ModelError as error:
        with contextlib.suppress(OSError):
            connection.send(EncoderFailed(str(error)))
        return
    with contextlib.suppress(EOFError, OSError):  # the parent hung up
        connection.send(EncoderReady(encoder.generation, encoder.geometry))
        _serve(connection, encoder)


def _serve(connection: Connection, encoder: ClipEncoder) -> None:
    memories: dict[str, PictureSlots] = {}
    while True:
        requests = []
        for message in _waiting(connection):
            if isinstance(message, ForgetMemory):
                if message.name in memories:
                    memories.pop(message.name).close()
            else:
                requests.append(message)
        for answer in _encode(encoder, requests, memories):
            connection.send(answer)


def _encode(
    encoder: ClipEncoder, requests: Sequence[EncodeClip], memories: dict[str, PictureSlots]
) -> Iterator[ClipEncoded | ClipNotEncoded]:
    """Together while that works; one by one otherwise, so that a clip the model cannot take costs only itself."""
    if not requests:
        return
    try:
        for request in requests:
            if request.layout.name not in memories:
                memories[request.layout.name] = PictureSlots(request.layout, create=False)
        clips = [memories[r.layout.name].view(r.slot, r.count) for r in requests]
        counts = np.array([len(clip) for clip in clips])
        frame_mask = np.arange(counts.max())[None, :] < counts[:, None]
        pictures = np.zeros((*frame_mask.shape, *clips[0].shape[1:]), dtype=np.uint8)
        pictures[frame_mask] = np.concatenate(clips)
        encoded = encoder.encode_clips(pictures, frame_mask=frame_mask)
    except Exception as error:
        if len(requests) == 1:
            yield ClipNotEncoded(requests[0].ticket, f"failed on one of its clips ({type(error).__name__}: {error})")
            return
        for request in requests:
            yield from _encode(encoder, [request], memories)
        return
    for request, frames, vector in zip(requests, encoded.frames, encoded.pooled, strict=True):
        yield ClipEncoded(request.ticket, np.ascontiguousarray(frames[: request.count]), vector)


def _waiting(connection: Connection) -> list[EncodeClip | ForgetMemory]:
    messages = [connection.recv()]
    while len(messages) < _MOST_CLIPS and connection.poll():
        messages.append(connection.recv())
    return messages
