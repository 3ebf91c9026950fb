"""Check signatures by C2PA's own reader: what they state, and which certificates are refused."""

import dataclasses
import shutil
import sys

import av
import numpy as np
import pytest
import soundfile

from temporal_foley.cli.main import main
from temporal_foley.documents.signing import check_container, load_credentials, read_signature
from temporal_foley.errors import FoleyError, MediaError
from temporal_foley.files.digest import file_sha256
from temporal_foley.media.video import probe_video
from temporal_foley.render import render_cue_list
from temporal_foley.sound.takes.digital_source import IPTC
from temporal_foley.timeline import MixSettings
from tests.clips import tone
from tests.factories import make_audible_timeline, write_cue_list

pytest.importorskip("c2pa")
pytest.importorskip("cryptography")

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.documents.certificates import write_certificate


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    return write_certificate(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module")
def credentials(studio):
    return load_credentials(*studio)


def render(folder, make_clip, suffix=".mp4", sign=None, audio=None, **mix):
    """Render a drop over a fire for a clip of two seconds."""
    folder.mkdir(exist_ok=True)
    return render_video(make_clip(folder / f"clip{suffix}", seconds=2, audio=audio), sign, **mix)


def render_video(video, sign=None, **mix):
    has_audio = probe_video(video).has_audio
    facts = {"name": video.name, "sha256": file_sha256(video), "has_audio": has_audio}
    timeline = make_audible_timeline(**facts)
    timeline = dataclasses.replace(timeline, mix=dataclasses.replace(timeline.mix, **mix))
    return render_cue_list(write_cue_list(video.parent, timeline), sign=sign)


def actions_of(manifest):
    found = next(a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
    return found["data"]["actions"]


def streams(path):
    with av.open(str(path)) as container:
        pictures = [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]
    with av.open(str(path)) as container:
        sound = [f.to_ndarray() for f in container.decode(container.streams.audio[0])]
    return pictures, np.concatenate(sound, axis=-1)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_signed_video_states_its_parent_and_what_was_added(
    tmp_path, make_clip, credentials, suffix
):
    plain = render(tmp_path / "plain", make_clip, suffix, audio=tone(2.0))
    signed = render(tmp_path / "signed", make_clip, suffix, credentials, audio=tone(2.0))
    manifest = read_signature(signed.video)
    assert manifest["state"] in ("Valid", "Trusted")
    opened, *placed, edited = actions_of(manifest)
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert {one["action"] for one in placed} == {"c2pa.placed"}
    assert {one["digitalSourceType"] for one in placed} == {f"{IPTC}algorithmicMedia"}
    assert edited["digitalSourceType"] == f"{IPTC}composite"
    parts = {one["instance_id"]: one for one in manifest["ingredients"]}
    stems = {n: p for n, p in signed.stems.items() if n != "original"}
    assert {i for i, one in parts.items() if one["relationship"] == "componentOf"} == {
        f"urn:sha256:{file_sha256(path)}" for path in stems.values()
    }
    (parent,) = [one for one in parts.values() if one["relationship"] == "parentOf"]
    assert parent["title"] == f"clip{suffix}"
    # Nothing that plays has changed.
    before, after = streams(plain.video), streams(signed.video)
    assert before[0] == after[0]
    np.testing.assert_array_equal(before[1], after[1])


def test_a_signed_mix_is_created_from_its_stems_and_plays_the_same(
    tmp_path, make_clip, credentials
):
    plain = render(tmp_path / "plain", make_clip)
    signed = render(tmp_path / "signed", make_clip, sign=credentials)
    manifest = read_signature(signed.mix)
    created, *placed = actions_of(manifest)
    assert created["action"] == "c2pa.created"
    assert created["digitalSourceType"] == f"{IPTC}algorithmicMedia"
    assert len(placed) == len(signed.stems)
    np.testing.assert_array_equal(soundfile.read(plain.mix)[0], soundfile.read(signed.mix)[0])
    with pytest.raises(MediaError, match="has no manifest"):
        read_signature(plain.mix)


def test_a_changed_file_is_invalid(tmp_path, make_clip, credentials):
    signed = render(tmp_path / "signed", make_clip, sign=credentials)
    data = bytearray(signed.mix.read_bytes())
    data[2000] ^= 1
    signed.mix.write_bytes(data)
    assert read_signature(signed.mix)["state"] == "Invalid"


def test_a_manifest_of_the_source_is_carried_on(tmp_path, make_clip, credentials):
    first = render(tmp_path / "first", make_clip, sign=credentials)
    again = tmp_path / "again"
    again.mkdir()
    second = render_video(shutil.copy(first.video, again / "clip.mp4"), credentials)
    parent = read_signature(second.video)["ingredients"]
    assert any(one.get("active_manifest") for one in parent)


def test_music_and_effects_are_signed_too(tmp_path, make_clip, credentials):
    signed = render(tmp_path, make_clip, sign=credentials, audio=tone(2.0), music_and_effects=True)
    path = signed.folder / "music_and_effects.wav"
    assert read_signature(path)["state"] in ("Valid", "Trusted")


def test_a_container_that_c2pa_does_not_take_is_refused_before_the_work(
    tmp_path, make_clip, credentials
):
    with pytest.raises(MediaError, match=r"C2PA does not take \.mkv; convert"):
        render(tmp_path, make_clip, ".mkv", credentials)
    assert not (tmp_path / "clip.foley" / "mix.wav").exists()
    with pytest.raises(MediaError):
        check_container(tmp_path / "clip.webm")


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65_537, 2048),
    ],
    ids=["P-384", "P-521", "Ed25519", "RSA"],
)
def test_usual_kinds_of_keys_sign(tmp_path, key):
    load_credentials(*write_certificate(tmp_path, key=key))


