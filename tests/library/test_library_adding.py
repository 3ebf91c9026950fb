"""Taking sounds into a library: what is recognised, kept, left out, corrected, and then used."""

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from temporal_foley.cli.main import main
from temporal_foley.effects import load_vocabulary
from temporal_foley.errors import LibraryError, UsageError
from temporal_foley.library.add import AddSettings, add_sounds
from temporal_foley.library.effect_names import Recognition
from temporal_foley.library.listen import Listener
from temporal_foley.sound.takes.catalogue import (
    CATALOGUE_NAME,
    read_catalogue,
    was_changed,
    write_catalogue,
)
from temporal_foley.sound.takes.library import load_library

RATE = 16_000
SETTINGS = AddSettings(vocabulary=load_vocabulary(), licence="CC0-1.0")


class Ear(Listener):
    """Recognises the same in every sound, and counts them."""

    def __init__(self, effect: str = "cat_meowing", confidence: float = 0.3):
        self.heard = 0
        self.answer = Recognition(effect=effect, confidence=confidence, by="listening")

    def recognise(self, waves):
        self.heard += len(waves)
        return [self.answer] * len(waves)


def write_hit(path: Path, seed: int, *, lead_s: float = 0.2, level: float = 0.3, **how) -> Path:
    """Write silence, a burst of noise that decays, and silence."""
    rng = np.random.default_rng(seed)
    hit = rng.normal(0, level, RATE // 2) * np.exp(-np.arange(RATE // 2) / (RATE / 20))
    quiet = np.zeros(int(lead_s * RATE))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.concatenate([quiet, hit, quiet]).clip(-1, 1), RATE, **how)
    return path


def add(source: Path, library: Path, ear: Ear | None = None, **settings):
    chosen = dataclasses.replace(SETTINGS, **settings)
    return add_sounds(source, library, chosen, listener=ear or Ear())  # type: ignore[arg-type]


