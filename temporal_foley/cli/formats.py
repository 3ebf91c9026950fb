"""Read the names of export formats, and of the programs that open them."""

from temporal_foley.cli.console import Console
from temporal_foley.errors import UsageError, plain_name

PROGRAMS = {
    "ardour": "stems",
    "audition": "fcp7",
    "avid": "aaf",
    "bitwig": "dawproject",
    "cubase": "dawproject",
    "davinci": "fcp7",
    "ae": "after_effects",
    "excel": "csv",
    "final_cut": "fcpxml",
    "final_cut_pro": "fcpxml",
    "kdenlive": "otio",
    "logic": "stems",
    "media_composer": "aaf",
    "nuendo": "dawproject",
    "premiere": "fcp7",
    "pro_tools": "aaf",
    "protools": "aaf",
    "resolve": "fcp7",
    "studio_one": "dawproject",
}
"""The format to write for each program that has none of its own."""


def read_formats(
    names: tuple[str, ...] | None, console: Console, option: str = "--to"
) -> tuple[str, ...]:
    """Return the formats of some names; reports which format a program stands for.

    Raises:
        UsageError: A name is neither a format nor a program.
    """
    from temporal_foley.session.names import FORMATS

    formats: list[str] = []
    for name in names or ():
        plain = plain_name(name)
        if plain == "pdf":
            # The page prints as well.
            formats.append("html")
            console.note("pdf: writing html, a page to print")
        elif plain == "all":
            formats.extend(FORMATS)
        elif plain in FORMATS:
            formats.append(plain)
        elif plain in PROGRAMS:
            formats.append(PROGRAMS[plain])
            console.note(f"{name} opens {PROGRAMS[plain]}: writing {PROGRAMS[plain]}")
        else:
            raise UsageError.unknown("format", name, [*FORMATS, "all", *PROGRAMS], option=option)
    return tuple(dict.fromkeys(formats))
