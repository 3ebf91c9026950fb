"""Download open media with their licences: `python -m data_pipeline.acquire pictures|clips`."""

import argparse
import sys
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from data_pipeline.acquire.clips import ClipsConfig, acquire_clips
from data_pipeline.acquire.openverse import API, FREE_LICENCES, LICENCES
from data_pipeline.acquire.pictures import PicturesConfig, acquire_pictures
from data_pipeline.acquire.web import Web, WebConfig, is_local
from data_pipeline.annotations.dcase import read_dcase
from temporal_foley.errors import FoleyError, UsageError


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
        config = ClipsConfig(count=count, any_licence=any_licence, pause_s=pause_s)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return acquire_clips(out, read_dcase(table).clips, Web(), config, report=_report)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong option in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = vars(_parser().parse_args(argv))
    try:
        download = {"pictures": download_pictures, "clips": download_clips}[options.pop("what")]
        outcomes = download(**options)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command resumes here", file=sys.stderr)
        return 130
    for outcome, number in outcomes.most_common():
        print(f"{number:>7}  {outcome}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data_pipeline.acquire",
        description="Download open media with author, licence and source. Run again to resume.",
    )
    kinds = parser.add_subparsers(dest="what", metavar="pictures|clips", required=True)
    pictures = kinds.add_parser("pictures", help="pictures of classes, by Openverse's search")
    add = pictures.add_argument
    add("classes", metavar="CLASS[=QUERY]", nargs="+", help="such as dog_barking='barking dog'")
    add("--out", metavar="DIR", type=Path, required=True)
    add("--count", metavar="N", type=int, default=200, help="per class")
    some = f"some of {', '.join(LICENCES)}; default %(default)s"
    add("--licences", metavar="A,B", default=",".join(FREE_LICENCES), help=some)
    add("--min-side", metavar="PIXELS", type=int, default=224)
    add("--api", metavar="URL", default=API, help="default %(default)s")
    add("--pause-s", metavar="SECONDS", type=float, default=1.0, help="between requests to a host")
    add("--contact", metavar="ADDRESS", default="", help="your mail or page, sent to the servers")
    clips = kinds.add_parser("clips", help="clips of a published list, by yt-dlp")
    add = clips.add_argument
    add("table", metavar="TABLE.tsv", type=Path, help="of data_pipeline.annotations")
    add("--out", metavar="DIR", type=Path, required=True)
    add("--count", metavar="N", type=int, help="most clips")
    add("--pause-s", metavar="SECONDS", type=float, default=5.0)
    add("--any-licence", action="store_true", help="also videos that are not Creative Commons")
    return parser


if __name__ == "__main__":
    sys.exit(main())
