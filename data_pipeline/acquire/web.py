"""Fetch files from the web politely: within limits of size and time, and never from local hosts.

Each host is asked at most once in `pause_s` seconds, or less often if its robots.txt says so (RFC
9309, and the common `Crawl-delay`). A server that answers 429 or 503 is asked again only after its
`Retry-After`. Redirects are followed one by one under the same rules. Requests go out directly:
without proxy, cookies, or any scheme but http and https. A host's address is looked up once, judged
and then connected to: a name that is looked up twice could lead to two places.
"""

import asyncio
import dataclasses
import ipaddress
import socket
import time
import urllib.robotparser
from collections.abc import Callable

import httpx

USER_AGENT = "temporal-foley-acquire"

_BUSY = (429, 503)
_ROBOTS_BYTES = 500 * 1024  # RFC 9309 asks for at least this much.
_BROKEN = "the server cannot be reached or breaks off"


class FetchError(Exception):
    """An address that could not be fetched; the message is a reason that addresses can share."""


class RefusedError(FetchError):
    """A server that answers that the file does not exist or is not for us (400 to 499)."""


class LaterError(FetchError):
    """A server that is busy or cannot be reached; a later run may succeed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebConfig:
    """Limits of requests."""

    pause_s: float = 1.0
    """Least time between two requests to one host."""
    timeout_s: float = 60.0
    """Most time for one file."""
    max_bytes: int = 25_000_000
    """Longer files are not fetched."""
    longest_wait_s: float = 120.0
    """A server that wants a longer pause is given up."""
    tries: int = 3
    """Number of times that a busy server is asked."""
    redirects: int = 5
    contact: str = ""
    """Address for the people who run the servers; some want one."""

    def __post_init__(self) -> None:
        for names, least in (
            (("pause_s", "longest_wait_s", "redirects"), 0),
            (("max_bytes", "tries"), 1),
        ):
            for name in names:
                if getattr(self, name) < least:
                    raise ValueError(f"web.{name} must be at least {least}")
        if self.timeout_s <= 0:
            raise ValueError(f"web.timeout_s must be above 0, got {self.timeout_s}")
        if not (self.contact.isascii() and self.contact.isprintable()):
            raise ValueError(f"web.contact must be plain ASCII, got {self.contact!r}")


class Web:
    """Fetches files; remembers the time of the last request to each host, and its robots.txt."""

    def __init__(
        self,
        config: WebConfig = WebConfig(),
        *,
        allow_local: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.config = config
        contact = f" ({config.contact})" if config.contact else ""
        self._headers = {"User-Agent": f"{USER_AGENT}{contact}", "Accept-Encoding": "identity"}
        self._allow_local = allow_local
        self._sleep = sleep
        self._clock = clock
        self._free_s: dict[str, float] = {}
        self._robots: dict[str, urllib.robotparser.RobotFileParser] = {}

    def get(self, url: str, *, as_robot: bool = True, max_bytes: int | None = None) -> bytes:
        """Fetch one file.

        Args:
            url: Its address.
            as_robot: Obey robots.txt; not needed for an interface that is made for programs.
            max_bytes: Instead of the configured limit.

        Raises:
            LaterError: The server cannot be reached or asks to come back later.
            FetchError: There is no such file, or it is too long, too slow or not allowed.
        """
        limit = self.config.max_bytes if max_bytes is None else max_bytes
        address = parse_address(url)
        for _ in range(self.config.redirects + 1):
            if as_robot and not self.is_allowed(str(address)):
                raise FetchError("robots.txt does not allow it")
            response, content = self._ask_until_free(address, limit)
            if not response.has_redirect_location:
                return content
            address = parse_address(response.headers["Location"], address)
        raise FetchError("is redirected too often")

    def is_allowed(self, url: str) -> bool:
        """Return whether the robots.txt of a host lets programs fetch a file."""
        host = _host_of(parse_address(url))
        if host not in self._robots:
            rules = urllib.robotparser.RobotFileParser()
            rules.parse(self._robots_lines(host))
            self._robots[host] = rules
        return self._robots[host].can_fetch(USER_AGENT, url)

    def _robots_lines(self, host: str) -> list[str]:
        try:
            text = self.get(f"{host}/robots.txt", as_robot=False, max_bytes=_ROBOTS_BYTES)
        except RefusedError:
            return []  # RFC 9309: a host without rules allows all, ...
        except FetchError:
            return ["User-agent: *", "Disallow: /"]  # ... one whose rules fail, nothing.
        return text.decode("utf-8-sig", "replace").splitlines()

    def _ask_until_free(self, url: httpx.URL, limit: int) -> tuple[httpx.Response, bytes]:
        wait_s = max(1.0, self.config.pause_s)
        for attempt in range(self.config.tries):
            response, content = self._ask(url, limit)
            if response.status_code not in _BUSY:
                return response, content
            # A date counts as no answer: clocks differ.
            wanted = response.headers.get("Retry-After", "")
            wait_s = float(wanted) if wanted.isdecimal() else 2 * wait_s
            if wait_s > self.config.longest_wait_s or attempt + 1 == self.config.tries:
                break
            self._sleep(wait_s)
        raise LaterError("the server asks to come back later")

    def _ask(self, url: httpx.URL, limit: int) -> tuple[httpx.Response, bytes]:
        self._wait_for_turn(_host_of(url))
        try:
            return asyncio.run(self._fetch(url, limit))
        except TimeoutError:
            raise FetchError("takes too long") from None
        except (OSError, httpx.HTTPError):
            raise LaterError(_BROKEN) from None

    def _wait_for_turn(self, host: str) -> None:
        now = self._clock()
        turn = max(now, self._free_s.get(host, now))
        if turn > now:
            self._sleep(turn - now)
        rules = self._robots.get(host)
        delay_s = float(rules.crawl_delay(USER_AGENT) or 0) if rules else 0.0
        pause_s = max(self.config.pause_s, min(delay_s, self.config.longest_wait_s))
        self._free_s[host] = turn + pause_s

    async def _fetch(self, url: httpx.URL, limit: int) -> tuple[httpx.Response, bytes]:
        timeout_s = self.config.timeout_s
        # The timeouts of httpx begin anew with each byte; that of asyncio bounds the whole.
        async with (
            asyncio.timeout(timeout_s),
            httpx.AsyncClient(trust_env=False, timeout=2 * timeout_s) as client,
        ):
            failed: Exception = httpx.ConnectError(url.host)
            for address in await _addresses(url, allow_local=self._allow_local):
                request = httpx.Request(
                    "GET",
                    url.copy_with(host=address),
                    headers={**self._headers, "Host": url.netloc.decode("ascii")},
                    extensions={
                        "sni_hostname": url.raw_host.decode("ascii"),
                        "timeout": client.timeout.as_dict(),
                    },
                )
                try:
                    response = await client.send(request, stream=True)
                except httpx.ConnectError as error:
                    failed = error
                    continue
                try:
                    return response, await _read(response, limit)
                finally:
                    await response.aclose()
            raise failed


def is_public(address: str) -> bool:
    """Return whether an IP address can be reached by anybody."""
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global and not ip.is_multicast


def is_local(host: str) -> bool:
    """Return whether a host is known and has no public address."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return not any(is_public(str(place[4][0])) for place in found)


