"""Sign finished files by C2PA: a manifest of what was opened and added, and by what means.

`c2pa-python`, of the extra `sign`, writes and verifies manifests. It is given the key of a person
or firm; without one that verifiers trust, they show a valid manifest of an unknown signer.
"""

import dataclasses
import datetime
import io
import json
import os
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporal_foley.documents.disclosure import MEANINGS, SourceUse, source_uses, term_of_mix
from temporal_foley.errors import FoleyError, MediaError, one_line
from temporal_foley.files.digest import file_sha256
from temporal_foley.files.reading import file_cause, read_whole
from temporal_foley.sound.room_tone import ROOM_TONE_STEM
from temporal_foley.sound.stems import ORIGINAL_STEM
from temporal_foley.sound.takes.digital_source import IPTC, TERMS, term_of_all
from temporal_foley.timeline import Timeline

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SIGNED_SUFFIXES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".wav": "audio/wav",
}
"""The containers of ours that C2PA takes, with their media types."""
_LARGEST_BYTES = 1 << 20
_OPTION, _KEY_OPTION = "--sign", "--sign-key"
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_SHORTEST_RSA_BITS = 2048


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credentials:
    """A certificate chain and the private key of its first certificate, as PEM text."""

    chain: bytes
    key: bytes = dataclasses.field(repr=False)
    algorithm: str
    name: str
    """The name in the certificate."""


def load_credentials(certificate: Path, key: Path | None = None) -> Credentials:
    """Read a certificate and its key, and check by a trial that they sign.

    Args:
        certificate: PEM text: the signer's certificate, then those that certify it.
        key: PEM text; by default the key is in the file of the certificate, or beside it, with the
            suffix `.key`.

    Raises:
        FoleyError: They cannot be read, do not belong together, are out of date, or are not for
            signing documents; or the extra `sign` is not installed.
    """
    try:
        import c2pa  # noqa: F401
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
    except ImportError:
        raise FoleyError(
            "needs the extra sign", option=_OPTION, remedy="pip install 'temporal-foley[sign]'"
        ) from None
    text = _read(certificate, _OPTION)
    try:
        chain = x509.load_pem_x509_certificates(text)
    except ValueError:
        raise FoleyError("no certificate in PEM format", option=_OPTION, path=certificate) from None
    path, key_text = _find_key(certificate, text, key)
    try:
        private = serialization.load_pem_private_key(key_text, None)
    except TypeError:
        raise FoleyError(
            "is protected by a password",
            option=_KEY_OPTION,
            path=path,
            remedy="unlock a copy: openssl pkey -in KEY -out PLAIN",
        ) from None
    except (ValueError, _unsupported()):
        raise FoleyError("no private key in PEM format", option=_KEY_OPTION, path=path) from None
    own = private.public_key()
    leaf = next((one for one in chain if one.public_key() == own), None)
    if leaf is None:
        raise FoleyError(f"is not the key of {certificate}", option=_KEY_OPTION, path=path)
    _check_dates(leaf, certificate)
    # A chain begins with the certificate of the signer.
    ordered = [leaf, *(one for one in chain if one is not leaf)]
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    credentials = Credentials(
        chain=b"".join(one.public_bytes(encoding) for one in ordered),
        key=private.private_bytes(encoding, form, serialization.NoEncryption()),
        algorithm=_algorithm(private, path),
        name=one_line(leaf.subject.rfc4514_string()),
    )
    _try_to_sign(credentials, certificate)
    return credentials


def check_container(path: Path) -> None:
    """Check that C2PA takes the container of a file that is to be signed, by its suffix.

    Raises:
        MediaError: It does not.
    """
    if path.suffix.lower() not in SIGNED_SUFFIXES:
        raise MediaError(
            f"C2PA does not take {path.suffix or 'it'}",
            path=path.name,
            remedy="convert the video to mp4 or mov first, or leave out --sign",
        )


