"""Judgements from a file: a list of lists, rows of JSON, or the word `diagonal`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.files import read_json, read_json_lines
from retrieval.evaluation.judgements import Judgements

DIAGONAL = "diagonal"


def read_judgements(source: str, shape: tuple[int, int]) -> Judgements:
    """Judgements for a similarity of this shape.

    source: `diagonal` (query i is answered by item i), a `.json` file with a list of Q lists of item ids, or a `.jsonl` file
    with rows {"query": i, "relevant": [ids] or {id: grade}}, each query once, in any order. Raises InputError.
    """
    try:
        if source == DIAGONAL:
            return Judgements.of(None, shape)
        path = Path(source)
        relevant = _from_rows(path, shape[0]) if path.suffix == ".jsonl" else _from_list(path)
        return Judgements.of(relevant, shape)
    except ValueError as error:
        raise InputError(f"{source}: {error}.") from error


def _from_list(path: Path) -> list[Any]:
    content = read_json(path)
    if not isinstance(content, list):
        raise InputError(f"{path} must hold a JSON list with a list of item ids for each query.")
    return [_ids(one, f"{path}, query {query},") for query, one in enumerate(content)]


def _from_rows(path: Path, queries: int) -> list[Any]:
    relevant: dict[int, Any] = {}
    for line, row in read_json_lines(path):
        where = f"{path}, line {line},"
        if not isinstance(row, Mapping) or not {"query", "relevant"} <= row.keys():
            raise InputError(f'{where} must be {{"query": number, "relevant": [ids] or {{id: grade}}}}.')
        query = row["query"]
        if type(query) is not int or not 0 <= query < queries:
            raise InputError(f"{where} is for query {query!r}, but the queries are 0 to {queries - 1}.")
        if query in relevant:
            raise InputError(f"{where} judges query {query} a second time: put its items into one row.")
        relevant[query] = _ids(row["relevant"], where)
    unjudged = next((query for query in range(queries) if query not in relevant), None)
    if unjudged is not None:
        raise InputError(f"{path} has no row for query {unjudged}: judge every query of the matrix.")
    return [relevant[query] for query in range(queries)]


def _ids(relevant: Any, where: str) -> Any:
    """JSON has no numbers as keys: grades come as {"3": 1}."""
    if isinstance(relevant, Mapping):
        try:
            return {int(item): grade for item, grade in relevant.items()}
        except ValueError as error:
            raise InputError(f"{where} has an item id that is not a number: {error}.") from error
    if not isinstance(relevant, Iterable) or isinstance(relevant, str):
        raise InputError(f"{where} must list item ids, not {relevant!r}.")
    return relevant