def catalogued(library: Path):
    return {row.file: row for row in read_catalogue(library / CATALOGUE_NAME)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_hit(tmp_path / "pack/dog bark 1.wav", 1)
    write_hit(tmp_path / "pack/doors/creaking.flac", 2)
    write_hit(tmp_path / "pack/0001.ogg", 3)
    return tmp_path / "pack"


def test_sounds_are_recognised_copied_and_used(source: Path, tmp_path: Path) -> None:
    ear = Ear()
    outcome = add(source, tmp_path / "mine", ear)
    rows = catalogued(tmp_path / "mine")
    assert set(rows) == {"pack/dog bark 1.wav", "pack/doors/creaking.flac", "pack/0001.ogg"}
    bark, guess = rows["pack/dog bark 1.wav"], rows["pack/0001.ogg"]
    assert (bark.effect, bark.by, bark.use) == ("dog_barking", "file name", True)
    # What is heard with little confidence is for a person to decide.
    assert (guess.effect, guess.use, guess.confidence) == ("cat_meowing", False, 0.3)
    assert ear.heard == 1
    assert len(outcome.added) == 3
    library = load_library(tmp_path / "mine")
    (take,) = library.takes("dog_barking")
    assert (take.asset.name, take.asset.sha256) == ("pack/dog bark 1.wav", bark.sha256)
    assert {t.asset.kind for t in library.takes("cat_meowing")} == {"recipe"}


def test_a_take_is_trimmed_levelled_and_has_its_anchor(source: Path, tmp_path: Path) -> None:
    add(source, tmp_path / "mine")
    row = catalogued(tmp_path / "mine")["pack/dog bark 1.wav"]
    assert row.start_s == pytest.approx(0.195, abs=0.011)
    assert row.anchor_s == pytest.approx(0.2, abs=0.003)
    assert row.end_s is not None
    assert row.end_s < row.seconds
    assert row.level_lufs is not None
    assert row.peak_dbfs is not None
    assert row.peak_dbfs + row.gain_db <= -3.9
    library = load_library(tmp_path / "mine")
    take = library.read(library.takes("dog_barking")[0].asset)
    assert len(take.samples) == pytest.approx((row.end_s - row.start_s) * 48_000, abs=2)
    assert take.anchor == pytest.approx((row.anchor_s - row.start_s) * 48_000, abs=2)


def test_adding_again_changes_nothing_and_keeps_corrections(source: Path, tmp_path: Path) -> None:
    library = tmp_path / "mine"
    add(source, library)
    rows = catalogued(library)
    rows["pack/0001.ogg"] = dataclasses.replace(rows["pack/0001.ogg"], effect="fire", use=True)
    write_catalogue(rows.values(), library / CATALOGUE_NAME)
    before = (library / CATALOGUE_NAME).read_bytes()
    outcome = add(source, library)
    assert (outcome.known, len(outcome.added), outcome.left_out) == (3, 0, ())
    assert (library / CATALOGUE_NAME).read_bytes() == before


def test_a_corrected_table_is_read_back(source: Path, tmp_path: Path) -> None:
    library, table = tmp_path / "mine", tmp_path / "mine.csv"
    add(source, library)
    table.write_text("file,effect,license\npack/0001.ogg,fire,CC BY 4.0\npack/dog bark 1.wav,,\n")
    outcome = add(source, library, table=table)
    rows = catalogued(library)
    fire, bark = rows["pack/0001.ogg"], rows["pack/dog bark 1.wav"]
    assert outcome.corrected == 2
    assert (fire.effect, fire.use, fire.by, fire.confidence) == ("fire", True, "table", 1.0)
    # Too short to go on as a fire does.
    assert fire.kind == "one_shot"
    assert (bark.effect, bark.use) == ("", False)
    table.write_text("file\teffect\npack/0001.ogg\tdragon\n")
    with pytest.raises(LibraryError, match="line 2: effect 'dragon' is not known"):
        add(source, library, table=table)


def test_the_same_sound_is_taken_once(source: Path, tmp_path: Path) -> None:
    write_hit(source / "copy.wav", 1)
    samples, rate = soundfile.read(source / "copy.wav", dtype="int16")
    soundfile.write(source / "same.flac", samples, rate)
    outcome = add(source, tmp_path / "mine")
    why = dict(outcome.left_out)
    assert set(why) == {"dog bark 1.wav", "same.flac"}
    assert why["dog bark 1.wav"] == "the same file as pack/copy.wav"
    assert why["same.flac"] == "the same sound as pack/copy.wav"


def test_what_is_no_sound_or_not_allowed_stays_out(source: Path, tmp_path: Path) -> None:
    (source / "broken.wav").write_bytes(b"junk")
    (source / "list.csv").write_text("file,licence\ndog bark 1.wav,CC BY-NC 3.0\n")
    (source / "link.wav").symlink_to("/etc/passwd")
    outcome = add(source, tmp_path / "mine", allowed=frozenset({"cc0"}))
    why = dict(outcome.left_out)
    assert set(why) == {"broken.wav", "dog bark 1.wav"}
    assert why["dog bark 1.wav"] == "licence CC-BY-NC-3.0 is not allowed"
    assert not (tmp_path / "mine/pack/dog bark 1.wav").exists()


def test_an_archive_is_added_as_a_folder_is(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "Pack.zip", "w") as archive:
        for path in source.rglob("*.*"):
            archive.write(path, path.relative_to(source))
    add(tmp_path / "Pack.zip", tmp_path / "from zip")
    add(source, tmp_path / "from folder")
    zipped, plain = catalogued(tmp_path / "from zip"), catalogued(tmp_path / "from folder")
    assert zipped == plain


def test_a_refused_archive_leaves_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../dog.wav", b"x")
    with pytest.raises(LibraryError, match="leads out"):
        add(tmp_path / "bad.zip", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    with pytest.raises(UsageError, match="neither a folder nor"):
        add(tmp_path / "nothing.doc", tmp_path / "mine")


def test_a_library_is_catalogued_where_it_is(source: Path) -> None:
    add(source, source)
    assert set(catalogued(source)) == {"dog bark 1.wav", "doors/creaking.flac", "0001.ogg"}
    assert sorted(p.name for p in source.iterdir()) == [
        *("0001.ogg", "dog bark 1.wav", "doors", "library.tsv")
    ]
    (source / "dog bark 1.wav").rename(source / "rex.wav")
    outcome = add(source, source)
    # What was known of a file that was moved goes with it.
    assert outcome.known == 3
    assert catalogued(source)["rex.wav"].effect == "dog_barking"


def test_licences_can_be_left_out_of_a_render(source: Path, tmp_path: Path) -> None:
    (source / "list.csv").write_text("file,licence\ndog bark 1.wav,CC BY 3.0\n")
    add(source, tmp_path / "mine")
    cc0 = load_library(tmp_path / "mine", allowed=frozenset({"cc0"}))
    assert {take.asset.kind for take in cc0.takes("dog_barking")} == {"recipe"}
    assert {take.asset.kind for take in cc0.takes("door_opening")} == {"file"}
    by = load_library(tmp_path / "mine", allowed=frozenset({"cc-by"}))
    assert {take.asset.kind for take in by.takes("dog_barking")} == {"file"}
    # What a cue list was cast from stays the same library.
    assert cc0.sha256 == by.sha256 == load_library(tmp_path / "mine").sha256


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("\tyes\t", "\tmaybe\t", "use must be yes or no"),
        ("\tdog_barking\t", "\tDog Barking\t", "effect must be the name"),
        ("pack/dog bark 1.wav\t", "../x.wav\t", "inside the library"),
        ("pack/dog bark 1.wav\t", "pack/gone.wav\t", "does not exist"),
        ("file\t", "name\t", "must name the columns"),
    ],
)
def test_a_wrong_table_is_told(source: Path, tmp_path: Path, old, new, why) -> None:
    add(source, tmp_path / "mine")
    catalogue = tmp_path / "mine" / CATALOGUE_NAME
    text = catalogue.read_text()
    assert old in text
    catalogue.write_text(text.replace(old, new, 1))
    with pytest.raises(LibraryError, match=why) as caught:
        load_library(tmp_path / "mine")
    assert str(catalogue) in str(caught.value)


