"""Read and save one project of the desk: a folder `VIDEO.foley` with its cue list."""

import contextlib
import dataclasses
import json
import re
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from temporal_foley.cue_list import read_timeline, timeline_from_json, timeline_to_json
from temporal_foley.edits.keep import BEFORE_FILE
from temporal_foley.errors import CueListError, FoleyError
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.output import RUN_FILE, finish_interrupted, read_run, replace_file
from temporal_foley.files.reading import read_whole
from temporal_foley.pages.review import read_review
from temporal_foley.render import CUES_FILE, render_cue_list
from temporal_foley.session.export import EXPORT_FOLDER
from temporal_foley.sound.takes.library import Library, load_library
from temporal_foley.timeline import Provenance, Timeline

REVIEW_FILE = "review.html"
VIEW_FILE = "desk.json"
"""What is kept of the page beside the cue list: muted and solo lanes, and the tap latency."""
ALIVE_S = 8.0
"""A tab that asked for the state within this time is open."""
MOST_CUE_BYTES = 64 << 20
_MOST_VIEW_BYTES = 64 << 10
_TAB = re.compile(r"[0-9a-f]{16}")
_SHOWN = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".wav", ".png", ".csv", ".txt", ".tsv", ".html")
"""What is served of a project's folder."""


class ChangedOnDisk(FoleyError):
    """The cue list is not the one that the page read."""


