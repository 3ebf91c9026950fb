"""Make small records for tests: cues, timelines, vocabularies, libraries, bundles, cue lists.

Every factory fills in what a test does not care about; keyword arguments replace single fields.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from temporal_foley.cue_list import write_timeline
from temporal_foley.effects import Effect, Vocabulary, load_vocabulary, vocabulary_text
from temporal_foley.files.digest import file_sha256
from temporal_foley.sound.take import Take
from temporal_foley.sound.takes.library import Library, LibraryTake, load_library
from temporal_foley.timeline import (
    Alternate,
    Asset,
    Cue,
    Event,
    Evidence,
    Loop,
    MixSettings,
    Provenance,
    Source,
    Timeline,
    Track,
)

RATE_HZ = 48_000
EFFECTS: dict[str, dict[str, Any]] = {
    "door": {"kind": "one_shot", "bus": "hard_effects"},
    "bark": {
        **{"kind": "one_shot", "bus": "hard_effects"},
        **{"interval_s": (1.0, 3.0), "ucs": "ANMLDog"},
    },
    "steps": {"kind": "repeated", "bus": "foley", "interval_s": (0.45, 0.6)},
    "motor": {"kind": "loop", "bus": "hard_effects"},
    "river": {"kind": "ambience", "bus": "backgrounds"},
    "wave": {"kind": "ambience", "bus": "backgrounds"},
}
"""Effects that `make_vocabulary` knows; any other name is a loop on the foley bus."""


def make_vocabulary(*names: str, name: str = "test", **fields: Any) -> Vocabulary:
    """Make a vocabulary of `EFFECTS`, or of other names; `fields` apply to every effect."""
    unknown = {"kind": "loop", "bus": "foley"}
    return Vocabulary(
        name=name,
        effects=tuple(
            Effect(**{"name": effect, **EFFECTS.get(effect, unknown), **fields})
            for effect in names or EFFECTS
        ),
    )


def make_event(effect: str, onset: float, offset: float, **fields: Any) -> Event:
    """Make an event of `[onset, offset)` seconds."""
    return Event(**{"effect": effect, "onset": onset, "offset": offset, "confidence": 0.9} | fields)


def make_loop(start: int = 4_800, end: int = RATE_HZ, crossfade: int = 2_400, **fields) -> Loop:
    """Make a loop that fits into a take of a second."""
    return Loop(start=start, end=end, crossfade=crossfade, **fields)


def make_asset(name: str = "knock", seed: int = 1, **fields: Any) -> Asset:
    """Make the name of a recipe's take."""
    return Asset(**{"kind": "recipe", "name": name, "seed": seed} | fields)


def make_cue(id: str = "door-1", at_s: float = 1.0, length_s: float = 0.5, **fields: Any) -> Cue:
    """Make a cue that plays `length_s` seconds from `at_s` on.

    Its effect is the id up to the last hyphen, and its take the recipe of that name, played as
    long as the cue is or up to the end of its loop.
    """
    effect = fields.get("effect", id.rsplit("-", 1)[0])
    onset = fields.get("onset_sample", round(at_s * RATE_HZ))
    offset = fields.get("offset_sample", onset + round(length_s * RATE_HZ))
    loop, start = fields.get("loop"), fields.get("source_start", 0)
    return Cue(
        **{
            "id": id,
            "effect": effect,
            "onset_sample": onset,
            "offset_sample": offset,
            "confidence": 0.9,
            "asset": make_asset(effect),
            "licence": "CC0-1.0",
            "source_end": start + offset - onset if loop is None else loop.end,
        }
        | fields
    )


def make_track(*cues: Cue, effect: str = "", **fields: Any) -> Track:
    """Make a track of cues of one effect, in order of onset.

    Kind and bus are those of the effect in `EFFECTS` or else in the shipped vocabulary.
    """
    effect = effect or cues[0].effect
    ordered = tuple(sorted(cues, key=lambda cue: (cue.onset_sample, cue.id)))
    return Track(**{"effect": effect, **_sort_of(effect), "cues": ordered} | fields)


