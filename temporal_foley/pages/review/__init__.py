"""The review page: a timeline and what belongs to it in, one HTML file for a browser out."""

from temporal_foley.pages.review.page import ReviewTake, write_review

__all__ = ["ReviewTake", "write_review"]
