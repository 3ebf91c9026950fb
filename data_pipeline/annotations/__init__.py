"""Readers of published annotations: they return clips whose events have a name and times.

`catalogue.READERS` lists them; `python -m data_pipeline annotations list` prints them.
"""
