"""Load training configurations: those of `configs`, or files anywhere."""

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import configs
from temporal_foley.errors import UsageError

if TYPE_CHECKING:
    from temporal_foley.training.config import Config


def config_names() -> tuple[str, ...]:
    """Return the names of the shipped configurations."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(configs.__path__)))


def load_config(name: str) -> "Config":
    """Load a shipped configuration by name, or one of your own by its path.

    Such a file has a function `config()`, which returns a `Config`. It is Python, and is run.

    Raises:
        UsageError: There is no such configuration, or the file has no such function.
    """
    path = Path(name)
    if path.suffix == ".py":
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise UsageError("no such configuration", path=path)
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (
            SyntaxError,
            ImportError,
            NameError,
            AttributeError,
            TypeError,
            ValueError,
        ) as error:
            raise UsageError(f"cannot be run ({error})", path=path) from None
    elif name in config_names():
        module = importlib.import_module(f"configs.{name}")
    else:
        raise UsageError.unknown("configuration", name, config_names())
    from temporal_foley.training.config import Config

    config = module.config() if hasattr(module, "config") else None
    if not isinstance(config, Config):
        raise UsageError(
            "has no function config() that returns a Config", path=path, remedy="see configs/"
        )
    return config
