"""Generations of vectors: which there are, which is searched, going to another and back, and making one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from retrieval.errors import InputError
from retrieval.library import Library, LibraryStatus
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
from serving.models import MODEL_SETTING, SENTENCES_SETTING

_SETTINGS = {"visual": MODEL_SETTING, "meaning": SENTENCES_SETTING}


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["generations"], prefix="/generations")

    @router.get("", response_model=Generations)
    def generations() -> dict[str, Any]:
        """Every generation of vectors that the library holds."""
        return {"generations": list(_states(service.counts.current().status))}

    @router.post("/activate", response_model=Activated)
    def activate(request: Request, asked: ActivateRequest) -> Activated:
        """Search another generation from now on; what was searched before is kept, and asking for it goes back.

        Answered when its model is loaded too; searches meanwhile go on by words."""
        only_admin(request)
        with service.writer.opened() as library:
            activated = _activate(library, asked)
        service.engines.renewed()
        return activated

    @router.post("/build", status_code=202, response_model=JobStarted)
    def build(request: Request, asked: BuildRequest) -> dict[str, str]:
        """Give every text a vector of a sentence model in the background; they are searched when all are there."""
        only_admin(request)
        if asked.sentences is None and service.library.setting(SENTENCES_SETTING) is None:
            raise InputError("This library has no sentence model yet: name one as `sentences`.")
        return {"job": service.ask_job("embed", {"sentences": asked.sentences})}

    return router


def _activate(library: Library, asked: ActivateRequest) -> Activated:
    generation = Generation(**asked.generation.model_dump())
    states = list(_states(library.status()))
    wanted = next((state for state in states if _named(state) == asked.generation), None)
    if wanted is None:
        raise InputError("The library holds no vectors of this generation.")
    if wanted.share < 1 and not asked.partial:
        raise ApiError(
            409, "partial", f"Only {100 * wanted.share:.3g} % have a vector of this generation: the others would not be found "
            "by it. Ask with partial=true to go there all the same."
        )  # fmt: skip
    setting = _SETTINGS[wanted.channel]
    previous = next((_named(state) for state in states if state.channel == wanted.channel and state.active), None)
    previous_model = library.setting(setting)
    library.activate(generation, settings={setting: asked.model} if asked.model else None)
    return Activated(active=asked.generation, previous=previous, previous_model=previous_model)


def _states(status: LibraryStatus) -> Iterator[GenerationState]:
    for one in status.generations:
        yield GenerationState(channel="visual", share=one.share, active=one.active, **asdict(one.generation))
    for text in status.text_generations:
        yield GenerationState(channel="meaning", share=text.share, active=text.active, **asdict(text.generation))


def _named(state: GenerationState) -> GenerationName:
    return GenerationName(**state.model_dump(include=set(GenerationName.model_fields)))
