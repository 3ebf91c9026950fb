"""Measure how well placed hits meet the hits in a video's own sound.

    python benchmarks/hits.py CLIPS --truth CLIPS/hits.tsv [benchmarks/detection/hits_more.tsv]
    python benchmarks/hits.py CLIPS --truth CLIPS/hits.tsv --draw DIR   # pictures to check them by

A truth table has the columns `file` (below CLIPS), `effect` and `hits` (seconds). Four ways are
compared: `sound`, hits aligned with the clip's own sound; `picture`, with the sound left out;
`librosa`, its plain peak picker on the sound (the one of ten lines: mel onset strength, a quarter
of the maximum, 60 ms apart); `chance`, as many hits as the truth has at random, mean of 200 draws.
Effects of the shipped vocabulary are detected by the shipped model; for the others, which it does
not know, an event over the whole clip is given. Printed: F1 at 50 and 100 ms by clip and effect,
signed errors (early below 0), and the rank correlation of placed strengths with those of the sound.
Last, that of the impacts which the picture shows at true hits that strike, within clips.
"""

import argparse
import csv
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

from temporal_foley.effects import Effect, Vocabulary, load_vocabulary
from temporal_foley.media.audio import read_audio
from temporal_foley.media.close_up import close_ups
from temporal_foley.media.video import VideoInfo, probe_video
from temporal_foley.models.audio.sound_evidence import analyse_sound
from temporal_foley.models.by_name import load_detector
from temporal_foley.spotting.close_look import Glimpses, look_closely
from temporal_foley.spotting.motion import impacts, measure_motion
from temporal_foley.spotting.own_sound.align import align_with_sound
from temporal_foley.spotting.own_sound.attacks import attack_of
from temporal_foley.spotting.own_sound.evidence import SoundEvidence
from temporal_foley.spotting.own_sound.onset_strength import FRAME_S, band_slice, total_level
from temporal_foley.spotting.sync import meet_picture, stretches_to_watch
from temporal_foley.stages import DetectionSettings, tag_video
from temporal_foley.timegrid import TimeGrid, to_sample
from temporal_foley.timeline import Event

