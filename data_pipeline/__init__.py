"""Everything that makes and reads training data; never imported by `temporal_foley`."""
