"""Everything that makes and reads training data; never imported by `temporal_foley`."""

# Old names of commands, such as `python -m data_pipeline.decide`.
__path__.append(f"{__path__[0]}/old_commands")
