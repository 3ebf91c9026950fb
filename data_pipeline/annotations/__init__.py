"""Readers of published annotations: a publisher's files in, clips with labelled events out.

`python -m data_pipeline.annotations --help` shows the command; `catalogue.READERS` lists the
readers, one file each.
"""
