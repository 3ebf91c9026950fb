"""Check what a film says of itself after muxing, for every codec and container that PyAV writes.

    python benchmarks/media/kept_fields.py [--only mov,mkv] [--json FILE]

For each container that is read, and each encoder that it takes, a short film is made with pixels
that are not square, a rotation, colours, tags, chapters, a timecode and a late start. It gets a new
sound, and the old and new file are read with nothing but PyAV. A field counts as kept, as lost with
a warning that names it, or as lost silently, of which there must be none.
"""

import argparse
import collections
import hashlib
import json
import os
import platform
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from temporal_foley.errors import FoleyError
from temporal_foley.media.mux import mux_sound, output_suffix
from temporal_foley.media.video import probe_video

os.environ.setdefault("SVT_LOG", "0")
RATE_HZ = 48_000
PICTURES, RATE = 12, 25
WIDTH, HEIGHT = 176, 144
ASPECT = Fraction(12, 11)
CONTAINERS = (
    ("mp4", "mp4", {}),
    ("mov", "mov", {"movflags": "+use_metadata_tags"}),
    ("m4v", "mp4", {}),
    ("3gp", "3gp", {}),
    ("3g2", "3g2", {}),
    ("mkv", "matroska", {}),
    ("webm", "webm", {}),
    ("avi", "avi", {}),
    ("ts", "mpegts", {}),
    ("mts", "mpegts", {"mpegts_m2ts_mode": "1"}),
    ("mpg", "mpeg", {}),
    ("vob", "vob", {}),
    ("mxf", "mxf", {}),
    ("flv", "flv", {}),
    ("wmv", "asf", {}),
    ("ogv", "ogv", {}),
    ("dv", "dv", {}),
)
# Of several encoders of one codec one is enough; these are slow, need a device, or make no film.
SKIPPED = ("nvenc", "qsv", "amf", "v4l2m2m", "vaapi", "vulkan", "a64", "wrapped", "alias", "vnull")
SIZES = {"dvvideo": (720, 576), "dnxhd": (1920, 1080), "h261": (176, 144), "roqvideo": (176, 144)}
OPTIONS = {
    "libx264": {"preset": "ultrafast", "bf": "2", "x264-params": "bframes=2"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libsvtav1": {"preset": "12"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "dnxhd": {"b": "120M"},
}
FORMATS = {
    "prores_ks": "yuv422p10le",
    "dnxhd": "yuv422p",
    "dvvideo": "yuv420p",
    "v210": "yuv422p10le",
}
PROFILES = {"prores_ks": ("0", "1", "2", "3", "4", "5")}


def encoders() -> list[str]:
    """Return one encoder of each codec of moving pictures."""
    found: dict[str, str] = {}
    for name in sorted(av.codecs_available, key=lambda name: not name.startswith("lib")):
        try:
            codec = av.Codec(name, "w")
        except ValueError:
            continue
        if codec.type == "video" and not any(part in name for part in SKIPPED):
            found.setdefault(codec.canonical_name, name)
    found["prores"] = "prores_ks"
    found["vp9"] = "libvpx-vp9"
    return sorted(found.values())


def draw(number: int, width: int, height: int, form: str) -> av.VideoFrame:
    """Draw a picture that differs from all others."""
    rows = np.linspace(0, 255, height, dtype=np.uint8)[:, None, None]
    image = np.broadcast_to(rows, (height, width, 3)).copy()
    image[:, number * width // PICTURES : (number + 1) * width // PICTURES] = (200, 40, 90)
    return av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=form)


def make_film(path: Path, muxer: str, options: dict, encoder: str, profile: str) -> None:
    """Write a film with everything that its container takes."""
    width, height = SIZES.get(encoder, (WIDTH, HEIGHT))
    codec = av.Codec(encoder, "w")
    form = FORMATS.get(encoder) or (codec.video_formats or [av.VideoFormat("yuv420p")])[0].name
    if encoder == "prores_ks" and profile in ("4", "5"):
        form = "yuva444p10le"
    with av.open(str(path), "w", format=muxer, container_options=options) as container:
        container.metadata.update({"title": "A walk", "comment": "two of us", "artist": "Someone"})
        container.metadata["com.maker.lens"] = "50 mm"
        video = container.add_stream(encoder, rate=RATE)
        video.width, video.height, video.pix_fmt = width, height, form
        video.codec_context.options = OPTIONS.get(encoder, {}) | (
            {"profile": profile} if profile else {}
        )
        video.codec_context.time_base = Fraction(1, RATE)
        video.codec_context.sample_aspect_ratio = (
            ASPECT if encoder != "dvvideo" else Fraction(16, 15)
        )
        video.codec_context.color_primaries = 1
        video.codec_context.color_trc = 1
        video.codec_context.colorspace = 1
        if "rgb" not in form and "bgr" not in form and "gray" not in form and "pal" not in form:
            video.codec_context.color_range = 1
        video.metadata["language"] = "fra"
        video.metadata["timecode"] = "14:23:10:05"
        if muxer == "mxf":
            container.metadata["timecode"] = "14:23:10:05"
        if muxer in ("mp4", "mov", "matroska"):
            video.set_display_rotation(90)
            video.metadata["title"] = "The picture"
            container.set_chapters(
                [
                    {"id": n, "start": n, "end": n + 1, "time_base": Fraction(1, 4),
                     "metadata": {"title": f"Part {n}"}}
                    for n in range(2)
                ]
            )  # fmt: skip
        late = 35 if muxer not in ("mxf", "dv", "avi") else 0
        for number in range(PICTURES):
            frame = draw(number, width, height, form)
            frame.pts, frame.time_base = number + late, Fraction(1, RATE)
            for packet in video.encode(frame):
                container.mux(packet)
        for packet in video.encode(None):
            container.mux(packet)


def pixels(frame: av.VideoFrame) -> bytes:
    """Return the pixels of a picture without the padding of its rows."""
    try:
        return frame.to_ndarray().tobytes()
    except ValueError:
        return frame.to_ndarray(format="rgb48le").tobytes()


def times_of(frames: list[av.VideoFrame], container: str) -> str:
    """Return when pictures are shown, from the first on.

    AVI stores no such times, and FFmpeg's guess is wrong where pictures are reordered: there they
    stand equally long.
    """
    if any(frame.pts is None for frame in frames):
        return ""
    times = [float(frame.pts * frame.time_base) for frame in frames]
    if container == "avi":
        times.sort()
    return str([round(time - times[0], 3) for time in times])


def read_plain(path: Path) -> dict[str, str]:
    """Return what PyAV alone reads of a film."""
    with av.open(str(path), metadata_errors="replace") as container:
        video = container.streams.video[0]
        context = video.codec_context
        found = {f"tag {name.lower()}": text for name, text in container.metadata.items()}
        found |= {f"picture {name.lower()}": text for name, text in video.metadata.items()}
        found["timecode"] = next(
            (
                text
                for tags in (*(s.metadata for s in container.streams), container.metadata)
                for name, text in tags.items()
                if name.lower() == "timecode"
            ),
            "",
        )
        found |= {
            "codec": context.codec.canonical_name,
            "profile": video.profile or "",
            "size": f"{context.width}x{context.height}",
            "pixel format": str(context.pix_fmt),
            "pixel shape": str(video.sample_aspect_ratio or 1),
            "rate": str(video.average_rate or ""),
            "chapters": str([c["metadata"].get("title") for c in container.chapters()] or ""),
        }
        frames = list(container.decode(video))
        first = frames[0]
        found |= {
            "rotation": str(first.rotation or ""),
            "colour range": str(int(first.color_range)),
            "colour primaries": str(int(first.color_primaries)),
            "colour transfer": str(int(first.color_trc)),
            "colour matrix": str(int(first.colorspace)),
            "interlacing": str(first.interlaced_frame),
            "pictures": str(len(frames)),
            "pixels": hashlib.sha256(b"".join(map(pixels, frames))).hexdigest(),
            "times": times_of(frames, container.format.name),
        }
        for kind in ("SPHERICAL", "STEREO3D", "MASTERING_DISPLAY_METADATA", "DISPLAYMATRIX"):
            data = first.side_data.get(kind)
            found[f"side data {kind}"] = "" if data is None else bytes(data).hex()
    return {name: text for name, text in found.items() if text}


# Written by the muxer about its own file, or by PyAV's reader in another place.
OWN = {
    "tag major_brand", "tag minor_version", "tag compatible_brands", "tag encoder", "tag software",
    "picture encoder", "picture vendor_id", "picture handler_name", "picture duration",
    "tag duration", "tag timecode", "picture timecode", "picture title",
}  # fmt: skip
WORDS = {"size": "picture size", "profile": "codec profile", "rate": "picture rate"}


def is_near(old: str, new: str) -> bool:
    """Return whether two rates are equal but for rounding of times."""
    return abs(Fraction(old) - Fraction(new)) <= Fraction(old) / 200


def verdict(name: str, old: str, new: str | None, lines: tuple[str, ...]) -> str:
    """Return whether a field was kept, lost with a warning or lost silently."""
    if new == old or name in OWN:
        return "kept"
    # Two codes of one language: containers know one or the other.
    if name == "picture language" and {old, new} == {"fre", "fra"}:
        return "kept"
    # A rate of thousands is the clock of a stream.
    if name == "rate" and (Fraction(old) > 1000 or (new and is_near(old, new))):
        return "kept"
    if name in ("colour range", "colour primaries", "colour transfer", "colour matrix") and old in (
        "0", "2",
    ):  # fmt: skip
        return "kept"
    word = WORDS.get(name, name)
    if name == "side data DISPLAYMATRIX":
        word = "rotation"
    said = any(word in line or name in line for line in lines)
    return "lost with a warning" if said else "LOST SILENTLY"


def attempt(
    folder: Path, suffix: str, muxer: str, options: dict, encoder: str, profile: str
) -> dict:
    """Make one film, give it a new sound and compare; an empty result means it cannot be made."""
    source = folder / f"a.{suffix}"
    try:
        make_film(source, muxer, options, encoder, profile)
        old = read_plain(source)
    except (
        av.error.FFmpegError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        NotImplementedError,
    ):
        return {}
    row = {"container": suffix, "encoder": encoder, "profile": profile}
    try:
        info = probe_video(source)
    except FoleyError as error:
        return row | {"refused": str(error.what)}
    soundfile.write(folder / "s.wav", np.zeros((RATE_HZ // 2, 2)), RATE_HZ, subtype="PCM_24")
    target = output_suffix(info)
    if not target:
        return row | {"refused": "no container takes it"}
    try:
        lines = mux_sound(info, folder / "s.wav", folder / f"b{target}")
        new = read_plain(folder / f"b{target}")
        start = probe_video(folder / f"b{target}").start
    except (FoleyError, av.error.FFmpegError, IndexError) as error:
        return row | {"out": target, "failed": str(error)}
    # What the stream said may now be said of the whole film.
    new = {name.replace("tag ", "picture "): text for name, text in new.items()} | new
    fields = {name: verdict(name, text, new.get(name), lines) for name, text in old.items()}
    if start != 0:
        fields["start"] = "LOST SILENTLY"
    changed = {
        name: [old[name][:60], (new.get(name) or "")[:60]]
        for name, said in fields.items()
        if said != "kept"
    }
    return row | {"out": target, "fields": fields, "changed": changed, "lines": list(lines)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="containers by suffix, separated by commas")
    parser.add_argument("--codecs", help="encoders, separated by commas")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    parser.add_argument("--verbose", action="store_true", help="print what changed")
    options = parser.parse_args()
    av.logging.set_level(None)
    wanted = options.only.split(",") if options.only else None
    names = options.codecs.split(",") if options.codecs else encoders()
    rows, totals = [], collections.Counter()
    with tempfile.TemporaryDirectory() as name:
        for suffix, muxer, muxing in CONTAINERS:
            if wanted and suffix not in wanted:
                continue
            for encoder in names:
                for profile in PROFILES.get(encoder, ("",)):
                    row = attempt(Path(name), suffix, muxer, muxing, encoder, profile)
                    if not row:
                        continue
                    rows.append(row)
                    report(row, totals, verbose=options.verbose)
    print(f"python {platform.python_version()}, av {av.__version__}, {platform.machine()}")
    for what, count in sorted(totals.items()):
        print(f"count {what.replace(' ', '_').lower()} {count}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def report(row: dict, totals: collections.Counter, *, verbose: bool) -> None:
    """Print a row and add it up."""
    title = f"{row['container']:5} {row['encoder']:12} {row['profile']:2}"
    if "refused" in row or "failed" in row:
        what = "refused" if "refused" in row else "failed"
        totals[f"films {what}"] += 1
        print(f"{title} {what}: {row[what]}")
        return
    counts = collections.Counter(row["fields"].values())
    totals["films"] += 1
    totals.update({f"fields {what}": count for what, count in counts.items()})
    words = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    print(f"{title} -> {row['out']:5} {words}")
    for name, said in row["fields"].items():
        if said == "LOST SILENTLY" or (verbose and said != "kept"):
            print(f"      {said}: {name}: {row['changed'].get(name)}")


if __name__ == "__main__":
    main()
