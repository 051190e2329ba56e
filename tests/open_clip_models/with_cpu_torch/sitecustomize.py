"""Lets a torchvision that was built for CUDA be imported beside a torch without CUDA, in this process and its children.

Its compiled operators do not load then, and its own import asks for two of them by name. They are declared, not
implemented: the tests need the picture transforms, which are plain Python. Nothing happens where the two builds fit.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

_kept: list[Any] = []       # the declarations live as long as the object that made them


class _BeforeTorchvision:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name == "torchvision" and not _kept:
            import torch

            found = PathFinder.find_spec("torchvision")
            version = Path(found.origin).with_name("version.py") if found and found.origin else None
            if torch.version.cuda is None and version and "+cu" in version.read_text():
                library = torch.library.Library("torchvision", "FRAGMENT")
                for operator in ("nms", "qnms"):
                    library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
                _kept.append(library)
        return None


sys.meta_path.insert(0, _BeforeTorchvision)     # type: ignore[arg-type]
