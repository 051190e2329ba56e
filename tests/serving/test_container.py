"""Dockerfile and compose.yml name only commands, options and extras that there are."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import typer
import yaml
from setuptools.config.pyprojecttoml import read_configuration

from serving.cli.main import app

_COMPOSE, _DOCKERFILE = Path("compose.yml"), Path("Dockerfile")
_EXTRAS = set(read_configuration("pyproject.toml")["project"]["optional-dependencies"])


def filled_in(text: str) -> str:
    """With what a variable is when nobody sets it."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def compose() -> dict:
    return yaml.safe_load(filled_in(_COMPOSE.read_text(encoding="utf-8")))


def commands() -> Iterator[list[str]]:
    """Every `wenshi ...` of both files, also of the comments."""
    for service in compose()["services"].values():
        yield shlex.split(service["command"])
    for line in _COMPOSE.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"#   docker compose run --rm (\w+) (wenshi .*)", line):
            assert found[1] in compose()["services"]
            yield shlex.split(found[2])
    (command,) = re.findall(r"^CMD (\[.*\])$", _DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    yield json.loads(command)


def test_every_command_is_read_as_the_command_line_reads_it():
    found = list(commands())
    assert len(found) == 4
    for program, *arguments in found:
        assert program == "wenshi"
        command, context = typer.main.get_command(app), None
        while hasattr(command, "commands"):     # a click.UsageError names what is not there
            context = typer.Context(command, parent=context)
            _, command, arguments = command.resolve_command(context, arguments)
        command.make_context(command.name, arguments, parent=context)


def test_the_image_is_made_of_extras_and_files_that_there_are():
    text = _DOCKERFILE.read_text(encoding="utf-8")
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", text, re.MULTILINE)
    assert compose()["services"]["wenshi"]["build"]["args"]["EXTRAS"] == extras
    assert set(extras.split(",")) <= _EXTRAS
    copied = [path for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE) for path in line.split()[:-1]]
    assert all(Path(path).exists() for path in copied)
    for line in re.findall(r"pip install (.+?) \\$", text, re.MULTILINE):
        assert "-c constraints.txt" in line
    assert "constraints.txt" in copied
