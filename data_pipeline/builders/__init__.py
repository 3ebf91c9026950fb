"""Builders of tensorflow-datasets: media and labels in, array_record files of the one schema out.

`stills` (pictures and sounds by class), `clips` (annotated videos), `composed` (made up of both)
and `scenes` (one scene a clip). `python -m data_pipeline.prepare.command` runs them.
"""