def sign_run(
    timeline: Timeline,
    credentials: Credentials,
    *,
    video: Path | None,
    parent: Path,
    mixes: Sequence[Path],
    stems: Mapping[str, Path],
    version: str,
) -> None:
    """Sign the new video and the mixes of a run, and verify each by C2PA's own reader.

    Args:
        timeline: What was rendered.
        credentials: Whose signature it is.
        video: The video with its new sound; None if there is none.
        parent: The video that it was made of.
        mixes: Sound files of the mix.
        stems: The stems by name, which a manifest names by their hashes.
        version: Version of this program.

    Raises:
        MediaError: A file cannot be signed.
    """
    uses = source_uses(timeline)
    parts = _ingredients(uses, stems)
    for path in (*mixes, *([] if video is None else [video])):
        is_video = video is not None and path == video
        manifest = _manifest(path, timeline, parts, is_video=is_video, version=version)
        _sign_file(path, manifest, credentials, parent if is_video else None, timeline)


def read_signature(path: Path) -> dict[str, Any]:
    """Read and verify the C2PA manifest of a file.

    Returns:
        The active manifest, with the `state` of its verification: `Valid`, or `Trusted` if the
        signer is on the reader's list, or `Invalid`.

    Raises:
        MediaError: It has none, or it cannot be read.
    """
    import c2pa

    check_container(path)
    try:
        with path.open("rb") as file:
            reader = c2pa.Reader(SIGNED_SUFFIXES[path.suffix.lower()], file)
            manifest = json.loads(reader.json())
            state = reader.get_validation_state()
    except c2pa.C2paError as error:
        raise MediaError(
            f"has no manifest that can be read ({one_line(error)})", path=path
        ) from None
    return {**manifest["manifests"][manifest["active_manifest"]], "state": state}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ingredient:
    """A stem as a part of a mix."""

    label: str
    title: str
    sha256: str
    description: str
    term: str | None
    """None for the video's own sound, of which nothing is known."""


def _ingredients(uses: Sequence[SourceUse], stems: Mapping[str, Path]) -> list[_Ingredient]:
    found: list[_Ingredient] = []
    for name, path in stems.items():
        own = [use for use in uses if use.effect == name]
        cues = sum(use.cues for use in own)
        title = f"{name.replace('_', ' ')}, {'1 cue' if cues == 1 else f'{cues} cues'}"
        how = ", ".join(dict.fromkeys(MEANINGS[use.digital_source] for use in own))
        term = term_of_all([use.digital_source for use in own], has_original=False)
        if name == ROOM_TONE_STEM:
            title, how, term = "room tone", MEANINGS["synthesised"], TERMS["synthesised"]
        is_original = name == ORIGINAL_STEM
        found.append(
            _Ingredient(
                label=f"stem-{len(found) + 1}",
                title=path.name,
                sha256=file_sha256(path),
                description="the video's own sound" if is_original else f"{title}: {how}",
                term=None if is_original else IPTC + term,
            )
        )
    return found


