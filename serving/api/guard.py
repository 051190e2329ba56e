"""What every request passes before a route sees it: who asks, from where, how often and how much."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from serving.api.errors import ApiError
from serving.api.keys import Keys, Role
from serving.api.limits import RateLimit
from serving.api.settings import ServeSettings, is_loopback

COOKIE = "wenshi_key"
FORGET_COOKIE = f"{COOKIE}=; HttpOnly; Max-Age=0; Path=/; SameSite=strict"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN = re.compile(r"/(web/.*|healthz|readyz|openapi\.json|docs|favicon\.ico|api/v1/session)?")
_READING_POSTS = re.compile(r"/api/v1/(search|search/by-example|embed)")
_UPLOADS = re.compile(r"/api/v1/videos")
_EXAMPLES = re.compile(r"/api/v1/search/by-example")


@dataclass(frozen=True)
class Caller:
    """`name`: the key's id, or the address of one without a key."""

    role: Role
    name: str


class Guard:
    """Decides whether a request may go on. Raises ApiError: 401, 403, 421, 429."""

    def __init__(self, settings: ServeSettings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys
        self._rate = RateLimit(rate=settings.requests_a_second, burst=settings.burst)
        self._had_keys = bool(keys.all())
        self._hosts = {host.lower() for host in settings.allowed_hosts}

    def admit(self, method: str, path: str, headers: Headers, *, scheme: str, address: str) -> Caller | None:
        """Who asks; None where that does not matter."""
        self._refuse_foreign_pages(method, headers, scheme=scheme)
        if path in ("/healthz", "/readyz"):
            return None
        caller = self._caller(headers, address)
        self._refuse_haste(caller.name if caller else address)
        if _OPEN.fullmatch(path):
            return caller
        if caller is None:
            raise _nobody(headers)
        if caller.role != "admin" and not _is_reading(method, path):
            raise ApiError(403, "admin_needed", "This key may read and search only.")
        return caller

    def most_bytes(self, path: str) -> int:
        """How long the body of a request to this address may be."""
        if _EXAMPLES.fullmatch(path):
            return self._settings.example_bytes
        return self._settings.upload_bytes if _UPLOADS.fullmatch(path) else self._settings.body_bytes

    def _caller(self, headers: Headers, address: str) -> Caller | None:
        """None where nobody is known: without a key, or with one that is not known here."""
        shown = _header_key(headers) or _cookie_key(headers)
        has_keys = bool(self._keys.all())
        self._had_keys |= has_keys
        if shown is not None and has_keys:
            key = self._keys.check(shown)
            return None if key is None else Caller(key.role, key.id)
        if self._had_keys or not self._settings.is_local:      # a file of keys that is gone opens nothing to anybody
            return None
        # Nobody has to prove anything here, so a page elsewhere must not get in by giving its own name this address.
        self._refuse_foreign_names(headers)
        return Caller("admin", address)

    def _refuse_haste(self, name: str) -> None:
        wait = self._rate.take(name)
        if wait:
            raise ApiError(
                429, "too_many_requests", "Too many requests: wait a moment.",
                headers={"Retry-After": str(max(1, round(wait)))},
            )  # fmt: skip

    def _refuse_foreign_names(self, headers: Headers) -> None:
        name = _host_name(headers.get("host", ""))
        if not is_loopback(name) and name not in self._hosts:
            raise ApiError(
                421, "unknown_host", f"This service does not answer under the name {name[:100]!r}: start it with --allow-host."
            )

    def _refuse_foreign_pages(self, method: str, headers: Headers, *, scheme: str) -> None:
        """No page of another site may change anything, whoever is logged in in that browser."""
        if method in SAFE_METHODS:
            return
        origin = headers.get("origin")
        own = f"{scheme}://{headers.get('host', '')}".lower()
        foreign = origin is not None and origin.lower() != own and not self._is_own_name(origin)
        if foreign or headers.get("sec-fetch-site") == "cross-site":
            raise ApiError(403, "foreign_page", "A page of another site may not do this.")

    def _is_own_name(self, origin: str) -> bool:
        """Whether an origin is one of the names that this service was told; a proxy may have changed scheme and port."""
        try:
            name = urlsplit(origin).hostname
        except ValueError:
            return False
        return name is not None and name.lower() in self._hosts


def _nobody(headers: Headers) -> ApiError:
    """The answer to one whose key is missing or wrong; the page's cookie goes when it is what was wrong."""
    asks = {"WWW-Authenticate": "Bearer"}
    if _header_key(headers):
        return ApiError(401, "wrong_key", "This key is not known here.", headers=asks)
    if _cookie_key(headers):
        return ApiError(401, "wrong_key", "This key is not known here.", headers={**asks, "Set-Cookie": FORGET_COOKIE})
    return ApiError(401, "key_needed", "This service wants a key: send it as `Authorization: Bearer KEY`.", headers=asks)


def _header_key(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key", "").strip() or None


def _cookie_key(headers: Headers) -> str | None:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie is not None and cookie.value else None


def _is_reading(method: str, path: str) -> bool:
    return method in SAFE_METHODS or (method == "POST" and _READING_POSTS.fullmatch(path) is not None)


def _host_name(host: str) -> str:
    """Without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