RATE_HZ = 32_000
DRAWS = 200
STRIKES = {
    "hammering": ("TOOLHmmr", ("Hammer", "Clang", "Tools")),
    "impact_metal": ("METLImpt", ("Clang", "Ding", "Tap", "Whack, thwack", "Bouncing")),
    "chopping": ("FOODKtch", ("Chopping (food)", "Chop", "Tap", "Thump, thud")),
    "billiard_balls": ("GAMEMisc", ("Tap", "Clicking", "Crack", "Whack, thwack")),
    "gunshot": ("GUNMisc", ("Gunshot, gunfire", "Machine gun", "Artillery fire", "Cap gun")),
    "sneezing": ("HMNSneez", ("Sneeze", "Cough")),
    "coughing": ("HMNCough", ("Cough", "Throat clearing")),
    "drum": ("MUSCPerc", ("Drum", "Snare drum", "Percussion", "Drum kit", "Tabla", "Wood block")),
    "footsteps": ("FEETHmn", ("Walk, footsteps", "Run", "Crunch")),
    "fireworks": ("FRWKComr", ("Fireworks", "Firecracker", "Explosion", "Burst, pop", "Boom")),
    "baby_crying": ("VOXBaby", ("Baby cry, infant cry", "Crying, sobbing")),
}
"""Effects of truth tables that no shipped vocabulary has: UCS category, AudioSet names."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--truth", type=Path, nargs="+", required=True)
    parser.add_argument("--draw", type=Path, metavar="DIR", help="only draw the truth, into DIR")
    parser.add_argument("--only", default="", help="clips whose path contains this")
    parser.add_argument("--no-picture", action="store_true", help="only what needs the sound")
    given = parser.parse_args(words)
    truth = [row for table in given.truth for row in read_truth(table) if given.only in row[0]]
    vocabulary = extended_vocabulary()
    if given.draw:
        given.draw.mkdir(parents=True, exist_ok=True)
        for file, effect, hits in truth:
            draw(given.clips / file, effect, hits, given.draw)
        return
    scores: dict[str, dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    detector = None if given.no_picture else load_detector("")
    shown: list[np.ndarray] = []
    print("clip effect hits way F1_50 F1_100 early late rho cpu_s".replace(" ", "\t"))
    for file, effect, hits in truth:
        info = probe_video(given.clips / file)
        start = time.process_time()
        sound = evidence_of(info, vocabulary)
        cost = time.process_time() - start
        events = [whole_clip(info, effect)]
        seen = None
        if detector is not None and effect in detector.vocabulary.names:
            glimpses = Glimpses()
            settings = DetectionSettings(only=(effect,))
            tags = tag_video(info, detector, settings, glimpses=glimpses)
            events, _ = look_closely(info, tags.events, tags.seen, glimpses)
            seen = list(events)
        elif detector is not None:
            seen = seen_events(info, events, vocabulary)
        ways = {"sound": ([], [])}
        if sound is not None:
            aligned = [e for e in align_with_sound(list(events), sound) if e.effect == effect]
            ways["sound"] = (
                [hit for event in aligned for hit in placed_hits(event, vocabulary[effect])],
                [s for event in aligned for s in event.strengths_db],
            )
        if seen is not None:
            ways["picture"] = (
                [hit for event in seen for hit in placed_hits(event, vocabulary[effect])],
                [s for event in seen for s in event.strengths_db],
            )
        ways["librosa"] = (librosa_hits(info), [])
        for way, (placed, strengths) in ways.items():
            row = compare(hits, placed)
            scores[effect][way].append(row)
            rho = rank_correlation(hits, placed, strengths, sound, vocabulary[effect])
            errors = signed_errors(hits, placed, 0.1)
            early, late = np.percentile(errors, [5, 95]) * 1e3 if len(errors) else (np.nan,) * 2
            cells = [Path(file).stem[:24], effect, len(hits), way, f"{f1(row[:3]):.2f}"]
            cells += [f"{f1(row[3:]):.2f}", f"{early:.0f}", f"{late:.0f}", f"{rho:.2f}"]
            print(
                "\t".join(map(str, [*cells, f"{cost:.1f}" if way == "sound" else ""])), flush=True
            )
        if sound is not None and detector is not None and is_struck(vocabulary[effect]):
            shown.append(impacts_and_levels(info, hits, sound, vocabulary[effect]))
        scores[effect]["chance"].append(chance(hits, float(info.duration)))
    if shown:
        both = np.concatenate([rows - rows.mean(axis=0) for rows in shown])
        slope = float(both[:, 0] @ both[:, 1] / (both[:, 0] @ both[:, 0]))
        rho = float(spearmanr(both[:, 0], both[:, 1]).statistic)
        print(
            f"\nimpacts of {len(both)} hits that strike: rho {rho:.2f}, slope {slope:.2f} dB a dB"
        )
    print("\neffect\tway\tF1_50\tF1_100")
    for effect in [*scores, "all"]:
        for way in ("sound", "picture", "librosa", "chance"):
            chosen = scores.values() if effect == "all" else [scores[effect]]
            rows = [row for one in chosen for row in one.get(way, [])]
            if rows:
                total = np.sum(rows, axis=0)
                print(f"{effect}\t{way}\t{f1(total[:3]):.2f}\t{f1(total[3:]):.2f}")


def read_truth(table: Path) -> list[tuple[str, str, list[float]]]:
    """Read a truth table: file, effect and seconds."""
    with table.open(encoding="utf-8") as rows:
        lines = [line for line in rows if not line.startswith("#")]
        return [
            (row["file"], row["effect"], sorted(map(float, row["hits"].split())))
            for row in csv.DictReader(lines, delimiter="\t")
        ]


def extended_vocabulary() -> Vocabulary:
    """Return the shipped vocabulary with the effects of `STRIKES` behind its own."""
    shipped = load_vocabulary()
    more = tuple(
        Effect(name=name, kind="one_shot", bus="hard_effects", ucs=ucs, audioset=names)
        for name, (ucs, names) in STRIKES.items()
    )
    return Vocabulary(name="hits", effects=(*shipped.effects, *more))


def evidence_of(info: VideoInfo, vocabulary: Vocabulary) -> SoundEvidence | None:
    """Analyse the clip's own sound."""
    blocks = read_audio(info, sample_rate_hz=RATE_HZ, channels=1)
    if blocks is None:
        return None
    samples = to_sample(info.duration, RATE_HZ)
    return analyse_sound((block[:, 0] for block in blocks), vocabulary, samples)


