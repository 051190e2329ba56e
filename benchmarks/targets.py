"""What a benchmark had to reach: a sentence for people, an exit status for programs."""

from __future__ import annotations

import operator
from collections.abc import Mapping

_HOLDS = {"<=": operator.le, ">=": operator.ge}


def judged(measured: Mapping[str, float], targets: Mapping[str, tuple[str, float]]) -> bool:
    """Print for each target, as ("<=", 10.0), whether what was measured meets it; whether all are met."""
    met = {name: _HOLDS[sign](measured[name], limit) for name, (sign, limit) in targets.items()}
    told = [f"{name} {sign} {limit:g}: {'met' if met[name] else 'missed'}" for name, (sign, limit) in targets.items()]
    print(f"targets: {', '.join(told)}", flush=True)
    return all(met.values())