def _sort_of(effect: str) -> dict[str, str]:
    if effect in EFFECTS:
        return {field: EFFECTS[effect][field] for field in ("kind", "bus")}
    shipped = load_vocabulary()
    if effect in shipped.names:
        return {"kind": shipped[effect].kind, "bus": shipped[effect].bus}
    return {"kind": "one_shot", "bus": "hard_effects"}


def make_source(seconds: float = 10.0, **fields: Any) -> Source:
    """Make the record of a video of this length."""
    return Source(
        **{
            "name": "clip.mp4",
            "sha256": "ab" * 32,
            "duration_samples": round(seconds * RATE_HZ),
            "video_rate": Fraction(25),
            "width": 160,
            "height": 120,
            "has_audio": False,
        }
        | fields
    )


def make_timeline(
    *parts: Cue | Track,
    seconds: float | None = None,
    source: Source | Mapping[str, Any] | None = None,
    mix: MixSettings | Mapping[str, Any] | None = None,
    **fields: Any,
) -> Timeline:
    """Make a timeline of tracks, or of cues, which are put on a track for each effect.

    Args:
        *parts: Tracks come first, then those made of the cues, by the name of their effect.
        seconds: Length of the picture; ten, or more if the cues need it, when not given.
        source: The video, or the fields of `make_source` to change.
        mix: How it is mixed, or fields of it.
        **fields: Other fields of the timeline.
    """
    if seconds is None:
        ends = [cue.offset_sample for part in parts for cue in getattr(part, "cues", (part,))]
        seconds = max(10.0, 1 + max(ends, default=0) / RATE_HZ)
    if not isinstance(source, Source):
        source = make_source(seconds, **(source or {}))
    if not isinstance(mix, MixSettings):
        mix = MixSettings(**(mix or {}))
    cues: dict[str, list[Cue]] = {}
    for part in parts:
        if isinstance(part, Cue):
            cues.setdefault(part.effect, []).append(part)
    tracks = [part for part in parts if isinstance(part, Track)]
    tracks += [make_track(*cues[effect]) for effect in sorted(cues)]
    return Timeline(
        **{
            "source": source,
            "frame_rate": Fraction(4),
            "detector": Provenance(name="detector", sha256="01"),
            "vocabulary": Provenance(name="test", sha256="02"),
            "library": Provenance(name="test", sha256="03"),
            "seed": 7,
            "mix": mix,
            "tracks": tuple(tracks),
        }
        | fields
    )


