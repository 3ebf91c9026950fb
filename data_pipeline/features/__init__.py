"""Make image and audio features of examples, store them, and read them back."""

import logging


def _is_worth_printing(record: logging.LogRecord) -> bool:
    """Return whether a message is not Beam's, at its import, about a cloud that is not used."""
    return "apitools" not in record.getMessage()


logging.getLogger().addFilter(_is_worth_printing)
