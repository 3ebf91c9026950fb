"""All readers by name: what `python -m data_pipeline.annotations READER` may be."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from data_pipeline.annotations import (
    audacity,
    audioset,
    ave,
    avvp,
    class_folders,
    dcase,
    epic_sounds,
    esc,
    greatest_hits,
    label_studio,
    tau_scenes,
    unav100,
    vggsound,
    visualsound,
)
from data_pipeline.annotations.records import Reading


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
    """A reader of one form, and the set that has it."""

    read: Callable[[Path], Reading]
    about: str


READERS = {
    "ave": Reader(read=ave.read_ave, about="AVE: Annotations.txt"),
    "avvp": Reader(read=avvp.read_avvp, about="LLP: AVVP_*.csv"),
    "vggsound": Reader(read=vggsound.read_vggsound, about="VGGSound: vggsound.csv, test.csv"),
    "visualsound": Reader(read=visualsound.read_visualsound, about="visualsound.csv"),
    "audioset": Reader(read=audioset.read_audioset, about="*_segments.csv, *_strong.tsv"),
    "greatest_hits": Reader(
        read=greatest_hits.read_greatest_hits, about="greatesthit.csv, *_times.txt"
    ),
    "epic_sounds": Reader(read=epic_sounds.read_epic_sounds, about="EPIC_Sounds_*.csv"),
    "dcase": Reader(read=dcase.read_dcase, about="filename onset offset event_label"),
    "tau_scenes": Reader(read=tau_scenes.read_tau_scenes, about="DCASE 2021 1B: meta.csv"),
    "esc": Reader(read=esc.read_esc, about="ESC-50, ESC-10: file names or esc50.csv"),
    "class_folders": Reader(
        read=class_folders.read_class_folders, about="ROOT/CLASS/[SOURCE/]FILE"
    ),
    "audacity": Reader(read=audacity.read_audacity, about="label tracks: *.txt"),
    "label_studio": Reader(read=label_studio.read_label_studio, about="exports: *.json"),
    "unav100": Reader(read=unav100.read_unav100, about="unav100_annotations.json"),
}
