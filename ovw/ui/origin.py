"""Requests that other web sites make a browser send are refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ovw.network import split_address

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class SameOrigin:
    """ASGI middleware: 403 for requests from pages of another origin.

    A browser names the origin of a page that sends a form or a script's request. A page that is for this machine alone
    also has to be asked for by a name of this machine: another name may have been made to point here (DNS rebinding).

    Args:
        app: the application.
        local: whether the page is for this machine alone.
    """

    def __init__(self, app: App, local: bool) -> None:
        self._app = app
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or self._is_own(dict(scope["headers"])):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"a request of another web site is refused\n"})

    def _is_own(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a request comes from the page itself, or from no page."""
        host, origin = (headers.get(name, b"").decode("latin-1") for name in (b"host", b"origin"))
        asked, page = split_address(f"//{host}"), split_address(origin)
        if asked is None or page is None or (self._local and host and asked.hostname not in LOCAL_NAMES):
            return False
        forwarded = headers.get(b"x-forwarded-host", b"").decode("latin-1")  # a proxy's, no page can set it
        return not origin or page.netloc in {host, forwarded} - {""}
