"""Parse file names by the Universal Category System.

The list `ucs.tsv` is that of UCS 8.2.1, whose file naming convention is
`CatID(-UserCategory)_(VendorCategory-)FXName_CreatorID_SourceID(_UserData)`.
"""

import dataclasses
import functools
import re
from importlib import resources


@dataclasses.dataclass(frozen=True, kw_only=True)
class UcsName:
    """The blocks of a file name that follows the convention."""

    cat_id: str
    fx_name: str = ""
    creator: str = ""
    source: str = ""
    user_category: str = ""
    user_data: str = ""


@functools.cache
def ucs_categories() -> dict[str, tuple[str, str]]:
    """Return the category and subcategory of every CatID."""
    text = (resources.files("temporal_foley.library") / "ucs.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return {cat_id: (category, subcategory) for cat_id, category, subcategory in rows}


@functools.cache
def _by_lower() -> dict[str, str]:
    return {cat_id.lower(): cat_id for cat_id in ucs_categories()}


def find_cat_id(text: str) -> str | None:
    """Return the CatID that equals a text in any case, or None."""
    return _by_lower().get(text.strip().lower())


def parse_ucs_name(stem: str) -> UcsName | None:
    """Parse a file name without suffix; None if it does not follow the convention.

    All four required blocks must be present, because short CatIDs are common words (`ICE`, `THUN`);
    a CatID in its exact case that is not a plain word may be without the last blocks.
    """
    head, *blocks = stem.split("_")
    head, _, user_category = head.partition("-")
    cat_id = find_cat_id(head)
    if cat_id is None or not blocks:
        return None
    has_odd_case = cat_id == head.strip() and re.search("[A-Z]{2,}[a-z]", cat_id) is not None
    if len(blocks) < 3 and not has_odd_case:
        return None
    fx_name, creator, source, *rest = [block.strip() for block in (*blocks, "", "")]
    return UcsName(
        cat_id=cat_id,
        fx_name=fx_name,
        creator=creator,
        source=source,
        user_category=user_category.strip(),
        user_data="_".join(part for part in rest if part),
    )
