"""Refuse requests that do not come from a page of the desk itself.

The address has a random token that only the person who started the server knows. The host must be
this machine, so that no name of a website leads here (DNS rebinding); what changes anything must
come from a page of this server (cross-site requests).
"""

import secrets
from collections.abc import Mapping

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_READS = ("GET", "HEAD")
_FIXED_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def make_token() -> str:
    """Return a new token of 32 random bytes."""
    return secrets.token_urlsafe(32)


def content_policy(nonce: str) -> str:
    """Return the content security policy of a page: its own script and style, nothing from afar."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


class Guard:
    """Passes on requests under `/TOKEN/` from this machine's own pages, without the token."""

    def __init__(self, app: ASGIApp, *, token: str, port: int):
        self.app, self.token = app, token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        refused = self._refusal(scope["method"], scope["path"], headers)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in _FIXED_HEADERS.items()
                        if name.lower().encode() not in names
                    ),
                ]
            await send(message)

        if refused is not None:
            await refused(scope, receive, send_safely)
            return
        own = {**scope, "path": scope["path"][len(self.token) + 1 :], "root_path": ""}
        own.pop("raw_path", None)
        await self.app(own, receive, send_safely)

    def _refusal(self, method: str, path: str, headers: Mapping[str, str]) -> Response | None:
        """Return why a request is refused, or None."""
        if headers.get("host", "").lower() not in self.hosts:
            return PlainTextResponse("This host name is not served here.\n", 421)
        if path == "/favicon.ico":
            return Response(status_code=204)
        first, slash, _ = path.removeprefix("/").partition("/")
        if not slash or not secrets.compare_digest(first.encode(), self.token.encode()):
            return PlainTextResponse("Use the address that temporal-foley review printed.\n", 404)
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins:
            return PlainTextResponse("Requests from other sites are refused.\n", 403)
        site = headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none"):
            return PlainTextResponse("Requests from other sites are refused.\n", 403)
        if method not in _READS and origin is None:
            return PlainTextResponse("A request that changes something needs an origin.\n", 403)
        return None
