"""A long film: lengths in; memory, time and drift of generate, export and review out.

The film is painted: variable rate, a shot of one colour every 1.44 s (some 5,000 in two hours), a
click in its own sound every minute. Case `k` is a film of `MINUTES[k]`. Each is made and worked on
in processes of their own, so that their memory is theirs.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.campaigns import Failure, Result
from tests.campaigns.painted import BLACK, COLOURS, ColourDetector, painter

MINUTES = (7.5, 120.0)
FULL = len(MINUTES)
SHOT_S = Fraction(36, 25)
SHOWN_S = Fraction(9, 10)
"""How long a shot's colour is shown; the rest of the shot is black."""
STRIKING = ("glass_breaking", "door_opening", "water_drop", "high_heels")
SIZE = (64, 36)
RATE_HZ = 48_000
GRID_RATE = 5
SOUND_RATE_HZ = 16_000
FORMATS = ("reaper", "otio", "fcp7", "dawproject", "audacity", "csv", "vtt")
MOST_DRIFT_SAMPLES = 1
MOST_GROWTH_MIB = 100.0
"""Beside the shortest film of a run; what is kept of a picture is its probabilities and places."""
_SAMPLED_EVERY_S = 0.25
_ROOT = Path(__file__).parents[2]
_MODULE = "tests.campaigns.long_film"


def run(cases: Sequence[int], seed: int, folder: Path) -> Result:
    """Work on films of growing length; report what each stage took."""
    chosen = [case for case in cases if 0 <= case < len(MINUTES)]
    return measure({case: MINUTES[case] for case in chosen}, seed, folder)


