"""Write the review page: one HTML file in which cues are reviewed and edited in a browser."""

from temporal_foley.pages.review.page import (
    ReviewTake,
    read_review,
    review_html,
    take_entry,
    write_review,
)

__all__ = ["ReviewTake", "read_review", "review_html", "take_entry", "write_review"]
