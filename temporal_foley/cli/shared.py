"""Options that several commands share."""

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from temporal_foley.cli.options import Arg
from temporal_foley.errors import UsageError, nearest, plain_name

if TYPE_CHECKING:
    from temporal_foley.documents.signing import Credentials
    from temporal_foley.effects import Vocabulary
    from temporal_foley.foley import Foley
    from temporal_foley.stages import DetectionSettings

Videos = Annotated[tuple[Path, ...], Arg(positional=True, metavar="VIDEO...")]
CueLists = Annotated[tuple[Path, ...], Arg(positional=True, metavar="CUES...")]
OutFolder = Annotated[Path | None, Arg(metavar="DIR", short="-o")]
Names = Annotated[tuple[str, ...] | None, Arg(metavar="A,B", commas=True)]
AdvancedNames = Annotated[tuple[str, ...] | None, Arg(metavar="A,B", commas=True, advanced=True)]
Model = Annotated[str | None, Arg(metavar="NAME|DIR")]
LibraryFolder = Annotated[Path | None, Arg(metavar="DIR")]
File = Annotated[Path | None, Arg(metavar="FILE")]
AdvancedFile = Annotated[Path | None, Arg(metavar="FILE", advanced=True)]
AudioTrack = Annotated[str | None, Arg(metavar="N|all")]
Processes = Annotated[int, Arg(metavar="N", advanced=True)]
Timecode = Annotated[str | None, Arg(metavar="HH:MM:SS:FF")]
AS_IS = "as-is"
Space = Literal["none", "indoor", "outdoor"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Options of the model."""

    model: Model = None
    """The model: a shipped bundle by name, a folder with a bundle of your own; everyday, which
    detects a hundred further effects without training; or imagenet, which maps ImageNet classes to
    effects. (default: foley20)"""
    vocabulary: Annotated[str | None, Arg(metavar="NAME|FILE", advanced=True)] = None
    """Only with --model imagenet: a shipped vocabulary, or a TOML file of your own. (default:
    foley20)"""
    backbone: Annotated[str | None, Arg(metavar="NAME", advanced=True)] = None
    """Only with --model imagenet: the image network. (default: efficientnet_lite0)"""
    weights: AdvancedFile = None
    """A weights file of the image network, if none is installed with it."""

    def load(self, library: Path | None = None, allow: tuple[str, ...] | None = None) -> "Foley":
        """Load the model and a sound library.

        Raises:
            UsageError: There is no model, vocabulary or image network of that name.
        """
        from temporal_foley.effects import shipped_vocabularies
        from temporal_foley.foley import Foley
        from temporal_foley.models.by_name import EVERYDAY, IMAGENET, shipped_models
        from temporal_foley.models.image.backbone import BACKBONES

        _check_name(self.model, "model", (*shipped_models(), EVERYDAY, IMAGENET))
        _check_name(self.vocabulary, "vocabulary", shipped_vocabularies())
        _check_name(self.backbone, "backbone", tuple(BACKBONES))
        return Foley.load(
            model=self.model or "",
            vocabulary=self.vocabulary,
            backbone=self.backbone,
            weights=self.weights,
            library=library,
            allowed=allowed_licences(allow),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectionOptions(ModelOptions):
    """Options of the detection."""

    effects: Names = None
    """Detect only these effects, separated by commas, in their own or in other words: "church bell,
    frying". Those that only the model everyday detects need no --model."""
    exclude: Names = None
    """Detect all effects but these."""
    no_listen: bool = False
    """Do not use the video's own sound for detection."""
    frame_rate: Annotated[Fraction | None, Arg(metavar="HZ", advanced=True)] = None
    """Only with --model imagenet: pictures per second. (default: 4)"""
    smoothing: Annotated[
        Literal["none", "mode", "median", "gaussian", "mean"] | None, Arg(advanced=True)
    ] = None
    """How to smooth probabilities over time. (default: as the model decides)"""
    no_cache: Annotated[bool, Arg(advanced=True)] = False
    """Analyse the video again even if that was kept from an earlier run, and keep nothing."""
    smoothing_window: Annotated[float | None, Arg(metavar="SECONDS", advanced=True)] = None
    """Length of the smoothing window. (default: 1.5 if --smoothing is given)"""

    def load(self, library: Path | None = None, allow: tuple[str, ...] | None = None) -> "Foley":
        """Load the model and a sound library; by default, a model that detects the effects asked.

        Raises:
            UsageError: There is no model, vocabulary or image network of that name.
        """
        if self.effects and not (self.model or self.vocabulary or self.backbone):
            from temporal_foley.effects import load_vocabulary
            from temporal_foley.library.match_names import match_name
            from temporal_foley.models.by_name import EVERYDAY

            wide, usual = load_vocabulary(EVERYDAY), load_vocabulary()
            found = {match_name(name, wide).effect for name in self.effects}
            if not found <= set(usual.names):
                return dataclasses.replace(self, model=EVERYDAY).load(library, allow)
        foley = super().load(library, allow)
        if self.no_cache:
            foley.cache = None
        return foley

    def settings(self, vocabulary: "Vocabulary") -> "DetectionSettings":
        """Return the detection settings for a vocabulary."""
        from temporal_foley.spotting.events import DecodingConfig
        from temporal_foley.stages import DetectionSettings

        chosen = {"smoothing": self.smoothing, "window_s": self.smoothing_window}
        changes: dict[str, Any] = {k: v for k, v in chosen.items() if v is not None}
        try:
            return DetectionSettings(
                only=effect_names(self.effects, vocabulary, "--effects"),
                exclude=effect_names(self.exclude, vocabulary, "--exclude"),
                frame_rate=self.frame_rate,
                decoding=DecodingConfig(**changes) if changes else None,
                listen=not self.no_listen,
            )
        except ValueError as error:
            raise UsageError(str(error)) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixOptions:
    """Options of the mix."""

    original: Literal["fill", "replace", "keep", "duck", "mute"] | None = None
    """What to do with the video's own sound. `fill` keeps it and leaves out effects that it already
    contains; `replace` lowers it exactly under the effects that replace its own; `keep` adds all
    effects on top; `duck` lowers it under them; `mute` leaves it out. (default: fill)"""
    loudness: Annotated[str | None, Arg(metavar="PRESET|LUFS")] = None
    """Loudness of the mix: r128 (-23 LUFS), atsc (-24), netflix (-27), podcast (-16), streaming
    (-14), a number, or as-is, which leaves the video's own sound at its level. Where no effect is
    added, that sound always stays as it is. (default: r128)"""
    speech_db: Annotated[float | None, Arg(metavar="DB", advanced=True)] = None
    """Lower effects by this many dB under speech; 0 disables it. (default: -6)"""
    tails: Annotated[Literal["auto", "cut", "ring"] | None, Arg(advanced=True)] = None
    """Tails of hits at cuts that remove their source: fade out at the cut, ring on, or by kind.
    (default: auto)"""
    space: Annotated[Space | None, Arg(advanced=True)] = None
    """Reverb for effects: a furnished room, outdoors, or none. (default: none)"""
    room_tone: Annotated[bool | None, Arg(advanced=True)] = None
    """Add a quiet room tone under foley where nothing else plays."""
    match: Annotated[Literal["on", "off"] | None, Arg(advanced=True)] = None
    """Match effects to the level, bandwidth, noise, room and width of the video's own sound.
    (default: on)"""
    music_and_effects: Annotated[bool | None, Arg(advanced=True)] = None
    """Also write music_and_effects.wav: the mix without the speech of the video's own sound."""

    def mix_changes(self) -> dict[str, Any]:
        """Return the mix settings that are given, each checked, by field of `MixSettings`."""
        from temporal_foley.timeline import MixSettings

        given = {
            "original": self.original,
            "speech_db": self.speech_db,
            "tails": self.tails,
            "space": self.space,
            "room_tone": self.room_tone,
            "match": None if self.match is None else self.match == "on",
            "music_and_effects": self.music_and_effects,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        if self.loudness is not None:
            changes["loudness_lufs"] = _lufs(self.loudness)
        for name, value in changes.items():
            try:
                MixSettings(**{name: value})
            except ValueError as error:
                flag = f"--{name.removesuffix('_lufs').replace('_', '-')}"
                raise UsageError(str(error), option=flag) from None
        return changes


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignOptions:
    """Options of the signature."""

    sign: Annotated[Path | None, Arg(metavar="CERT", advanced=True)] = None
    """Sign the new video and the mix by C2PA, with this certificate (PEM) and its key."""
    sign_key: Annotated[Path | None, Arg(metavar="FILE", advanced=True)] = None
    """The private key of --sign. (default: in the certificate's file, or beside it as .key)"""

    def credentials(self) -> "Credentials | None":
        """Return what is signed with, checked; None if nothing is signed."""
        if self.sign is None:
            if self.sign_key is not None:
                raise UsageError("needs --sign CERT", option="--sign-key")
            return None
        from temporal_foley.documents.signing import load_credentials

        return load_credentials(self.sign, self.sign_key)


def _lufs(text: str) -> float | None:
    """Return a target loudness; None leaves the original at its own."""
    from temporal_foley.sound.signal.loudness import LOUDNESS_PRESETS

    plain = plain_name(text)
    if plain.replace("_", "") == "asis":
        return None
    if plain in LOUDNESS_PRESETS:
        return LOUDNESS_PRESETS[plain]
    number = text.lower().removesuffix("lufs").removesuffix("lkfs")
    try:
        return float(number)
    except ValueError:
        names = (*LOUDNESS_PRESETS, AS_IS)
        near = nearest(text, names)
        raise UsageError(
            f"must be {', '.join(names)} or a number of LUFS, got {text!r}",
            option="--loudness",
            remedy=f"did you mean {near}?" if near else None,
        ) from None


def check_processes(number: int) -> None:
    """Raise `UsageError` unless this is a number of processes."""
    if number < 1:
        raise UsageError(f"must be at least 1, got {number}", option="--jobs")


def effect_names(
    names: tuple[str, ...] | None, vocabulary: "Vocabulary", option: str
) -> tuple[str, ...]:
    """Return effects by their names in a vocabulary, or by other words that they go by.

    Raises:
        UsageError: A name means no effect; it lists those that are nearest.
    """
    from temporal_foley.library.match_names import match_name

    found: list[str] = []
    for name in names or ():
        match = match_name(name, vocabulary)
        if match.refused:
            raise UsageError(f"{name!r}: {match.refused} are recognised and refused", option=option)
        if not match.effect:
            typo = nearest(name, vocabulary.names)
            near: list[str] = [*([typo] if typo else []), *match.nearest]
            meant = list(dict.fromkeys(near))[:3]
            raise UsageError(
                f"unknown effect {name!r}",
                option=option,
                remedy=f"did you mean {meant[0]}? The nearest are {', '.join(meant)}",
            )
        found.append(match.effect)
    return tuple(dict.fromkeys(found))


def allowed_licences(names: tuple[str, ...] | None) -> frozenset[str]:
    """Return the families of licences that are allowed; an empty set allows all."""
    from temporal_foley.sound.takes.licences import FAMILIES

    allowed = frozenset(name.lower() for name in names or ())
    for name in sorted(allowed.difference(FAMILIES)):
        raise UsageError.unknown("licence", name, FAMILIES, option="--allow")
    return allowed


def _check_name(name: str | None, kind: str, known: tuple[str, ...]) -> None:
    """Raise `UsageError` for a name that is neither known nor a file or folder."""
    if name is not None and name not in known and not Path(name).exists():
        raise UsageError.unknown(kind, name, known, option=f"--{kind}")
