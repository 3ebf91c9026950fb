"""Addresses in, bytes out: bounded in size and time, never local, paced, as robots.txt allows.

Each host is asked at most once in `pause_s` seconds, and more slowly if its robots.txt says so
(RFC 9309, and the common `Crawl-delay`). A server that answers 429 or 503 is left alone for as long
as its `Retry-After` says. Redirects are followed one by one, each under the same rules. Requests go
out directly: no proxy, no cookies, nothing but http and https.
"""

import dataclasses
import http.client
import time
import urllib.parse
import urllib.robotparser
from collections.abc import Callable

from data_pipeline.acquire import connection

USER_AGENT = "temporal-foley-acquire"

_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 503)
_CHUNK_BYTES = 1 << 16
_ROBOTS_BYTES = 500 * 1024  # RFC 9309 asks for at least so much.
_BROKEN = "the server cannot be reached or breaks off"


class FetchError(Exception):
    """An address that gave nothing; the text is the reason, in words that addresses can share."""


class RefusedError(FetchError):
    """A server that answers that the file is not there, or not for us (400 to 499)."""


class LaterError(FetchError):
    """A server that is out of reach or busy; a later run may have more luck."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WebConfig:
    """How politely and how long to ask."""

    pause_s: float = 1.0
    """At least so long between two requests to one host."""
    timeout_s: float = 60.0
    """A file must be there after so many seconds."""
    max_bytes: int = 25_000_000
    """Longer files are left where they are."""
    longest_wait_s: float = 120.0
    """A server that wants a longer pause is given up."""
    tries: int = 3
    """How often a busy server is asked."""
    redirects: int = 5
    contact: str = ""
    """An address for the people who run the servers; some want one."""

    def __post_init__(self) -> None:
        for name in ("pause_s", "longest_wait_s", "redirects"):
            if getattr(self, name) < 0:
                raise ValueError(f"web.{name} must be at least 0, got {getattr(self, name)}")
        for name in ("max_bytes", "tries"):
            if getattr(self, name) < 1:
                raise ValueError(f"web.{name} must be at least 1, got {getattr(self, name)}")
        if self.timeout_s <= 0:
            raise ValueError(f"web.timeout_s must be above 0, got {self.timeout_s}")
        if not (self.contact.isascii() and self.contact.isprintable()):
            raise ValueError(f"web.contact must be plain ASCII, got {self.contact!r}")


class Web:
    """Fetches files; remembers when it last asked each host, and what its robots.txt says."""

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
            url: Where it lies.
            as_robot: Keep to robots.txt; not needed for an interface that is made for programs.
            max_bytes: Instead of the configured limit.

        Raises:
            LaterError: The server is out of reach or asks to come back later.
            FetchError: There is no such file, or it is too long or too slow, or not allowed.
        """
        limit = self.config.max_bytes if max_bytes is None else max_bytes
        for _ in range(self.config.redirects + 1):
            if as_robot and not self.is_allowed(url):
                raise FetchError("robots.txt does not allow it")
            answer = self._ask_until_free(url, limit)
            if isinstance(answer, bytes):
                return answer
            url = urllib.parse.urljoin(url, answer)
        raise FetchError("is redirected too often")

    def is_allowed(self, url: str) -> bool:
        """Tell whether robots.txt of a host lets programs fetch a file."""
        parts = split_address(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._robots:
            rules = urllib.robotparser.RobotFileParser()
            rules.parse(self._robots_lines(host))
            self._robots[host] = rules
        return self._robots[host].can_fetch(USER_AGENT, url)

    def _robots_lines(self, host: str) -> list[str]:
        try:
            text = self.get(f"{host}/robots.txt", as_robot=False, max_bytes=_ROBOTS_BYTES)
        except RefusedError:
            return []  # RFC 9309: who has no rules allows all, ...
        except FetchError:
            return ["User-agent: *", "Disallow: /"]  # ... whose are out of reach, nothing.
        return text.decode("utf-8-sig", "replace").splitlines()

    def _ask_until_free(self, url: str, limit: int) -> bytes | str:
        wait_s = max(1.0, self.config.pause_s)
        for attempt in range(self.config.tries):
            answer = self._ask(url, limit)
            if not isinstance(answer, _Busy):
                return answer
            wait_s = 2 * wait_s if answer.wait_s is None else answer.wait_s
            if wait_s > self.config.longest_wait_s or attempt + 1 == self.config.tries:
                break
            self._sleep(wait_s)
        raise LaterError("the server asks to come back later")

    def _ask(self, url: str, limit: int) -> "bytes | str | _Busy":
        """Return the file, or where it is, or that the server is busy."""
        parts = split_address(url)
        self._wait_for_turn(f"{parts.scheme}://{parts.netloc}")
        try:
            with connection.ask(
                parts,
                self._headers,
                timeout_s=self.config.timeout_s,
                allow_local=self._allow_local,
            ) as answer:
                return _take(answer, limit)
        except connection.NotPublicError:
            raise FetchError("lies at a private address") from None
        except connection.TooSlowError:
            raise FetchError("takes too long") from None
        except (OSError, http.client.HTTPException, UnicodeError):
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Busy:
    wait_s: float | None


def _take(answer: http.client.HTTPResponse, limit: int) -> bytes | str | _Busy:
    if answer.status in _REDIRECTS:
        return answer.headers.get("Location", "")
    if answer.status in _BUSY:
        wait = answer.headers.get("Retry-After", "")
        # A date counts as nothing told: clocks differ.
        return _Busy(wait_s=float(wait) if wait.isdecimal() else None)
    if 400 <= answer.status < 500:
        raise RefusedError(f"the server answers {answer.status}")
    if answer.status != http.client.OK:
        raise LaterError(f"the server answers {answer.status}")
    return _read(answer, limit)


def _read(answer: http.client.HTTPResponse, limit: int) -> bytes:
    if answer.length is not None and answer.length > limit:
        raise FetchError("is too long a file")
    expected = answer.length
    chunks, received = [], 0
    while chunk := answer.read1(_CHUNK_BYTES):
        received += len(chunk)
        if received > limit:
            raise FetchError("is too long a file")
        chunks.append(chunk)
    if expected is not None and received < expected:
        raise LaterError(_BROKEN)
    return b"".join(chunks)


def split_address(url: str) -> urllib.parse.SplitResult:
    """Take an address apart, with what may not stand in a request escaped.

    Raises:
        FetchError: It is none of http or https, or holds a password.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        if not known or (parts.port is not None and parts.port == 0):
            raise ValueError(url)
        host = parts.netloc.encode("idna").decode("ascii")
    except ValueError:
        raise FetchError("is no address of http or https") from None
    # Many sources keep addresses as people read them, with letters of all alphabets.
    path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = urllib.parse.quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return urllib.parse.SplitResult(parts.scheme, host, path, query, "")
