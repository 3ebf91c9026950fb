"""`python -m data_pipeline.acquire`: words in, pictures or clips in a folder out."""

import argparse
import sys
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from data_pipeline.acquire.clips import ClipsConfig, acquire_clips
from data_pipeline.acquire.connection import is_local
from data_pipeline.acquire.openverse import API, FREE_LICENCES, LICENCES
from data_pipeline.acquire.pictures import PicturesConfig, acquire_pictures
from data_pipeline.acquire.web import Web, WebConfig
from data_pipeline.annotations.dcase import read_dcase
from temporal_foley.errors import FoleyError, UsageError


class _Parser(argparse.ArgumentParser):
    """Tells a wrong word in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    words = _parser().parse_args(argv)
    try:
        fates = _pictures(words) if words.what == "pictures" else _clips(words)
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    for fate, count in fates.most_common():
        print(f"{count:>7}  {fate}")
    return 0


def _pictures(words: argparse.Namespace) -> Counter[str]:
    try:
        config = PicturesConfig(
            count=words.count,
            licences=tuple(code.strip().lower() for code in words.licences.split(",")),
            min_side=words.min_side,
            api=words.api if words.api.endswith("/") else f"{words.api}/",
        )
        web_config = WebConfig(pause_s=words.pause_s, contact=words.contact)
        host = urllib.parse.urlsplit(words.api).hostname or ""
    except ValueError as error:
        raise UsageError(str(error)) from None
    # Whoever has a search of their own on their own machine has its pictures there too.
    web = Web(web_config, allow_local=words.api != API and is_local(host))
    queries = dict(map(_query, words.classes))
    return acquire_pictures(words.out, queries, web, config, report=_report)


def _query(word: str) -> tuple[str, str]:
    name, _, query = word.partition("=")
    return name, query.strip() or name.replace("_", " ")


def _clips(words: argparse.Namespace) -> Counter[str]:
    try:
        config = ClipsConfig(
            count=words.count, any_licence=words.any_licence, pause_s=words.pause_s
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    return acquire_clips(words.out, read_dcase(words.table).clips, Web(), config, report=_report)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data_pipeline.acquire",
        description="Fetch open media, with author, licence and source. Run it again to go on.",
    )
    kinds = parser.add_subparsers(dest="what", metavar="pictures|clips", required=True)

    pictures = kinds.add_parser("pictures", help="pictures of classes, by the search of Openverse")
    pictures.add_argument(
        "classes",
        metavar="CLASS[=QUERY]",
        nargs="+",
        help="dog_barking, or dog_barking='barking dog'",
    )
    pictures.add_argument("--out", metavar="DIR", type=Path, required=True)
    pictures.add_argument("--count", metavar="N", type=int, default=200, help="of each class")
    pictures.add_argument(
        "--licences",
        metavar="A,B",
        default=",".join(FREE_LICENCES),
        help=f"some of {', '.join(LICENCES)}; default %(default)s",
    )
    pictures.add_argument("--min-side", metavar="PIXELS", type=int, default=224)
    pictures.add_argument("--api", metavar="URL", default=API, help="default %(default)s")
    pictures.add_argument(
        "--pause-s", metavar="SECONDS", type=float, default=1.0, help="between two of one host"
    )
    pictures.add_argument(
        "--contact", metavar="ADDRESS", default="", help="your mail or page, told to the servers"
    )

    clips = kinds.add_parser("clips", help="clips of a published list, by yt-dlp")
    clips.add_argument("table", metavar="TABLE.tsv", type=Path, help="of data_pipeline.annotations")
    clips.add_argument("--out", metavar="DIR", type=Path, required=True)
    clips.add_argument("--count", metavar="N", type=int, help="at most so many")
    clips.add_argument("--pause-s", metavar="SECONDS", type=float, default=5.0)
    clips.add_argument(
        "--any-licence",
        action="store_true",
        help="also videos that are not Creative Commons: for you to know whether you may",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
