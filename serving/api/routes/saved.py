"""Saved queries: asked of every video that is added from now on."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from retrieval.errors import InputError
from retrieval.search import Query
from serving.api.errors import not_found
from serving.api.jobs.webhooks import allowed_address, check_address
from serving.api.schemas import SavedQueries, SavedQuery, SavedQueryRequest
from serving.api.service import Service, only_admin


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["saved queries"])

    @router.get("/saved-queries", response_model=SavedQueries)
    def saved_queries() -> dict[str, Any]:
        return {"saved_queries": service.store.saved_queries()}

    @router.post("/saved-queries", status_code=201, response_model=SavedQuery)
    def save_query(request: Request, asked: SavedQueryRequest) -> Any:
        """Ask a query of every video that is added from now on."""
        only_admin(request)
        if not Query.parse(asked.q).text:
            raise InputError("The query is empty: type a few words that describe the video.")
        if asked.webhook is not None:
            parts = check_address(asked.webhook)
            host = parts.hostname or ""
            try:
                allowed_address(host, parts.port or 443, networks=service.settings.webhook_networks)
            except OSError as error:
                raise InputError(f"The webhook's host {host} is not known.") from error
        return service.store.save_query(asked.q, asked.webhook)

    @router.delete("/saved-queries/{query_id}", status_code=204)
    def forget_query(request: Request, query_id: str) -> None:
        only_admin(request)
        if not service.store.forget_query(query_id):
            raise not_found("There is no such saved query.")

    return router
