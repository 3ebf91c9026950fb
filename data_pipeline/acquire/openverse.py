"""Search Openverse for openly licensed pictures.

Openverse (https://openverse.org) finds openly licensed works of many sources; the form of its
answers is that of `GET /v1/images/` (https://api.openverse.org/v1/). Without registration it gives
20 results per page and one answer per second. Its licence codes are those of Creative
Commons without `cc-`, and `pdm` for the Public Domain Mark.
"""

import dataclasses
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any

from data_pipeline.acquire.web import FetchError, RefusedError, Web
from temporal_foley.errors import FoleyError

API = "https://api.openverse.org/v1/"

LICENCES = {
    "cc0": "CC0",
    "pdm": "Public Domain Mark",
    "by": "CC BY",
    "by-sa": "CC BY-SA",
    "by-nc": "CC BY-NC",
    "by-nd": "CC BY-ND",
    "by-nc-sa": "CC BY-NC-SA",
    "by-nc-nd": "CC BY-NC-ND",
    "sampling+": "CC Sampling+",
    "nc-sampling+": "CC NC-Sampling+",
}
FREE_LICENCES = ("cc0", "pdm", "by", "by-sa")
"""Those that allow any use and changes."""

_PAGE_RESULTS = 20
_ANSWER_BYTES = 5_000_000
_LONGEST_TEXT = 500


class AcquireError(FoleyError):
    """A search or download that cannot continue; names the address and the remedy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundPicture:
    """What the search returns about a picture; unknown texts are empty."""

    id: str
    url: str
    title: str = ""
    creator: str = ""
    creator_url: str = ""
    licence: str = ""
    """The code, such as `by-sa`."""
    licence_version: str = ""
    licence_url: str = ""
    provider: str = ""
    landing_url: str = ""
    attribution: str = ""

    @property
    def licence_name(self) -> str:
        """The licence as people write it, such as `CC BY-SA 2.0`."""
        return f"{LICENCES.get(self.licence, self.licence)} {self.licence_version}".strip()


def search_pictures(
    web: Web, query: str, *, api: str = API, licences: Sequence[str] = FREE_LICENCES
) -> Iterator[FoundPicture]:
    """Yield the results, best first; pages are requested as needed.

    Raises:
        AcquireError: The interface cannot be reached, or answers in another form.
    """
    page = 1
    while True:
        url = _search_url(api, query, licences, page)
        try:
            # An interface for programs: its own terms apply, not robots.txt.
            answer = web.get(url, as_robot=False, max_bytes=_ANSWER_BYTES)
        except RefusedError:
            if page > 1:  # Without registration the number of pages is limited.
                return
            raise AcquireError(
                "the search refuses to answer", path=url, remedy="try another query"
            ) from None
        except FetchError as error:
            raise AcquireError(
                f"{error}", path=url, remedy="run the same command again later"
            ) from None
        results, pages = _read_page(answer, url)
        for result in results:
            yield _found(result)
        if not results or page >= pages:
            return
        page += 1


def _search_url(api: str, query: str, licences: Sequence[str], page: int) -> str:
    words = {
        "q": query,
        "license": ",".join(licences),
        "page": page,
        "page_size": _PAGE_RESULTS,
        "mature": "false",
    }
    return f"{urllib.parse.urljoin(api, 'images/')}?{urllib.parse.urlencode(words)}"


def _read_page(answer: bytes, url: str) -> tuple[list[dict[str, Any]], int]:
    try:
        document = json.loads(answer)
        results, pages = document["results"], int(document["page_count"])
        if not isinstance(results, list) or not all(isinstance(r, dict) for r in results):
            raise TypeError("results")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AcquireError("answers in another form", path=url, remedy="check --api") from None
    return results, pages


def _found(result: dict[str, Any]) -> FoundPicture:
    def text(field: str) -> str:
        value = result.get(field)
        return _one_line(value) if isinstance(value, str) else ""

    return FoundPicture(
        id=text("id"),
        url=text("url"),
        title=text("title"),
        creator=text("creator"),
        creator_url=text("creator_url"),
        licence=text("license").lower(),
        licence_version=text("license_version"),
        licence_url=text("license_url"),
        provider=text("provider") or text("source"),
        landing_url=text("foreign_landing_url"),
        attribution=text("attribution"),
    )


def _one_line(text: str) -> str:
    """Make any text fit for a cell of a table."""
    kept = (" " if unicodedata.category(c)[0] in "CZ" else c for c in text.replace('"', "'"))
    return re.sub(" +", " ", "".join(kept)).strip()[:_LONGEST_TEXT]
