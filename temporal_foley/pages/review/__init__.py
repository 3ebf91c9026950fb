"""Write the review page: one HTML file in which cues are reviewed and edited in a browser."""

from temporal_foley.pages.review.page import ReviewTake, write_review

__all__ = ["ReviewTake", "write_review"]
