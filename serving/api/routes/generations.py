"""Generations of vectors: which there are, which is searched, going to another and back, and making one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from retrieval.errors import InputError
from retrieval.library import Library
from retrieval.records import Generation
from serving.api.errors import ApiError
from serving.api.schemas import (
    Activated,
    ActivateRequest,
    BuildRequest,
    GenerationName,
    Generations,
    GenerationState,
    JobStarted,
)
from serving.api.service import Service, only_admin
from serving.generations import by_channel, held_generations, percent, swap
from serving.models import NO_MODEL, remembered_sentences


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["generations"], prefix="/generations")

    @router.get("", response_model=Generations)
    def generations() -> dict[str, Any]:
        """Every generation of vectors that the library holds."""
        held = by_channel(service.counts.current().status)
        states = [
            GenerationState(channel=channel, share=one.share, active=one.active, **asdict(one.generation))
            for channel, one in held
        ]  # fmt: skip
        return {"generations": states}

    @router.post("/activate", response_model=Activated)
    def activate(request: Request, asked: ActivateRequest) -> Activated:
        """Search another generation from now on; what was searched before is kept, and asking for it goes back.

        Answered when its model is loaded too; searches meanwhile go on with the vectors before."""
        only_admin(request)
        with service.writer.opened() as library:
            activated = _activate(library, asked)
        service.engines.renewed()
        return activated

    @router.post("/build", status_code=202, response_model=JobStarted)
    def build(request: Request, asked: BuildRequest) -> dict[str, str]:
        """Make vectors of another model in the background: of all texts with `sentences`, which are searched when the last is
        there, or of all clips with `model`, which are searched once they are activated."""
        only_admin(request)
        if asked.model is not None:
            if asked.sentences is not None:
                raise InputError("One of `sentences` and `model` can be built at a time: ask for the other one then.")
            if asked.model == NO_MODEL:
                raise InputError("Without a model no vectors can be made: name one as `model`.")
            return {"job": service.ask_job("build", {"model": asked.model})}
        if asked.sentences is None and remembered_sentences(service.library) is None:
            raise InputError("This library has no sentence model yet: name one as `sentences`.")
        return {"job": service.ask_job("embed", {"sentences": asked.sentences})}

    return router


def _activate(library: Library, asked: ActivateRequest) -> Activated:
    generation = Generation(**asked.generation.model_dump())
    held = held_generations(library)
    wanted = next((one for one in held if one.generation == generation), None)
    if wanted is None:
        raise InputError("The library holds no vectors of this generation.")
    if wanted.share < 1 and not asked.partial:
        raise ApiError(
            409, "partial", f"Only {percent(wanted.share)} have a vector of this generation: the others would not be found "
            "by it. Ask with partial=true to go there all the same."
        )  # fmt: skip
    previous = swap(library, wanted, held, model=asked.model).previous
    return Activated(
        active=asked.generation, previous_model=None if previous is None else previous.model,
        previous=None if previous is None else GenerationName(**asdict(previous.generation)),
    )  # fmt: skip