def parse_address(url: str, base: httpx.URL | None = None) -> httpx.URL:
    """Parse an address, relative to a base if there is one.

    Raises:
        FetchError: It is not one of http or https, or contains a password.
    """
    try:
        address = base.join(url) if base else httpx.URL(url)
        known = address.scheme in ("http", "https") and address.host and not address.userinfo
        if not known or address.port == 0:
            raise ValueError(url)
    except (httpx.InvalidURL, ValueError):
        raise FetchError("is not an address of http or https") from None
    return address.copy_with(fragment=None)


def _host_of(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


async def _addresses(url: httpx.URL, *, allow_local: bool) -> list[str]:
    """Look up the addresses of a host that may be connected to."""
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys(str(place[4][0]) for place in found)
    allowed = [address for address in addresses if allow_local or is_public(address)]
    if not allowed:
        raise FetchError("has a private address")
    return allowed


async def _read(response: httpx.Response, limit: int) -> bytes:
    status = response.status_code
    if response.has_redirect_location or status in _BUSY:
        return b""
    if 400 <= status < 500:
        raise RefusedError(f"the server answers {status}")
    if status != httpx.codes.OK:
        raise LaterError(f"the server answers {status}")
    content = bytearray()
    stated = response.headers.get("Content-Length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise FetchError("is too long a file")
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > limit:
            raise FetchError("is too long a file")
    return bytes(content)
