"""Note the settings of a training, so that it does not go on silently with others."""

import dataclasses
import json
from typing import Any

from data_pipeline.train.options import TrainOptions
from temporal_foley.errors import FoleyError, UsageError
from temporal_foley.training.loop import differences

SETTINGS = "settings.json"
FREE = ("out", "workers", "baseline", "overwrite")
"""Options that do not change the model."""


def check_settings(options: TrainOptions) -> None:
    """Check that the output folder was not started with other settings.

    Raises:
        UsageError: It was started with others, and `overwrite` is not set.
    """
    path = options.work / SETTINGS
    wanted = _settings(options)
    if path.is_file() and not options.overwrite:
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise FoleyError(
                f"cannot be read ({error})", path=path, remedy="give --overwrite"
            ) from None
        changed = [f"--{name.replace('_', '-')}" for name in differences(found, wanted)]
        if changed:
            raise UsageError(
                f"was started with another {'; '.join(changed[:3])}",
                path=options.out,
                remedy="use another --out, or --overwrite to train again with the new settings",
            )


def note_settings(options: TrainOptions) -> None:
    """Note the settings in the output folder."""
    path = options.work / SETTINGS
    part = path.with_name(f"{SETTINGS}.part")
    part.write_text(json.dumps(_settings(options), indent=1) + "\n", "utf-8")
    part.replace(path)


def _settings(options: TrainOptions) -> dict[str, Any]:
    """Return the settings as JSON; paths are made absolute, and names of vocabularies stay."""
    given = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(options)
        if field.name not in FREE
    }
    for name in ("pictures", "sounds", "videos", "annotations"):
        given[name] = None if given[name] is None else str(given[name].resolve())
    if options.config is not None:
        given["config"] = dataclasses.asdict(options.config)
    return json.loads(json.dumps(given))
