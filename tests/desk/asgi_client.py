"""Ask an ASGI application as a browser, or an attacker, would: no path is tidied up on the way."""

import asyncio
import dataclasses
import json
from typing import Any
from urllib.parse import unquote, urlencode


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """A response as a whole."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        """Return its JSON."""
        return json.loads(self.content)


class Client:
    """Makes one request after the other."""

    def __init__(self, app, host):
        self.app, self.host = app, host

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, **options):
        return self.ask("POST", path, **options)

    def ask(self, method, path, *, headers=None, json=None, content=b"", params=None):
        sent = {
            "host": self.host,
            **{name.lower(): value for name, value in (headers or {}).items()},
        }
        if json is not None:
            content = _text(json)
            sent = {"content-type": "application/json", **sent}
        if isinstance(content, str):
            content = content.encode()
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": (urlencode(params) if params else query).encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": ("127.0.0.1", 5000),
            "server": ("127.0.0.1", 4321),
        }
        return asyncio.run(self._run(scope, content))

    async def _run(self, scope, content):
        bodies = [{"type": "http.request", "body": content, "more_body": False}]
        sent = []

        async def receive():
            if bodies:
                return bodies.pop(0)
            await asyncio.sleep(3600)

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        start = next(one for one in sent if one["type"] == "http.response.start")
        return Answer(
            status_code=start["status"],
            headers={name.decode(): value.decode() for name, value in start["headers"]},
            content=b"".join(one.get("body", b"") for one in sent),
        )


def _text(value):
    return json.dumps(value).encode()
