"""Check memory, time and drift of `generate`, export and review page on long films.

The film is painted: variable rate, a shot of one colour every 1.44 s (5,000 in two hours), a click
in its own sound every minute. Each case compares a film with a shorter one; each is made and
processed in processes of their own, so that their memory is theirs.
"""

import json
import math
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.campaigns.driver import Campaign, Trial
from tests.detectors import BLACK, COLOURS, colour_detector, painted
from tests.factories import stem_path

MINUTES = ((1.0, 3.0), (7.5, 120.0))
"""Lengths of the two films of each case."""
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
"""Between the two films; of each picture, probabilities and positions are kept in memory."""


def attempt(trial: Trial) -> None:
    """Process two films, and compare their memory and time."""
    films = MINUTES[trial.number]
    trial.what = f"films of {films[0]:g} and {films[1]:g} minutes"
    measured = []
    for minutes in films:
        folder = trial.folder / f"film_{minutes:g}"
        _apart(make_film, folder, minutes, trial.seed)
        _apart(process_film, folder, minutes, trial.seed)
        found = json.loads((folder / "measured.json").read_text())
        trial.faults += [f"{minutes:g} minutes: {came}" for came in found.pop("wrong")]
        trial.most |= {f"{minutes:g} minutes, {key}": value for key, value in found.items()}
        measured.append(found)
    grown = measured[1]["MiB"] - measured[0]["MiB"]
    power = math.log(measured[1]["seconds"] / measured[0]["seconds"]) / math.log(
        films[1] / films[0]
    )
    trial.most["time grows as length to the power of"] = power
    if grown > MOST_GROWTH_MIB:
        trial.faults.append(f"the longer film needs {grown:.0f} MiB more memory")


def _apart(work: Callable[[Path, float, int], None], *args: object) -> None:
    """Do a work in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=args)
    process.start()
    process.join()
    if process.exitcode:
        raise AssertionError(f"{work.__name__} ended with exit code {process.exitcode}")


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
    """Return the picture of a shot."""
    return STRIKING[shot % len(STRIKING)]


def make_film(folder: Path, minutes: float, seed: int) -> None:
    """Write the film, picture by picture, a second of sound beside each second of them."""
    import av

    times = picture_times(minutes, seed)
    shots = [shot_of(when) for when in times]
    colours = [COLOURS[effect_of(n)] if shown else BLACK for n, shown in shots]
    paint = painted(*((1, colour) for colour in colours), rate=1, size=SIZE)["picture"]
    folder.mkdir(parents=True)
    base = Fraction(1, 1000)
    with av.open(str(folder / "film.mkv"), "w", format="matroska") as film:
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


def process_film(folder: Path, minutes: float, seed: int) -> None:
    """Generate and export in this process; write what it took and what is wrong."""
    from temporal_foley import DetectionSettings, Foley
    from temporal_foley.session.export import export_cues
    from temporal_foley.sound.takes.library import load_library
    from temporal_foley.spotting.events import DecodingConfig

    began = time.perf_counter()
    settings = DetectionSettings(
        frame_rate=Fraction(GRID_RATE), decoding=DecodingConfig(smoothing="none")
    )
    foley = Foley(colour_detector(), load_library())
    outcome = foley.generate(folder / "film.mkv", None, settings)
    export_cues(outcome.folder / "cues.json", FORMATS)
    seconds = time.perf_counter() - began
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    drift, wrong = judge(outcome.folder, picture_times(minutes, seed))
    found = {
        "cues": len(outcome.cues),
        "seconds": seconds,
        "MiB": peak_mib,
        "samples of drift": drift,
        "wrong": wrong,
    }
    (folder / "measured.json").write_text(json.dumps(found))


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
    with soundfile.SoundFile(stem_path(folder, "glass_breaking")) as stem:
        stem.seek(start)
        heard = stem.read(len(wanted) + 2000, always_2d=True).mean(axis=1)
    return abs(int(np.argmax(np.correlate(heard, wanted, "valid"))) - 1000)


def _original_drift(folder: Path) -> int:
    """Find the last click of the video's own sound in its stem."""
    import soundfile

    with soundfile.SoundFile(stem_path(folder, "original")) as stem:
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


CAMPAIGN = Campaign(attempt=attempt, full=2, is_list=True, short=(), long=(0,))