def make_audible_timeline(text: str = "", **source: Any) -> Timeline:
    """Make a timeline of two seconds that renders from the built-in library: drops over a fire.

    Every free text of it contains `text`; `source` are fields of the video.
    """
    library = load_library()
    drop, fire = library.takes("water_drop")[0], library.takes("fire")[0]
    taken, burning = library.read(drop.asset), library.read(fire.asset)
    length = min(len(taken.samples), RATE_HZ)
    end = min(len(burning.samples), RATE_HZ)
    alternate = Alternate(
        asset=drop.asset,
        licence=f"CC0-1.0{text}",
        credit=f"nobody{text}",
        samples=len(taken.samples),
        anchor=taken.anchor,
    )
    drops = [
        make_cue(
            f"{text}{number}",
            effect="water_drop",
            onset_sample=onset,
            offset_sample=onset + length,
            asset=drop.asset,
            licence=f"CC0-1.0{text}",
            credit=f"somebody{text}",
            anchor=taken.anchor,
            gain_db=-1.5,
            pan=((0, -0.25), (4_800, 0.5)),
            fade_out=min(240, length),
            reason=f"because{text}",
            evidence=Evidence(probability=0.5, peak_s=1.0, region=(0.1, 0.2, 0.3, 0.4)),
            alternates=(alternate,),
        )
        for number, onset in ((1, 12_000), (2, 40_000))
    ]
    flow = make_cue(
        f"{text}3",
        effect="fire",
        onset_sample=0,
        offset_sample=90_000,
        confidence=0.5,
        asset=fire.asset,
        loop=make_loop(end // 4, end),
        fade_in=2_400,
        fade_out=2_400,
    )
    return make_timeline(
        make_track(flow),
        make_track(*drops),
        source=make_source(2.0, **{"name": f"{text}.mp4"} | source),
        detector=Provenance(name=f"detector{text}", sha256="01"),
        vocabulary=Provenance(name=f"words{text}", sha256="02"),
        library=Provenance(name=f"{library.name}{text}", sha256=library.sha256),
    )


def write_cue_list(folder: Path, timeline: Timeline) -> Path:
    """Write `cues.json` into the folder that `generate` would leave beside the video."""
    output = folder / f"{Path(timeline.source.name).stem}.foley"
    output.mkdir(parents=True, exist_ok=True)
    write_timeline(timeline, output / "cues.json")
    return output / "cues.json"


def source_of(video: Path, seconds: float, **fields: Any) -> Source:
    """Make the record of a real video by its name and content."""
    return make_source(seconds, **{"name": video.name, "sha256": file_sha256(video)} | fields)


def make_take(samples: np.ndarray | float = 0.1, seconds: float = 1.0, **fields: Any) -> Take:
    """Make a take of given samples, or one that holds a constant, so that gains can be read off."""
    if not isinstance(samples, np.ndarray):
        samples = np.full((round(seconds * RATE_HZ), 1), samples)
    return Take(samples=samples.astype(np.float32), **fields)


def make_library(
    takes: Mapping[str, Sequence[Take]] | Callable[[Asset], Take], **fields: Any
) -> Library:
    """Make a library in memory.

    Args:
        takes: Takes of each effect, found by the asset's name, with their index as the seed; or a
            function that makes any take of an asset, and then the library lists none.
        **fields: Of the listed takes.
    """
    if callable(takes):
        return Library(name="test", sha256="", takes=[], load=takes)
    known = takes
    listed = [
        LibraryTake(
            **{"effect": effect, "asset": make_asset(effect, seed), "licence": "CC0-1.0"} | fields
        )
        for effect, own in known.items()
        for seed in range(len(own))
    ]
    return Library(
        name="test", sha256="", takes=listed, load=lambda asset: known[asset.name][asset.seed or 0]
    )


def make_bundle(
    *,
    tagger: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    seed: int = 0,
    vocabulary_toml: str | None = None,
    **fields: Any,
):
    """Make a tiny trained model with drawn weights, exactly as half precision stores them.

    Args:
        tagger: Fields of its `TaggerConfig` to change, such as `visual_features`.
        inputs: Fields of its `ModelInputs` to change.
        seed: Of the weights.
        vocabulary_toml: Text of the vocabulary; the shipped one if not given.
        **fields: Other fields of the bundle.
    """
    import jax
    from flax import nnx

    from temporal_foley.effects import parse_vocabulary
    from temporal_foley.models.bundle.bundle import Bundle, ModelInputs
    from temporal_foley.models.tagging.fusion import FusionConfig
    from temporal_foley.models.tagging.recurrent import RecurrentConfig
    from temporal_foley.models.tagging.tagger import Tagger, TaggerConfig

    text = vocabulary_toml or vocabulary_text("foley20")
    vocabulary = parse_vocabulary(text, "small") if vocabulary_toml else load_vocabulary()
    config = TaggerConfig(
        **{
            "effects": len(vocabulary),
            "fusion": FusionConfig(width=8),
            "recurrent": RecurrentConfig(hidden=4),
            **(tagger or {}),
        }
    )
    weights = nnx.to_pure_dict(nnx.split(Tagger(config, rngs=nnx.Rngs(params=seed)))[1])
    return Bundle(
        **{
            "name": "small",
            "vocabulary": vocabulary,
            "vocabulary_text": text,
            "inputs": ModelInputs(
                **{
                    "frame_rate": Fraction(4),
                    "backbone": "efficientnet_lite0",
                    "aspect": "stretch",
                    "backbone_sha256": "0" * 64,
                    "listener": "student",
                    "listener_sha256": "1" * 64,
                    **(inputs or {}),
                }
            ),
            "tagger": config,
            "weights": jax.tree.map(
                lambda leaf: np.asarray(leaf, np.float16).astype(np.float32), weights
            ),
        }
        | fields
    )


def stem_path(folder: Path, stem: str) -> Path:
    """Return the file of a stem in an output folder, by its effect."""
    title = stem.replace("_", " ")
    (path,) = (p for p in (folder / "stems").iterdir() if f"_{title}_" in f"_{p.name}")
    return path
