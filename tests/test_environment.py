from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib import metadata

import pytest

_PACKAGES = ["retrieval", "data_pipeline", "serving"]


def test_the_core_environment_has_no_torchvision() -> None:
    installed = {distribution.metadata["Name"].lower() for distribution in metadata.distributions()}
    optional = sorted(installed & {"open-clip-torch", "open_clip_torch", "timm", "easyocr"})
    if optional:
        pytest.skip(f"not the core environment: {', '.join(optional)} bring torchvision")

    assert importlib.util.find_spec("torchvision") is None


@pytest.mark.parametrize("package", _PACKAGES)
def test_importing_a_package_does_not_import_torch(package: str) -> None:
    program = f"import sys, {package}; print(sorted({{'torch', 'transformers', 'torchvision'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert run.stdout == "[]\n"


@pytest.mark.parametrize("package", ["retrieval.encoders", "retrieval.library", "retrieval.search", "serving.cli"])
def test_importing_what_a_command_starts_with_does_not_import_torch(package: str) -> None:
    program = f"import sys, {package}; print(sorted({{'torch', 'transformers', 'torchvision'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert run.stdout == "[]\n"