@dataclasses.dataclass(kw_only=True)
class Project:
    """A folder with a cue list, and the tabs in which it is open."""

    id: str
    folder: Path
    lock: AbstractContextManager[bool] = dataclasses.field(default_factory=threading.Lock)
    tabs: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def cues(self) -> Path:
        """Its cue list."""
        return self.folder / CUES_FILE

    def read(self) -> tuple[Timeline, str]:
        """Return the cue list and the SHA-256 of its file."""
        with self.lock:
            finish_interrupted(self.folder)
            before = file_sha256(self.cues)
            timeline = read_timeline(self.cues)
        return timeline, before

    def digest(self) -> str:
        """Return the SHA-256 of the cue list's file; empty if it is gone."""
        with contextlib.suppress(FoleyError):
            return file_sha256(self.cues)
        return ""

    def save(self, text: str, base: str | None, library: Library) -> str:
        """Replace the cue list, keeping the old one as `cues.before.json`; returns its digest.

        Args:
            text: The new list.
            base: The digest of the list that was edited; None replaces whatever is there.
            library: What the desk offers takes of.

        Raises:
            CueListError: The list is wrong, or of another video.
            ChangedOnDisk: The list in the folder is not the one that was edited.
        """
        timeline = timeline_from_json(text)
        with self.lock:
            old = read_whole(self.cues) if self.cues.is_file() else b""
            if base is not None and self.digest() != base:
                raise ChangedOnDisk("was changed since this page read it", path=self.cues)
            if old:
                with contextlib.suppress(CueListError):
                    if read_timeline(self.cues).source.sha256 != timeline.source.sha256:
                        raise FoleyError("is a cue list of another video", path=self.cues)
            new = timeline_to_json(with_library(timeline, library)).encode("utf-8", "replace")
            if new != old:
                if old:
                    replace_file(self.cues.with_name(BEFORE_FILE), old)
                replace_file(self.cues, new)
            return self.digest()

    def render(self, library: Library, progress: Any) -> dict[str, Any]:
        """Render the cue list as it is now; returns the levels of the mix."""
        result = render_cue_list(self.cues, library=library, overwrite=True, progress=progress)
        return {"warnings": list(result.warnings), **self.levels()}

    def levels(self) -> dict[str, Any]:
        """Return what `run.json` says of the last mix, and the gain of effects in it."""
        run = read_run(self.folder)
        try:
            document = json.loads(read_whole(self.folder / RUN_FILE))
            levels = document.get("levels")
        except (OSError, ValueError, RecursionError, AttributeError):
            levels = None
        gain = None if run is None else run.mix_gain_db
        named = levels if isinstance(levels, dict) else {}
        names = ("loudness_lufs", "true_peak_dbtp", "limiter_db")
        return {"mix_gain_db": gain or 0.0, **{name: named.get(name) for name in names}}

    def page_data(self) -> dict[str, Any]:
        """Return the data of its review page, with the cue list as it is now.

        Raises:
            FoleyError: There is no page, or no cue list.
        """
        timeline, digest = self.read()
        data = read_review(self.folder / REVIEW_FILE)
        if data is None or data["cues"]["source"]["sha256"] != timeline.source.sha256:
            raise FoleyError("has to be rendered first", path=self.folder)
        data["cues"] = json.loads(timeline_to_json(timeline))
        data["mix_gain_db"] = self.levels()["mix_gain_db"]
        return data | {"desk": {"project": self.id, "digest": digest, "levels": self.levels()}}

    def file(self, name: str) -> Path | None:
        """Return a file of the folder that a page may have; None for any other name."""
        path = self.folder / name
        try:
            inside = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            return None
        relative = Path(name)
        parts = relative.parts
        is_plain = not relative.is_absolute() and all(not part.startswith(".") for part in parts)
        is_shown = path.suffix.lower() in _SHOWN or parts[:1] == (EXPORT_FOLDER,)
        if not (is_plain and is_shown and inside.is_relative_to(self.folder.resolve())):
            return None
        return inside if inside.is_file() else None

    # ---- what a page keeps while it is open

    def note_tab(self, tab: str) -> None:
        """Note that a tab is open."""
        self.tabs[tab] = time.monotonic()

    def keep_draft(self, tab: str, base: str, cues: Mapping[str, Any] | None) -> None:
        """Keep the unsaved edits of a tab beside the cue list; None drops them."""
        path = self._draft(tab)
        if cues is None:
            path.unlink(missing_ok=True)
            return
        replace_file(path, json.dumps({"base": base, "cues": cues}).encode())

    def left_draft(self, digest: str) -> dict[str, Any] | None:
        """Return the newest unsaved edits of this very list whose tab was closed, or None."""
        now = time.monotonic()
        alive = {tab for tab, seen in self.tabs.items() if now - seen < ALIVE_S}
        found: list[tuple[float, dict[str, Any]]] = []
        for path in self.folder.glob(".draft-*.json"):
            tab = path.stem.removeprefix(".draft-")
            if tab in alive or not _TAB.fullmatch(tab):
                continue
            try:
                document = json.loads(read_whole(path, MOST_CUE_BYTES))
                timeline_from_json(json.dumps(document["cues"]))
                if document["base"] == digest:
                    found.append((path.stat().st_mtime, {"tab": tab, "cues": document["cues"]}))
            except (OSError, ValueError, KeyError, TypeError, RecursionError, CueListError):
                continue
        return max(found, key=lambda one: one[0])[1] if found else None

    def view(self) -> dict[str, Any]:
        """Return what was kept of the page."""
        try:
            view = json.loads(read_whole(self.folder / VIEW_FILE, _MOST_VIEW_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return view if isinstance(view, dict) else {}

    def keep_view(self, view: Mapping[str, Any]) -> None:
        """Keep which lanes are muted or solo, and the tap latency."""
        lanes = {
            name: [one for one in view.get(name) or () if isinstance(one, str)][:1000]
            for name in ("mute", "solo")
        }
        latency = view.get("latency_ms")
        plain = {**lanes, "latency_ms": latency if isinstance(latency, int | float) else 0}
        replace_file(self.folder / VIEW_FILE, json.dumps(plain).encode())

    def _draft(self, tab: str) -> Path:
        if not _TAB.fullmatch(tab):
            raise FoleyError("not a tab of this page")
        return self.folder / f".draft-{tab}.json"


def with_library(timeline: Timeline, library: Library) -> Timeline:
    """Name the library in use in a list that was made with built-in takes alone, if it needs it."""
    has_files = any(cue.asset.kind == "file" for cue in timeline.cues)
    if not has_files or timeline.library.sha256 != load_library().sha256:
        return timeline
    own = Provenance(name=library.name, sha256=library.sha256)
    return dataclasses.replace(timeline, library=own)
