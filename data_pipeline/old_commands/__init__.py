"""Commands by their old names: `python -m data_pipeline.decide`."""