def measure(films: dict[int, float], seed: int, folder: Path) -> Result:
    """Work on films of these lengths in minutes."""
    failures: list[Failure] = []
    told: dict[str, object] = {}
    measured: list[dict] = []
    for case, minutes in films.items():
        what = f"a film of {minutes:g} minutes"
        place = folder / f"film_{minutes:g}"
        done = subprocess.run(
            [sys.executable, "-m", _MODULE, str(place), str(minutes), str(seed)],
            cwd=_ROOT,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            came = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
            failures.append(Failure(case=case, what=what, came=came))
            continue
        found = json.loads((place / "measured.json").read_text())
        measured.append(found)
        failures += [Failure(case=case, what=what, came=came) for came in found["wrong"]]
        grown = found["peak_mib"] - measured[0]["peak_mib"]
        if grown > MOST_GROWTH_MIB:
            came = f"peak memory grows by {grown:.0f} MiB beside the shortest film"
            failures.append(Failure(case=case, what=what, came=came))
        told[what] = (
            f"{found['cues']} cues, {found['seconds']:.1f} s, peak {found['peak_mib']:.0f} MiB, "
            f"drift {found['drift_samples']} samples, stages {found['stages']}"
        )
    if len(measured) > 1:
        lengths, seconds = ([math.log(m[key]) for m in measured] for key in ("minutes", "seconds"))
        told["time grows as length to the power of"] = round(np.polyfit(lengths, seconds, 1)[0], 2)
    (folder / "measured.json").write_text(json.dumps(measured))
    return Result(count=len(films), failures=failures, figures=told)


def picture_times(minutes: float, seed: int) -> list[Fraction]:
    """Return the times of pictures, in whole milliseconds, 160 to 240 ms apart."""
    rng = np.random.default_rng((seed, 12))
    steps = 160 + 20 * rng.integers(0, 5, round(minutes * 300))
    ends = np.concatenate([[0], np.cumsum(steps)])
    return [Fraction(int(end), 1000) for end in ends if end < minutes * 60_000]


def shot_of(when: Fraction) -> tuple[int, bool]:
    """Return the number of the shot at a time, and whether its colour is shown."""
    number = int(when // SHOT_S)
    return number, when - number * SHOT_S < SHOWN_S


def effect_of(shot: int) -> str:
    """Return what is seen in a shot."""
    return STRIKING[shot % len(STRIKING)]


def make_film(path: Path, minutes: float, seed: int) -> None:
    """Write the film, picture by picture, a second of sound beside each second of them."""
    import av

    times = picture_times(minutes, seed)
    shots = [shot_of(when) for when in times]
    colours = [COLOURS[effect_of(n)] if shown else BLACK for n, shown in shots]
    paint = painter(colours, SIZE)
    base = Fraction(1, 1000)
    with av.open(str(path), "w", format="matroska") as film:
        video = film.add_stream("libx264", rate=5, options={"preset": "ultrafast", "g": "50"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.time_base = base
        track = film.add_stream("pcm_s16le", rate=SOUND_RATE_HZ, layout="mono")
        second = 0
        for number, when in enumerate(times):
            while second <= when:
                samples = np.zeros((1, SOUND_RATE_HZ), np.int16)
                if second % 60 == 59:
                    samples[0, SOUND_RATE_HZ // 2] = 16_000
                sound = av.AudioFrame.from_ndarray(samples, "s16", "mono")
                sound.sample_rate, sound.pts = SOUND_RATE_HZ, second * SOUND_RATE_HZ
                film.mux(track.encode(sound))
                second += 1
            picture = av.VideoFrame.from_ndarray(paint(number), format="rgb24")
            picture.time_base, picture.pts = base, int(when / base)
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
        film.mux(track.encode(None))


def work_on(folder: Path, minutes: float, seed: int) -> dict:
    """Make all of a film in this process, and judge it."""
    from temporal_foley.foley import DetectionSettings, Foley
    from temporal_foley.session.export import export_cues
    from temporal_foley.sound.takes.library import load_library
    from temporal_foley.spotting.events import DecodingConfig

    folder.mkdir(parents=True, exist_ok=True)
    film = folder / "film.mkv"
    maker = [sys.executable, "-m", _MODULE, str(folder), str(minutes), str(seed), "--film"]
    subprocess.run(maker, check=True, cwd=_ROOT)
    watch = _Watch()
    began = time.perf_counter()
    with watch:
        foley = Foley(ColourDetector(), load_library())
        settings = DetectionSettings(
            frame_rate=Fraction(GRID_RATE), decoding=DecodingConfig(smoothing="none")
        )
        outcome = foley.generate(film, None, settings, overwrite=True, progress=watch.tell)
        cues = outcome.folder / "cues.json"
        export_cues(cues, FORMATS, overwrite=True, progress=watch.tell)
    seconds = time.perf_counter() - began
    drift, wrong = judge(outcome.folder, picture_times(minutes, seed))
    return {
        "minutes": minutes,
        "cues": outcome.cues,
        "seconds": seconds,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "stages": {name: round(value, 1) for name, value in watch.stages().items()},
        "curve": watch.curve,
        "drift_samples": drift,
        "wrong": wrong,
    }


class _Watch:
    """While open, notes now and then the memory of this process and the stage it is in."""

    def __init__(self):
        self.curve: list[tuple[float, float, str]] = []
        self.stage = "load"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._began = time.perf_counter()

    def tell(self, stage: str, part: float) -> None:
        del part
        self.stage = stage

    def stages(self) -> dict[str, float]:
        """Return how many seconds each stage was seen."""
        counts = dict.fromkeys((stage for _, _, stage in self.curve), 0)
        for _, _, stage in self.curve:
            counts[stage] += 1
        return {stage: count * _SAMPLED_EVERY_S for stage, count in counts.items()}

    def _look(self) -> None:
        page_mib = resource.getpagesize() / 2**20
        while not self._ended.wait(_SAMPLED_EVERY_S):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            now = time.perf_counter() - self._began
            self.curve.append((round(now, 2), round(pages * page_mib, 1), self.stage))

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()


def judge(folder: Path, times: Sequence[Fraction]) -> tuple[int, list[str]]:
    """Return how far the end is from where it should be, in samples, and what is wrong."""
    from temporal_foley.cue_list import read_timeline

    wrong: list[str] = []
    timeline = read_timeline(folder / "cues.json")
    met = {cue.picture_sample for cue in timeline.cues}
    missed = [shot for shot, told in beginnings(times).items() if not met & told]
    if missed:
        wrong.append(f"{len(missed)} shots are not met to the sample, first shot {missed[0]}")
    drifts = [_sound_drift(folder, timeline), _original_drift(folder), _muxed_drift(folder)]
    last = max(cue.onset_sample for cue in timeline.cues)
    for starts in _session_starts(folder / "export"):
        if len(starts) != len(timeline.cues):
            wrong.append(f"{len(starts)} of {len(timeline.cues)} cues in a session")
        drifts.append(round(abs(max(starts) - last)))
    wrong += _review_faults(folder, len(timeline.cues))
    drift = max(drifts)
    if drift > MOST_DRIFT_SAMPLES:
        wrong.append(f"the end is off by samples {drifts} (stem, original, muxed, otio, reaper)")
    return drift, wrong


def beginnings(times: Sequence[Fraction]) -> dict[int, set[int]]:
    """Return the samples at which each shot may be met.

    They are the time of its first picture, as a cut is seen, and the first time of the grid at
    which that picture is shown; a sample beside them is as good.
    """
    pictures: dict[int, Fraction] = {}
    for when in times:
        shot, shown = shot_of(when)
        if shown:
            pictures.setdefault(shot, when)
    found = {}
    for shot, when in pictures.items():
        on_grid = Fraction(math.ceil(when * GRID_RATE), GRID_RATE)
        places = [round(time * RATE_HZ) for time in (when, on_grid)]
        found[shot] = {place + off for place in places for off in (-1, 0, 1)}
    return found


def _sound_drift(folder: Path, timeline) -> int:
    """Compare where the last glass breaks in its stem with where its take should."""
    import soundfile

    from temporal_foley.sound.takes.library import load_library

    cue = [cue for cue in timeline.cues if cue.effect == "glass_breaking"][-1]
    take = load_library().read(cue.asset).samples[cue.source_start : cue.source_end]
    wanted = take[: RATE_HZ // 2].mean(axis=1)
    start = cue.onset_sample - 1000
    with soundfile.SoundFile(folder / "stems" / "glass_breaking.wav") as stem:
        stem.seek(start)
        heard = stem.read(len(wanted) + 2000, always_2d=True).mean(axis=1)
    return abs(int(np.argmax(np.correlate(heard, wanted, "valid"))) - 1000)


def _original_drift(folder: Path) -> int:
    """Find the last click of the video's own sound in its stem."""
    import soundfile

    with soundfile.SoundFile(folder / "stems" / "original.wav") as stem:
        minute = stem.frames // (60 * RATE_HZ)
        wanted = minute * 60 * RATE_HZ - RATE_HZ // 2
        stem.seek(wanted - 1000)
        heard = np.abs(stem.read(2000, always_2d=True)).max(axis=1)
    return abs(int(heard.argmax()) - 1000)


def _muxed_drift(folder: Path) -> int:
    """Compare the last half minute of the video's new sound with the mix."""
    import av
    import soundfile

    mix, _ = soundfile.read(folder / "mix.wav", start=-20 * RATE_HZ, always_2d=True)
    frames = soundfile.info(folder / "mix.wav").frames
    begin = frames - len(mix)
    heard = np.zeros(len(mix) + RATE_HZ)
    (muxed,) = (path for path in folder.glob("film.*"))
    with av.open(str(muxed)) as film:
        track = film.streams.audio[0]
        film.seek(int((begin / RATE_HZ - 2) / track.time_base), stream=track)
        for frame in film.decode(track):
            place = round(frame.pts * frame.time_base * RATE_HZ) - begin
            samples = frame.to_ndarray()
            if not frame.format.is_planar:
                samples = samples.reshape(-1, len(frame.layout.channels)).T
            samples = samples.astype(np.float64).mean(axis=0)
            first, last = max(0, place), min(len(heard), place + len(samples))
            if first < last:
                heard[first:last] = samples[first - place : last - place]
    wanted = mix.mean(axis=1)
    # Of both, what is away from the cut ends.
    lags = range(-64, 65)
    middle = slice(RATE_HZ, len(wanted) - RATE_HZ)
    likeness = [np.dot(np.roll(heard, -lag)[: len(wanted)][middle], wanted[middle]) for lag in lags]
    return abs(lags[int(np.argmax(likeness))])


def _session_starts(folder: Path) -> Iterator[list[Fraction]]:
    """Read the sessions with other libraries; yield where their clips begin, in samples."""
    import opentimelineio as otio
    import rpp

    (path,) = folder.glob("*.otio")
    timeline = otio.adapters.read_from_file(str(path))
    starts = [
        places[clip].start_time
        for track in timeline.audio_tracks()
        for places in [track.range_of_all_children()]
        for clip in track.find_clips()
    ]
    yield [Fraction(time.value) / Fraction(time.rate) * RATE_HZ for time in starts]
    (path,) = folder.glob("*.rpp")
    items = rpp.loads(path.read_text("utf-8")).iterfind(".//ITEM")
    sounds = [item for item in items if item.find("SOURCE").attrib[0] != "VIDEO"]
    yield [Fraction(item.find("POSITION")[1]) * RATE_HZ for item in sounds]


def _review_faults(folder: Path, cues: int) -> list[str]:
    """Read the page's own copy of the cue list."""
    page = (folder / "review.html").read_text("utf-8")
    data = page.partition('id="data"')[2].partition(">")[2].partition("</script>")[0]
    carried = sum(len(track["cues"]) for track in json.loads(data)["cues"]["tracks"])
    return [] if carried == cues else [f"the review page carries {carried} of {cues} cues"]


def draw(measured: Sequence[dict], path: Path) -> None:
    """Draw memory over time for each film, and time over length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    memory, length = figure.subplots(1, 2)
    for film in measured:
        seconds = np.array([point[0] for point in film["curve"]])
        mib = [point[1] for point in film["curve"]]
        memory.plot(seconds / film["seconds"], mib, label=f"{film['minutes']:g} min")
    memory.set(xlabel="part of the run", ylabel="memory (MiB)", ylim=(0, None), title="Memory")
    memory.legend(fontsize=8)
    minutes = [film["minutes"] for film in measured]
    length.plot(minutes, [film["seconds"] for film in measured], "o-", label="measured")
    slowest = max(film["seconds"] / film["minutes"] for film in measured)
    length.plot([0, max(minutes)], [0, slowest * max(minutes)], ":", label="in proportion")
    length.set(xlabel="film (min)", ylabel="generate and export (s)", title="Time")
    length.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("folder", type=Path)
    words.add_argument("minutes", type=float)
    words.add_argument("seed", type=int)
    words.add_argument("--film", action="store_true", help="only write the film")
    words.add_argument("--draw", type=Path, help="draw what a campaign measured in the folder")
    said = words.parse_args()
    if said.draw:
        draw(json.loads((said.folder / "measured.json").read_text()), said.draw)
    elif said.film:
        make_film(said.folder / "film.mkv", said.minutes, said.seed)
    else:
        found = work_on(said.folder, said.minutes, said.seed)
        (said.folder / "measured.json").write_text(json.dumps(found))


if __name__ == "__main__":
    _main()