def test_the_key_may_be_in_the_certificates_file_or_beside_it(tmp_path):
    certificate, key = write_certificate(tmp_path)
    assert load_credentials(certificate).algorithm == "es256"
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    assert "studio" in load_credentials(both).name
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    load_credentials(both)


def test_a_chain_in_the_wrong_order_is_put_right(tmp_path, make_clip):
    credentials = load_credentials(*write_certificate(tmp_path, root_first=True))
    signed = render(tmp_path / "signed", make_clip, sign=credentials)
    assert read_signature(signed.mix)["state"] in ("Valid", "Trusted")


def wrong(folder):
    """Yield certificate, key and a part of the message for everything that can be wrong."""
    good, key = write_certificate(folder, "good")
    other = write_certificate(folder, "other")[1]
    text = folder / "text.pem"
    text.write_text("hello")
    alone = folder / "alone.pem"
    alone.write_bytes(good.read_bytes())
    tls = ExtendedKeyUsageOID.SERVER_AUTH
    yield good, other, "is not the key of"
    yield text, key, "no certificate in PEM format"
    yield good, text, "no private key in PEM format"
    yield good, good, "no private key in PEM format"
    yield folder / "none.pem", key, "cannot be read"
    yield good, folder / "none.key", "cannot be read"
    yield folder, key, "cannot be read"
    yield alone, None, "holds no private key; use --sign-key FILE"
    yield *write_certificate(folder, "old", from_days=-9, until_days=-2), "expired on 20"
    yield *write_certificate(folder, "new", from_days=2), "is not valid before 20"
    yield *write_certificate(folder, "locked", password=b"x"), "is protected by a password"
    yield *write_certificate(folder, "tls", usage=tls), "does not sign for C2PA"
    weak = rsa.generate_private_key(65_537, 1024)
    yield *write_certificate(folder, "weak", key=weak), "does not take a key of this kind"
    curve = ec.generate_private_key(ec.SECP256K1())
    yield *write_certificate(folder, "curve", key=curve), "does not take a key of this kind"


def test_what_is_wrong_with_a_certificate_or_key_is_said_in_one_line(tmp_path):
    for certificate, key, message in wrong(tmp_path):
        with pytest.raises(FoleyError) as caught:
            load_credentials(certificate, key)
        text = str(caught.value)
        assert message in text, text
        assert "\n" not in text
        assert "--sign" in text


def test_the_missing_extra_is_named(studio, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(FoleyError, match=r"--sign: needs the extra sign; pip install"):
        load_credentials(*studio)


def test_the_command_line_signs(tmp_path, make_clip, studio, capsys):
    cues = render(tmp_path, make_clip).folder / "cues.json"
    words = ["render", str(cues), "--overwrite"]
    assert main([*words, "--sign-key", "x"]) == 2
    assert main([*words, "--sign", str(studio[0])]) == 0
    video = tmp_path / "clip.foley" / "clip.foley.mp4"
    assert read_signature(video)["state"] in ("Valid", "Trusted")
    missing = str(tmp_path / "none.pem")
    assert main([*words, "--sign", missing]) == 3
    assert "error: --sign" in capsys.readouterr().err


def test_no_signature_means_no_manifest(tmp_path, make_clip):
    made = render(tmp_path, make_clip, loudness_lufs=MixSettings().loudness_lufs)
    with pytest.raises(MediaError, match="has no manifest"):
        read_signature(made.video)
