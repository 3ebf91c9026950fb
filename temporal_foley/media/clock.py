"""Join recordings that follow each other in one stream, where the clock starts again.

Transport and program streams have no index: files that were put one behind the other play as one
film. Each recording is moved to where the one before it ends, its sound with it.
"""

import array
import dataclasses
from collections.abc import Callable, Mapping
from fractions import Fraction

import av
import av.container
import numpy as np

# FFmpeg's flag for formats whose times may jump (AVFMT_TS_DISCONT).
_MAY_JUMP = 0x0200
BACK_S, AHEAD_S = Fraction(1, 10), Fraction(10)
"""Decoding times that go back by more, or ahead by more, are another clock."""
_NEAR_S = Fraction(2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clock:
    """How many ticks to add to the times of a stream's packets, from which packet on."""

    steps: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = ()
    """By stream index: the number of a packet that holds data, and the ticks from there on."""

    def of(self, stream_index: int) -> tuple[tuple[int, int], ...]:
        """Return the steps of one stream."""
        return dict(self.steps).get(stream_index, ())

    def mover(self, stream_index: int) -> Callable[[av.Packet], None]:
        """Return a function that corrects the packets of a stream, those with data, in order."""
        steps, count, ticks = list(self.of(stream_index)), 0, 0

        def move(packet: av.Packet) -> None:
            nonlocal count, ticks
            while steps and steps[0][0] <= count:
                ticks = steps.pop(0)[1]
            count += 1
            if ticks:
                packet.pts = None if packet.pts is None else packet.pts + ticks
                packet.dts = None if packet.dts is None else packet.dts + ticks

        return move


STEADY = Clock()


@dataclasses.dataclass
class StreamTimes:
    """Times of the packets of one stream, in the order of the file."""

    time_base: Fraction
    shown: array.array = dataclasses.field(default_factory=lambda: array.array("q"))
    decoded: array.array = dataclasses.field(default_factory=lambda: array.array("q"))
    ends: array.array = dataclasses.field(default_factory=lambda: array.array("q"))

    def add(self, packet: av.Packet) -> None:
        """Note the times of a packet; one without any goes on from the one before."""
        decoded = packet.dts if packet.dts is not None else packet.pts
        if decoded is None:
            decoded = self.decoded[-1] if self.decoded else 0
        shown = packet.pts if packet.pts is not None else decoded
        self.decoded.append(decoded)
        self.shown.append(shown)
        self.ends.append(shown + (packet.duration or 0))


def may_jump(container: av.container.InputContainer) -> bool:
    """Return whether the times of a format may start again."""
    return bool(container.format.flags & _MAY_JUMP)


def join_recordings(streams: Mapping[int, StreamTimes], video: int) -> tuple[Clock, list[Fraction]]:
    """Return the clock that makes one film of several recordings, and where they meet in seconds.

    Args:
        streams: Times by stream index.
        video: Index of the picture's stream.
    """
    main = streams[video]
    parts = _parts(main)
    if len(parts) < 2:
        return STEADY, []
    shifts, spans, seams = [Fraction(0)], [], []
    end = Fraction(0)
    first = min(main.shown[slice(*parts[0])]) * main.time_base
    for number, (begin, stop) in enumerate(parts):
        least = min(main.shown[begin:stop]) * main.time_base
        most = _end(main, begin, stop) * main.time_base
        spans.append((least, most))
        if number:
            shifts.append(end - least)
            seams.append(end - first)
        end = most + shifts[-1]
    steps = [(video, tuple(_steps(parts, shifts, main.time_base)))]
    for index, times in streams.items():
        if index == video or not len(times.decoded):
            continue
        own = _parts(times)
        chosen, at = [], 0
        for begin, stop in own:
            least = min(times.shown[begin:stop]) * times.time_base
            most = max(times.ends[begin:stop]) * times.time_base
            meets = [
                number
                for number in range(at, len(spans))
                if least < spans[number][1] + _NEAR_S and most > spans[number][0] - _NEAR_S
            ]
            at = meets[0] if meets else min(at, len(spans) - 1)
            chosen.append(shifts[at])
            at += 1
        steps.append((index, tuple(_steps(own, chosen, times.time_base))))
    return Clock(steps=tuple(steps)), seams


def _end(times: StreamTimes, begin: int, stop: int) -> int:
    """Return when the last picture of a recording ends, whether or not its packet says so."""
    shown = np.sort(np.array(times.shown[begin:stop], np.int64))
    step = int(np.median(np.diff(shown))) if len(shown) > 1 else 0
    end = max(times.ends[begin:stop])
    return end if end > shown[-1] else int(shown[-1]) + step


def _parts(times: StreamTimes) -> list[tuple[int, int]]:
    """Return begin and end of the packets of each recording."""
    decoded = np.array(times.decoded, np.int64)
    back, ahead = (int(limit / times.time_base) for limit in (BACK_S, AHEAD_S))
    step = np.diff(decoded)
    begins, wrong = [0], -1
    for place in map(int, np.flatnonzero((step < -back) | (step > ahead)) + 1):
        new, later = decoded[place], decoded[place + 1 : place + 4]
        # One wrong time among right ones is damage, not another clock.
        if wrong == place - 1 >= 1 and -back <= new - decoded[place - 2] <= ahead:
            continue
        if len(later) and bool(np.all(np.abs(later - new) > ahead)):
            wrong = place
            continue
        ahead_of_last = later - decoded[place - 1]
        is_past = len(later) > 0 and new < decoded[place - 1]
        if is_past and bool(np.all((ahead_of_last > 0) & (ahead_of_last < ahead))):
            wrong = place
            continue
        begins.append(place)
    return list(zip(begins, [*begins[1:], len(decoded)], strict=True))


def _steps(
    parts: list[tuple[int, int]], shifts: list[Fraction], time_base: Fraction
) -> list[tuple[int, int]]:
    return [
        (begin, round(shift / time_base)) for (begin, _), shift in zip(parts, shifts, strict=True)
    ]
