"""Check types and array shapes of the package while tests run.

`tests/conftest.py` names `check` to jaxtyping's import hook, which applies it to every function.
"""

from pathlib import Path

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""Integers are floats too, as PEP 484 says."""

ROOT = Path(__file__).parents[1]
PACKAGES = ("temporal_foley", "data_pipeline")
UNCHECKED = ("temporal_foley.sound.synth",)
"""Packages that the hook leaves alone."""


def checked_modules() -> list[str]:
    """Return the modules that the hook is for, by name."""
    found = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            name = name.removesuffix(".__init__")
            holds_unchecked = any(other.startswith(f"{name}.") for other in UNCHECKED)
            if not name.startswith(UNCHECKED) and not holds_unchecked:
                found.append(name)
    return found
