"""Measure the loudness, its range, and the true peak of a stream of sound.

Loudness follows EBU R 128 and ITU-R BS.1770-4, as implemented by libavfilter's `ebur128`.
"""

import math
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
from av.audio.layout import AudioLayout
from av.filter import Graph
from jaxtyping import Float

from temporal_foley.timegrid import SAMPLE_RATE_HZ

LOUDNESS_PRESETS = {
    "r128": -23.0,
    "atsc": -24.0,
    "netflix": -27.0,
    "podcast": -16.0,
    "streaming": -14.0,
}
"""Integrated loudness in LUFS: EBU R 128; ATSC A/85; Netflix; spoken word; music streaming."""

HOP = SAMPLE_RATE_HZ // 10
"""Samples from one gating block to the next; each block is four hops long."""

GATE_LUFS = -70.0
"""The absolute gate: quieter blocks are not counted."""

PEAK_STEP = 0.001
"""The meter reports peaks as linear values rounded to this step."""

_WINDOW = 4 * HOP


_SHORT_TERM = 30 * HOP


class LoudnessMeter:
    """A meter for blocks of sound at 48 kHz, in stereo or in another layout of FFmpeg's.

    Sound shorter than one gating block (0.4 s), which the standard does not cover, is measured as
    if silence followed. True peaks are 4-fold oversampled and take about half of the time.
    """

    def __init__(self, *, true_peak: bool = True, layout: str = "stereo"):
        self._layout = layout
        self._channels = AudioLayout(layout).nb_channels
        peak = "true" if true_peak else "none"
        self._graph = Graph()
        source = self._graph.add_abuffer(
            format="flt",
            sample_rate=SAMPLE_RATE_HZ,
            layout=layout,
            time_base=Fraction(1, SAMPLE_RATE_HZ),
        )
        meter = self._graph.add("ebur128", f"metadata=1:peak={peak}:framelog=quiet")
        sink = self._graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        self._graph.configure()
        self._samples = 0
        self._unheard = _WINDOW
        self._integrated = -math.inf
        self._peak = 0.0
        self._range = 0.0
        self._short_term = -math.inf

    def push(self, block: Float[np.ndarray, "samples channels"]) -> None:
        """Measure the next block."""
        if not len(block):
            return
        packed = np.ascontiguousarray(block, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._samples
        self._samples += len(block)
        self._graph.push(frame)
        while True:
            try:
                measured = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            self._integrated = float(measured.metadata.get("lavfi.r128.I", -math.inf))
            self._peak = float(measured.metadata.get("lavfi.r128.true_peak", self._peak))
            self._range = float(measured.metadata.get("lavfi.r128.LRA", 0.0))
            # A window that is not full counts as if silence came before: never as too loud.
            now = float(measured.metadata.get("lavfi.r128.S", -math.inf))
            self._short_term = max(self._short_term, now)

    def range_lu(self) -> float | None:
        """Return the loudness range in LU (EBU Tech 3342) up to now; None under three seconds."""
        return self._range if self._samples >= _SHORT_TERM else None

    def short_term_lufs(self) -> float | None:
        """Return the highest short-term loudness up to now; None if silent or under 3 seconds."""
        is_measured = self._samples >= _SHORT_TERM and self._short_term > GATE_LUFS
        return self._short_term if is_measured else None

    def finish(self) -> tuple[float | None, float | None]:
        """Return loudness in LUFS and true peak in dBTP; None if silent or not measured.

        Call it once, at the end of the stream.
        """
        if self._samples < _WINDOW:
            self.push(np.zeros((_WINDOW - self._samples, self._channels), np.float32))
        integrated = self._integrated
        # The filter reports once per hop: fill the last one, so that its peak counts.
        rest = HOP + -self._samples % HOP
        self.push(np.zeros((rest, self._channels), np.float32))
        loudness = integrated if integrated > GATE_LUFS else None
        return loudness, 20.0 * math.log10(self._peak) if self._peak > 0.0 else None


def measure(
    blocks: Iterable[Float[np.ndarray, "_ 2"]], *, true_peak: bool = True
) -> tuple[float | None, float | None]:
    """Return integrated loudness in LUFS and true peak in dBTP of a stream."""
    meter = LoudnessMeter(true_peak=true_peak)
    for block in blocks:
        meter.push(block)
    return meter.finish()
