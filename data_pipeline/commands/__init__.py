"""The commands of `python -m data_pipeline`, one file for each group of verbs."""
