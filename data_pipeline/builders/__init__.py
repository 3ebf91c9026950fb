"""Build tensorflow-datasets of one schema from media and labels.

`stills` (pictures and sounds by class), `clips` (annotated videos), `composed` (of both)
and `scenes` (one scene per clip). `python -m data_pipeline build` runs them.
"""
