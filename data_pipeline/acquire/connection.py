"""One request over one connection: to public addresses only, and cut off when it takes too long.

The address that is judged is the one that is then connected to: a name that is looked up twice
could mean two places.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator, Mapping


class NotPublicError(OSError):
    """A host at an address that is private, of this machine, or otherwise not for the public."""


class TooSlowError(OSError):
    """An answer that was not there in time."""


def is_public(address: str) -> bool:
    """Tell whether an IP address is one that anybody can reach."""
    ip = ipaddress.ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_global and not ip.is_multicast


def is_local(host: str) -> bool:
    """Tell whether a host is known and none of its addresses is public."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return not any(is_public(str(place[4][0])) for place in found)


@contextlib.contextmanager
def ask(
    url: urllib.parse.SplitResult,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    allow_local: bool,
) -> Iterator[http.client.HTTPResponse]:
    """Send one GET and offer the answer, of which no more than needed is read.

    Raises:
        NotPublicError: The host has no public address.
        TooSlowError: Answer and reading of it took longer than `timeout_s`.
        OSError, http.client.HTTPException: The host is out of reach or breaks off.
    """
    is_over = threading.Event()
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    server = kind(url.hostname or "", url.port, timeout=timeout_s)
    target = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
    try:
        plain = _connect(server.host, server.port, timeout_s, allow_local=allow_local)
        server.sock = plain
        if url.scheme == "https":
            context = ssl.create_default_context()
            server.sock = context.wrap_socket(plain, server_hostname=server.host)
        with _cut_off(server.sock, timeout_s, is_over):
            server.request("GET", target, headers=dict(headers))
            yield server.getresponse()
            # A stream that was shut ends like one that is complete.
            if is_over.is_set():
                raise TooSlowError(url.netloc)
    except (OSError, http.client.HTTPException) as error:
        if is_over.is_set() or isinstance(error, TimeoutError):
            raise TooSlowError(url.netloc) from error
        raise
    finally:
        server.close()


def _connect(host: str, port: int, timeout_s: float, *, allow_local: bool) -> socket.socket:
    """Connect to the first address of a host that may be reached and answers."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = [place for place in found if allow_local or is_public(str(place[4][0]))]
    if not allowed:
        raise NotPublicError(host)
    failed: OSError = ConnectionError(host)
    for family, kind, protocol, _, address in allowed:
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(timeout_s)
            opened.connect(address)
            return opened
        except OSError as error:
            opened.close()
            failed = error
    raise failed


@contextlib.contextmanager
def _cut_off(connected: socket.socket, seconds: float, is_over: threading.Event) -> Iterator[None]:
    """Shut a connection after so many seconds.

    The socket's own time limit begins anew with each byte, so that a drip would never end.
    """

    def end() -> None:
        is_over.set()
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
