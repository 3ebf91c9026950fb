"""Watches a video, decides what should be heard and when, and lays up effect tracks for it."""

__version__ = "0.1.0"
