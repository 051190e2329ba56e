"""What a person may set about the service, with what it is when nothing is said."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from serving.ingest.speech import SpeechSettings


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path(tempfile.gettempdir()))) / f"wenshi-media-{os.getuid()}"


class ServeSettings(BaseModel):
    """`model`, `sentences`: as of a search; `text_encoder` reads queries in place of `model`, which still reads what is added.

    Times in seconds, sizes in bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    library: Annotated[Path, AfterValidator(Path.expanduser)]
    host: str = "127.0.0.1"
    port: int = 8000
    model: str | None = None
    sentences: str | None = None
    text_encoder: str | None = None
    vectors: str | None = None                      # a store that holds a copy of them, as `qdrant:http://host:6333`
    allowed_hosts: tuple[str, ...] = ()             # names beside localhost by which a service without keys may be called
    watch: tuple[Path, ...] = ()                    # folders whose new videos are added
    on_screen_text: bool = True                     # of what is added
    speech: SpeechSettings | None = None            # of what is added; None = nobody listens
    stall_seconds: float = Field(default=60.0, gt=0)            # without progress, before a file that is added is given up
    memory_bytes: int = Field(default=4 << 30, gt=0)            # that reading one may take
    jobs: bool = True                               # False: another process of this library does the adding

    searches_at_once: int = Field(default=max(2, os.cpu_count() or 2), ge=1)
    searches_waiting: int = Field(default=32, ge=0, le=48)      # more are told to come again
    media_at_once: int = Field(default=2, ge=1)
    media_waiting: int = Field(default=24, ge=0, le=48)
    wait_seconds: float = Field(default=10.0, gt=0)             # how long one waits for its turn

    requests_a_second: float = Field(default=50.0, gt=0)        # of one key, or of one address without a key
    burst: int = Field(default=300, ge=1)
    body_bytes: int = 1 << 20                       # of a request that is no upload
    example_bytes: int = 64 << 20                   # of a picture or clip to search with
    upload_bytes: int = 4 << 30
    upload_space_bytes: int = 64 << 30              # of all uploads together
    upload_seconds: float = 6 * 3600.0              # how long an uploaded video may last
    upload_pixels: int = 2**26                      # of one picture
    head_seconds: float = Field(default=20.0, gt=0)             # until the whole head of a request has come
    receive_seconds: float = 30.0                   # how long a request may stay silent while its body comes

    media_cache: Path = Field(default_factory=_cache_folder)
    media_cache_bytes: int = 512 << 20
    media_seconds: float = 30.0                     # to make one picture, strip or clip
    media_memory_bytes: int = 2 << 30
    clip_seconds: float = 300.0                     # the longest clip that can be cut

    webhook_networks: tuple[str, ...] = ()          # private networks that webhooks may call, such as 10.0.0.0/8

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    @property
    def is_exposed(self) -> bool:
        """Whether others can reach the service, at its address or by a proxy that calls it by a name that is allowed."""
        return not self.is_local or any(not is_loopback(host) for host in self.allowed_hosts)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