def analysed(sound: np.ndarray, vocabulary: Vocabulary) -> SoundEvidence:
    """Analyse a sound that is not silent, mono at 32 kHz."""
    evidence = analyse_sound(iter(np.array_split(sound, 10)), vocabulary, len(sound))
    if evidence is None:
        raise ValueError("sound must not be silent")
    return evidence


def whole_clip(info: VideoInfo, effect: str) -> Event:
    """Return an event over the whole clip."""
    return Event(effect=effect, onset=0.0, offset=float(info.duration), confidence=1.0)


def placed_hits(event: Event, effect: Effect) -> list[float]:
    """Return the hits of an event as casting places them; a usual pace where none are known."""
    if event.hits:
        return list(event.hits)
    if effect.interval_s is None:
        return [event.onset]
    pace = float(np.sqrt(effect.interval_s[0] * effect.interval_s[1]))
    return [float(t) for t in np.arange(event.onset, event.offset, pace)]


def seen_events(info: VideoInfo, events: Sequence[Event], vocabulary: Vocabulary) -> list[Event]:
    """Return an event over the whole clip with the hits that the impact finder sees in it."""
    effect = vocabulary[events[0].effect]
    paced = Effect(
        name=effect.name, kind="repeated", bus="foley", ucs=effect.ucs, interval_s=(0.25, 2.0)
    )
    own = Vocabulary(name="strike", effects=(paced,))
    grid = TimeGrid.covering(info.duration, 4)
    motion = measure_motion(close_ups(info, stretches_to_watch(events, own, grid)))
    return meet_picture(events, motion, own, grid)


def librosa_hits(info: VideoInfo) -> list[float]:
    """Return the onsets that librosa's peak picker finds in the clip's own sound."""
    import librosa

    blocks = read_audio(info, sample_rate_hz=22_050, channels=1)
    if blocks is None:
        return []
    sound = np.concatenate(list(blocks))[:, 0]
    hop = 128
    strength = librosa.onset.onset_strength(y=sound, sr=22_050, hop_length=hop, n_mels=64)
    apart = round(0.06 * 22_050 / hop)
    peaks = librosa.util.peak_pick(
        strength,
        pre_max=apart,
        post_max=apart,
        pre_avg=apart,
        post_avg=apart,
        delta=0.25 * float(strength.max()),
        wait=apart,
    )
    return [float(t) for t in peaks * hop / 22_050]


def matched(
    truth: Sequence[float], placed: Sequence[float], window: float
) -> list[tuple[int, int]]:
    """Match hits one to one within a window: as many as can be, and of these the nearest."""
    if not len(truth) or not len(placed):
        return []
    apart = np.abs(np.subtract.outer(truth, placed))
    cost = np.where(apart <= window + 1e-9, apart, 1e3)
    pairs = zip(*linear_sum_assignment(cost), strict=True)
    return [(int(a), int(b)) for a, b in pairs if cost[a, b] < 1e3]


def compare(truth: Sequence[float], placed: Sequence[float]) -> np.ndarray:
    """Return matched, true and placed counts at 50 ms, then at 100 ms."""
    placed = sorted(placed)
    return np.array(
        [
            count
            for window in (0.05, 0.1)
            for count in (len(matched(truth, placed, window)), len(truth), len(placed))
        ]
    )


def f1(counts: np.ndarray) -> float:
    """Return F1 from matched, true and placed counts."""
    return 2.0 * counts[0] / max(counts[1] + counts[2], 1)


def signed_errors(truth: Sequence[float], placed: Sequence[float], window: float) -> np.ndarray:
    """Return placed minus true seconds of matched hits."""
    placed = sorted(placed)
    return np.array([placed[b] - truth[a] for a, b in matched(truth, placed, window)])


def chance(truth: Sequence[float], duration: float) -> np.ndarray:
    """Return the mean counts of as many hits as the truth has at random."""
    rng = np.random.default_rng(0)
    draws = [compare(truth, sorted(rng.uniform(0, duration, len(truth)))) for _ in range(DRAWS)]
    return np.mean(draws, axis=0)


