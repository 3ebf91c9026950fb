"""One file, one experiment: each has a function `config` that returns its settings."""
