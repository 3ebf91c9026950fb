"""`python -m data_pipeline.annotations`: published annotations in, counts and a table out."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from data_pipeline.annotations.catalogue import READERS
from data_pipeline.annotations.collect import join
from data_pipeline.annotations.label_studio import read_label_studio
from data_pipeline.annotations.mapping import Mapped, map_clips
from data_pipeline.annotations.ontology import Ontology, read_ontology
from data_pipeline.annotations.records import Reading, Remark
from data_pipeline.annotations.survey import format_survey, survey
from data_pipeline.annotations.table import write_table
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import FoleyError

_EXAMPLES_OF_A_REASON = 2


class _Parser(argparse.ArgumentParser):
    """Tells a wrong word in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    words = _parser().parse_args(argv)
    try:
        if words.reader == "survey":
            for path in words.path:
                print(format_survey(survey(path)))
            return 0
        reading = _read(words)
        _print_reading(reading)
        clips = reading.clips
        if words.vocabulary:
            mapped = map_clips(clips, load_vocabulary(words.vocabulary), _ontology(words))
            _print_mapped(mapped, words.vocabulary)
            clips = mapped.clips
        if words.out:
            write_table(words.out, clips, overwrite=words.overwrite)
            print(f"wrote {words.out}")
    except FoleyError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever reads has seen enough (head, less); nothing more may go into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    readers = "\n".join(f"  {name:<14} {reader.about}" for name, reader in READERS.items())
    parser = _Parser(
        prog="python -m data_pipeline.annotations",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Read published annotations: what is in them, what was rejected and why.",
        epilog=f"readers:\n{readers}\n  {'survey':<14} every file of a folder of such sets",
    )
    choices = (*READERS, "survey")
    parser.add_argument("reader", metavar="READER", choices=choices, help="see below")
    parser.add_argument("path", metavar="PATH", nargs="+", type=Path, help="files or folders")
    parser.add_argument(
        "--vocabulary",
        metavar="NAME|FILE",
        help="name the events as the effects of a vocabulary, and list the classes that are none",
    )
    parser.add_argument(
        "--ontology",
        metavar="FILE",
        type=Path,
        help="AudioSet's ontology.json: an effect that names Dog gets Bark; taken from beside the "
        "files if it is there",
    )
    parser.add_argument("--out", metavar="FILE.tsv", type=Path, help="write all events as a table")
    parser.add_argument("--overwrite", action="store_true", help="replace the table if it is there")
    parser.add_argument(
        "--frame-rate",
        metavar="HZ",
        type=float,
        help="of the videos, for timelines of Label Studio that count frames",
    )
    return parser


def _read(words: argparse.Namespace) -> Reading:
    if words.reader == "label_studio":
        return join([read_label_studio(path, words.frame_rate) for path in words.path])
    return join([READERS[words.reader].read(path) for path in words.path])


def _ontology(words: argparse.Namespace) -> Ontology | None:
    if words.ontology:
        return read_ontology(words.ontology)
    folders = [path if path.is_dir() else path.parent for path in words.path]
    found = [f / "ontology.json" for f in folders if (f / "ontology.json").is_file()]
    return read_ontology(found[0]) if found else None


def _print_reading(reading: Reading) -> None:
    print(
        f"{reading.rows} rows: {reading.rows_read} read, {len(reading.rejected)} rejected; "
        f"{len(reading.clips)} clips, {sum(reading.names.values())} events, "
        f"{len({clip.source for clip in reading.clips})} sources"
    )
    _print_remarks("rejected", reading.rejected)
    _print_remarks("settled", reading.remarks)
    splits = Counter(clip.split or "none told" for clip in reading.clips)
    _print_counts("splits (clips)", splits)
    _print_counts("classes (events)", reading.names)


def _print_remarks(title: str, remarks: Sequence[Remark]) -> None:
    reasons = Counter(remark.reason for remark in remarks)
    for reason, count in reasons.most_common():
        print(f"{title}: {count} {'row' if count == 1 else 'rows'}: {reason}")
        examples = [remark for remark in remarks if remark.reason == reason]
        for remark in examples[:_EXAMPLES_OF_A_REASON]:
            line = f", line {remark.line}" if remark.line else ""
            print(f"  {remark.file}{line}: {remark.text}")


def _print_mapped(mapped: Mapped, vocabulary: str) -> None:
    _print_counts(f"effects of {vocabulary} (events)", mapped.mapped)
    _print_counts("classes that are no effect (events)", mapped.other)
    _print_counts("unmapped classes (events)", mapped.unmapped)


def _print_counts(title: str, counts: Mapping[str, int]) -> None:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    print(f"{title}: {len(ordered)}")
    for name, count in ordered:
        print(f"  {count:>7}  {name}")


if __name__ == "__main__":
    sys.exit(main())
