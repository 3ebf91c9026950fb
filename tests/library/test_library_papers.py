"""Licences and credits: what papers beside sounds say, what is allowed, who is named."""

from pathlib import Path, PurePosixPath

import pytest

from temporal_foley.cli.shared import allowed_licences
from temporal_foley.errors import UsageError
from temporal_foley.library.sidecars import Papers
from temporal_foley.sound.takes.licences import (
    is_allowed,
    licence_address,
    plain_licence,
)


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("CC0", "CC0-1.0"),
        ("**CC BY 3.0**", "CC-BY-3.0"),
        ("Creative Commons Attribution 4.0 International", "CC-BY-4.0"),
        ("Creative Commons Attribution-ShareAlike 3.0", "CC-BY-SA-3.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/", "CC-BY-NC-4.0"),
        ("CC-BY-NC-ND 4.0", "CC-BY-NC-ND-4.0"),
        ("GPL-2+", "GPL-2.0"),
        ("MIT package", "MIT"),
        ("CC0 or CC-BY 3.0 (per clip: README.md)", "CC0-1.0 OR CC-BY-3.0"),
        ("Royalty free, ask me", "Royalty free, ask me"),
        ("", "unknown"),
    ],
)
def test_licences_get_plain_names(said: str, plain: str) -> None:
    assert plain_licence(said) == plain


@pytest.mark.parametrize(
    ("licence", "allow", "is_in"),
    [
        ("CC0-1.0", "cc0", True),
        ("CC0-1.0", "cc-by", True),
        ("CC-BY-4.0", "cc0", False),
        ("CC-BY-4.0", "cc0,CC-BY", True),
        ("CC-BY-SA-3.0", "cc-by", False),
        ("CC-BY-NC-4.0", "cc-by", False),
        ("CC0-1.0 OR CC-BY-3.0", "cc0", False),
        ("CC0-1.0 OR CC-BY-3.0", "cc0,cc-by", True),
        ("unknown", "cc0,cc-by", False),
        ("Ask me", "unknown", True),
        ("Ask me", "", True),
    ],
)
def test_only_what_may_be_used_is_allowed(licence: str, allow: str, is_in: bool) -> None:
    allowed = allowed_licences(tuple(filter(None, allow.split(","))))
    assert is_allowed(licence, allowed) is is_in


def test_an_unknown_licence_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"unknown licence 'cc1'; did you mean cc0\?"):
        allowed_licences(("cc0", "cc1"))


def test_addresses_of_licences() -> None:
    assert licence_address("CC-BY-SA-3.0") == "https://creativecommons.org/licenses/by-sa/3.0/"
    assert licence_address("GPL-2.0") is None


def papers(root: Path, **texts: str) -> Papers:
    for name, text in texts.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return Papers(root)


def told(found: Papers, file: str) -> tuple[str, str]:
    paper = found.find(PurePosixPath(file))
    return paper.licence, paper.credit


def test_tables_tell_of_files(tmp_path: Path) -> None:
    found = papers(
        tmp_path,
        sounds_dot_csv="file,source,licence\nin/a.wav,Pack,CC0\nin/b.wav,Pack,CC BY 4.0\n",
        in__credits_dot_md="| File | Author | License |\n|---|---|---|\n"
        "| b.wav | [Ann](http://a) | **CC BY 3.0** |\n| bell_0* | N/A | CC0 |\n",
    )
    assert told(found, "in/a.wav") == ("CC0-1.0", "Pack")
    # What stands nearer goes before.
    assert told(found, "in/b.wav") == ("CC-BY-3.0", "Ann")
    assert told(found, "in/bell_02.wav") == ("CC0-1.0", "")
    assert told(found, "in/c.wav") == ("", "")


def test_an_author_near_by_and_a_licence_above_go_together(tmp_path: Path) -> None:
    found = papers(
        tmp_path,
        sounds_dot_csv="file,licence\nin/a.wav,CC0\n",
        in__who_dot_md="|filename|author|\n|---|---|\n|[a](a.wav)|Ann|\n",
    )
    assert told(found, "in/a.wav") == ("CC0-1.0", "Ann")


def test_lines_sidecars_and_whole_folders_tell(tmp_path: Path) -> None:
    found = papers(
        tmp_path,
        README_dot_md="- **[1-2-A.ogg](http://x/1-2-A.ogg)**: clip of [CC0 dog](http://y) "
        "by *nfrae* ([CC-BY](http://creativecommons.org/licenses/by/3.0/))\n",
        a_dot_wav_dot_license="SPDX-FileCopyrightText: 2020 Ann\nSPDX-License-Identifier: MIT\n",
        sub__LICENSE_dot_txt="CC0 1.0 Universal\n\nStatement of Purpose",
    )
    assert told(found, "dogs/1-2-A.ogg") == ("CC-BY", "nfrae")
    assert told(found, "a.wav") == ("MIT", "2020 Ann")
    assert told(found, "sub/deep/b.wav") == ("CC0-1.0", "")


def test_papers_that_are_no_text_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "sounds.csv").write_bytes(b"file,licence\n\xff\xfe\x00,\x00\n")
    (tmp_path / "LICENSE").write_bytes(bytes(range(256)))
    assert told(Papers(tmp_path), "a.wav") == ("", "")