def _manifest(
    path: Path, timeline: Timeline, parts: Sequence[_Ingredient], *, is_video: bool, version: str
) -> dict[str, Any]:
    agent = {"name": "temporal-foley", "version": version}
    if is_video:
        # There, its own sound is part of what is opened.
        parts = [part for part in parts if part.term is not None]
    mix = {"softwareAgent": agent, "digitalSourceType": term_of_mix(timeline)}
    if is_video:
        opened = {"ingredientIds": ["parent"]}
        first = {"action": "c2pa.opened", "softwareAgent": agent, "parameters": opened}
    else:
        first = {"action": "c2pa.created", **mix}
    actions = [first]
    for part in parts:
        placed = {
            "action": "c2pa.placed",
            "softwareAgent": agent,
            "description": part.description,
            "parameters": {"ingredientIds": [part.label]},
        }
        actions.append(placed if part.term is None else {**placed, "digitalSourceType": part.term})
    if is_video and parts:
        text = "The sound was replaced by a mix of the added sounds and the video's own sound"
        actions.append({"action": "c2pa.edited", **mix, "description": text})
    media_type = SIGNED_SUFFIXES[path.suffix.lower()]
    return {
        "claim_generator_info": [agent],
        "title": one_line(path.name),
        "format": media_type,
        "ingredients": [
            {
                "label": part.label,
                "title": one_line(part.title),
                "format": "audio/wav",
                "instance_id": f"urn:sha256:{part.sha256}",
                "relationship": "componentOf",
            }
            for part in parts
        ],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


def _sign_file(
    path: Path,
    manifest: dict[str, Any],
    credentials: Credentials,
    parent: Path | None,
    timeline: Timeline,
) -> None:
    import c2pa

    check_container(path)
    part = path.with_name(f".{path.name[:80]}.{os.getpid()}.sign.part")
    try:
        if parent is not None:
            facts = {
                "label": "parent",
                "title": one_line(timeline.source.name),
                "instance_id": f"urn:sha256:{timeline.source.sha256}",
                "relationship": "parentOf",
            }
            kind = SIGNED_SUFFIXES.get(parent.suffix.lower())
            if kind is None:
                manifest["ingredients"].insert(0, {**facts, "format": "video"})
        builder = c2pa.Builder.from_json(json.dumps(manifest))
        if parent is not None and kind is not None:
            # With its file, so that a manifest of its own is carried on.
            with parent.open("rb") as file:
                builder.add_ingredient(json.dumps(facts), kind, file)
        with path.open("rb") as source, part.open("w+b") as target:
            builder.sign(_signer(credentials), manifest["format"], source, target)
            target.flush()
            os.fsync(target.fileno())
        os.replace(part, path)
    except (c2pa.C2paError, OSError) as error:
        raise MediaError(f"cannot be signed ({one_line(error)})", path=path.name) from None
    finally:
        part.unlink(missing_ok=True)
    state = read_signature(path)["state"]
    if state not in ("Valid", "Trusted"):
        raise MediaError(f"the signed file is {state}", path=path.name)


def _signer(credentials: Credentials) -> Any:
    import c2pa

    algorithm = credentials.algorithm.encode()
    info = c2pa.C2paSignerInfo(algorithm, credentials.chain, credentials.key, None)
    return c2pa.Signer.from_info(info)


def _try_to_sign(credentials: Credentials, certificate: Path) -> None:
    import c2pa

    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes(bytes(960))
    sound.seek(0)
    source = f"{IPTC}algorithmicMedia"
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": source}]}
    manifest = {
        "claim_generator_info": [{"name": "temporal-foley"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": actions}],
    }
    try:
        builder = c2pa.Builder.from_json(json.dumps(manifest))
        builder.sign(_signer(credentials), "audio/wav", sound, io.BytesIO())
    except c2pa.C2paError as error:
        raise FoleyError(
            f"does not sign for C2PA ({one_line(error)})",
            option=_OPTION,
            path=certificate,
            remedy="use a certificate for document signing or e-mail protection, with its chain",
        ) from None


def _read(path: Path, option: str) -> bytes:
    try:
        return read_whole(path, _LARGEST_BYTES)
    except OSError as error:
        raise FoleyError(
            f"cannot be read ({file_cause(error)})", option=option, path=path
        ) from None


def _find_key(certificate: Path, text: bytes, key: Path | None) -> tuple[Path, bytes]:
    if key is not None:
        return key, _read(key, _KEY_OPTION)
    if b"PRIVATE KEY-----" in text:
        return certificate, text[text.index(b"-----BEGIN", _key_start(text)) :]
    beside = certificate.with_suffix(".key")
    if not beside.is_file():
        raise FoleyError(
            "holds no private key", option=_OPTION, path=certificate, remedy="use --sign-key FILE"
        )
    return beside, _read(beside, _KEY_OPTION)


def _key_start(text: bytes) -> int:
    """Return where the line that begins the private key in a PEM text starts."""
    return text.rfind(b"-----BEGIN", 0, text.index(b"PRIVATE KEY-----"))


def _unsupported() -> type[Exception]:
    from cryptography.exceptions import UnsupportedAlgorithm

    return UnsupportedAlgorithm


def _check_dates(leaf: "Certificate", path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now > end:
        raise FoleyError(f"expired on {end:%Y-%m-%d}", option=_OPTION, path=path, remedy="renew it")
    if now < begin:
        raise FoleyError(
            f"is not valid before {begin:%Y-%m-%d %H:%M} UTC", option=_OPTION, path=path
        )


def _algorithm(private: Any, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= _SHORTEST_RSA_BITS:
        return "ps256"
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise FoleyError(
        "C2PA does not take a key of this kind",
        option=_KEY_OPTION,
        path=path,
        remedy="use P-256, P-384, P-521, Ed25519, or RSA of 2048 bits or more",
    )