def test_the_commands_list_audition_and_check(source: Path, tmp_path: Path, capsys) -> None:
    library = str(tmp_path / "mine")
    added = ["library", "add", str(source), "--to", library, "--no-listen", "--licence", "CC0"]
    assert main(added) == 0
    assert "3 added" in capsys.readouterr().out
    assert main(["library", "list", library]) == 0
    assert "dog_barking: 1 in use (1 by file name)" in capsys.readouterr().out
    assert main(["library", "list", library, "--effect", "dog_barking"]) == 0
    assert "pack/dog bark 1.wav: in use" in capsys.readouterr().out
    out = tmp_path / "hear.wav"
    assert main(["library", "audition", library, "--out", str(out)]) == 0
    assert len((tmp_path / "hear.txt").read_text().splitlines()) == 2
    assert soundfile.info(out).samplerate == 48_000
    assert main(["library", "audition", library, "--out", str(out)]) == 3
    capsys.readouterr()
    (tmp_path / "mine/pack/dog bark 1.wav").unlink()
    assert main(["library", "check", library]) == 3
    assert "pack/dog bark 1.wav: is missing" in capsys.readouterr().out
    assert main(["library", "list", str(tmp_path)]) == 3
    assert "library add DIR --to" in capsys.readouterr().err
    assert main(["library", "add", str(source), "--allow", "free"]) == 2


def test_a_single_sound_file_can_be_added(source: Path, tmp_path: Path, capsys) -> None:
    (sound,) = source.rglob("dog bark 1.wav")
    library = tmp_path / "mine"
    assert main(["library", "add", str(sound), "--to", str(library), "--no-listen"]) == 0
    assert "1 added" in capsys.readouterr().out
    assert [path.name for path in library.rglob("*.wav")] == ["dog bark 1.wav"]
    assert main(["library", "add", str(tmp_path / "none.wav"), "--to", str(library)]) == 2
    assert "none.wav: neither a folder nor a sound file" in capsys.readouterr().err


def test_where_a_sound_comes_from_is_read_from_its_file_or_given(tmp_path):
    source, library = tmp_path / "source", tmp_path / "library"
    write_hit(source / "dog bark.wav", 1)
    made = write_hit(source / "dog bark made.wav", 2)
    term = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    data = made.read_bytes() + b"C2PA" + (len(term) + len(term) % 2).to_bytes(4, "little") + term
    made.write_bytes(b"RIFF" + (len(data) - 8).to_bytes(4, "little") + data[8:])
    rows = {row.file: row for row in add_sounds(source, library, SETTINGS).added}
    sources = {Path(file).stem: row.digital_source for file, row in rows.items()}
    assert sources == {"dog bark": "recorded", "dog bark made": "generated"}
    takes = load_library(library).takes("dog_barking")
    assert sorted(take.asset.digital_source for take in takes) == ["generated", "recorded"]
    other = tmp_path / "other"
    words = ["library", "add", str(source), "--to", str(other), "--no-listen"]
    assert main([*words, "--digital-source", "composite"]) == 0
    found = {row.digital_source for row in read_catalogue(other / CATALOGUE_NAME)}
    assert found == {"composite", "generated"}


def test_a_table_overrides_where_a_sound_comes_from(tmp_path, capsys):
    source, library = tmp_path / "source", tmp_path / "library"
    write_hit(source / "dog bark.wav", 1)
    add_sounds(source, library, SETTINGS)
    path = library / CATALOGUE_NAME
    text = path.read_text()
    path.write_text(text.replace("\trecorded\t", "\tAI\t"))
    assert load_library(library).takes("dog_barking")[0].asset.digital_source == "generated"
    path.write_text(text.replace("\trecorded\t", "\trecorde\t"))
    with pytest.raises(LibraryError, match=r"line 2: digital_source .*did you mean recorded\?"):
        load_library(library)
    words = ["library", "add", str(source), "--to", str(library), "--digital-source", "generatde"]
    assert main(words) == 2
    assert "--digital-source: 'generatde' is not known; did you mean generated?" in (
        capsys.readouterr().err
    )


def test_a_catalogue_without_the_column_is_read_and_not_taken_for_changed(tmp_path):
    source, library = tmp_path / "source", tmp_path / "library"
    write_hit(source / "dog bark.wav", 1)
    add_sounds(source, library, SETTINGS)
    path = library / CATALOGUE_NAME
    (row,) = read_catalogue(path)
    write_catalogue([dataclasses.replace(row, digital_source="")], path)
    head, line = [text.split("\t") for text in path.read_text().splitlines()]
    at = head.index("digital_source")
    del head[at], line[at]
    path.write_text("\t".join(head) + "\n" + "\t".join(line) + "\n")
    (old,) = read_catalogue(path)
    assert not was_changed(old)
    assert load_library(library).takes("dog_barking")[0].asset.digital_source == "recorded"