def rank_correlation(
    truth: Sequence[float],
    placed: Sequence[float],
    strengths: Sequence[float],
    sound: SoundEvidence | None,
    effect: Effect,
) -> float:
    """Return Spearman's rho of placed strengths with the sound's peak levels at the true hits."""
    if sound is None or len(strengths) != len(placed):
        return float("nan")
    order = np.argsort(placed)
    placed, strengths = np.array(placed)[order], np.array(strengths)[order]
    pairs = matched(truth, list(placed), 0.1)
    if len(pairs) < 4:
        return float("nan")
    true = levels_at([truth[a] for a, _ in pairs], sound, effect)
    return float(spearmanr(true, [strengths[b] for _, b in pairs]).statistic)


def is_struck(effect: Effect) -> bool:
    """Return whether an effect is keys or strikes, whose motion ends in its sound."""
    return attack_of(effect).is_struck


def levels_at(hits: Sequence[float], sound: SoundEvidence, effect: Effect) -> list[float]:
    """Return the sound's highest level in the effect's bands at each hit."""
    attack = attack_of(effect)
    level = total_level(sound.levels.bands_db[:, band_slice(attack.lowest_hz, attack.highest_hz)])
    first = [round(hit / FRAME_S) for hit in hits]
    return [float(level[max(0, f - 4) : f + round(0.15 / FRAME_S)].max()) for f in first]


def impacts_and_levels(
    info: VideoInfo, hits: Sequence[float], sound: SoundEvidence, effect: Effect
) -> np.ndarray:
    """Return the picture's strongest impact near each hit in dB, and the level of its sound."""
    motion = measure_motion(close_ups(info, [(0.0, float(info.duration))]))
    found = impacts(motion)
    near = [found[(motion.times > hit - 0.12) & (motion.times < hit + 0.08)] for hit in hits]
    strongest = np.array([one.max(initial=0.0) for one in near])
    seen = 10.0 * np.log10(np.maximum(strongest, 1e-3) / max(strongest.max(), 1e-3))
    return np.stack([np.maximum(seen, -15.0), levels_at(hits, sound, effect)], axis=1)


def draw(clip: Path, effect: str, hits: Sequence[float], folder: Path) -> None:
    """Draw pictures, spectrogram, level and true hits of a clip."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from temporal_foley.media.video import sample_frames

    info = probe_video(clip)
    vocabulary = extended_vocabulary()
    sound = evidence_of(info, vocabulary)
    if sound is None:
        print(f"{clip}: silent")
        return
    seconds = float(info.duration)
    figure, axes = plt.subplots(
        3, 1, figsize=(22, 10), sharex=True, gridspec_kw={"height_ratios": [1, 3, 1.5]}
    )
    grid = TimeGrid.covering(info.duration, 2)
    for frame in sample_frames(info, grid, lambda image: image[::4, ::4]):
        at = float(frame.time)
        axes[0].imshow(frame.image, extent=(at, at + 0.5, 0, 1), aspect="auto")
    bands = np.asarray(sound.levels.bands_db, float).T
    extent = (0, seconds, 0, len(bands))
    axes[1].imshow(bands, origin="lower", aspect="auto", extent=extent, vmin=-80, vmax=-15)
    attack = attack_of(vocabulary[effect])
    level = total_level(sound.levels.bands_db[:, band_slice(attack.lowest_hz, attack.highest_hz)])
    axes[2].plot(np.arange(len(level)) * FRAME_S, level, linewidth=0.6)
    for axis in axes[1:]:
        axis.vlines(hits, *axis.get_ylim(), color="cyan" if axis is axes[1] else "red", lw=0.8)
    axes[2].set_xticks(np.arange(0, seconds, 0.2))
    axes[2].tick_params(axis="x", labelsize=7, rotation=90)
    axes[0].set_title(f"{clip.name}: {effect}, {len(hits)} hits", parse_math=False)
    axes[0].set_xlim(0, seconds)
    figure.tight_layout()
    figure.savefig(folder / f"{clip.stem}.{effect}.png", dpi=60)
    plt.close(figure)


if __name__ == "__main__":
    main()
