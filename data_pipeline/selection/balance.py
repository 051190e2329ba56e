"""No category and no topic more often than wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from data_pipeline.selection.settings import SelectionSettings
from data_pipeline.selection.splits import chance


def within_caps(
    names: Sequence[str], categories: Sequence[str | None], topics: Sequence[Sequence[str]], settings: SelectionSettings
) -> list[bool]:
    """Which videos are taken when they come in an order of chance, each as long as none of its kinds is full.

    names: ids, whose hashes give the order; the same videos give the same choice in whatever order they stand.
    """
    order = sorted(range(len(names)), key=lambda video: (chance(names[video], seed=settings.seed, what="balance"), names[video]))
    taken, of_category, of_topic = [False] * len(names), Counter[str](), Counter[str]()
    for video in order:
        category, about = categories[video], set(topics[video])
        if settings.category_cap is not None and category is not None and of_category[category] >= settings.category_cap:
            continue
        if settings.topic_cap is not None and any(of_topic[topic] >= settings.topic_cap for topic in about):
            continue
        taken[video] = True
        of_category.update([] if category is None else [category])
        of_topic.update(about)
    return taken
