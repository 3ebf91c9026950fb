"""Download open media with their licences."""

import sys
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from data_pipeline.acquire.clips import ClipSetConfig, acquire_clips
from data_pipeline.acquire.openverse import API, FREE_LICENCES
from data_pipeline.acquire.pictures import PicturesConfig, acquire_pictures
from data_pipeline.acquire.web import Web, WebConfig, is_local
from data_pipeline.annotations.dcase import read_dcase
from temporal_foley.errors import UsageError


def download_pictures(
    classes: Sequence[str],
    out: Path,
    *,
    count: int = 200,
    licences: str = ",".join(FREE_LICENCES),
    min_side: int = 224,
    api: str = API,
    pause_s: float = 1.0,
    contact: str = "",
) -> Counter[str]:
    """Download pictures of classes, each `CLASS` or `CLASS=QUERY`; return counts of outcomes."""
    try:
        config = PicturesConfig(
            count=count,
            licences=tuple(code.strip().lower() for code in licences.split(",")),
            min_side=min_side,
            api=api if api.endswith("/") else f"{api}/",
        )
        web_config = WebConfig(pause_s=pause_s, contact=contact)
        host = urllib.parse.urlsplit(api).hostname or ""
    except ValueError as error:
        raise UsageError(str(error)) from None
    # A search on this machine serves its pictures from this machine too.
    web = Web(web_config, allow_local=api != API and is_local(host))
    pairs = [word.partition("=") for word in classes]
    queries = {name: query.strip() or name.replace("_", " ") for name, _, query in pairs}
    return acquire_pictures(out, queries, web, config, report=_report)


def download_clips(
    table: Path,
    out: Path,
    *,
    count: int | None = None,
    pause_s: float = 5.0,
    any_licence: bool = False,
) -> Counter[str]:
    """Download the clips of a table of annotations; return counts of outcomes."""
    try:
        config = ClipSetConfig(count=count, any_licence=any_licence, pause_s=pause_s)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return acquire_clips(out, read_dcase(table).clips, Web(), config, report=_report)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
