"""Libraries that are imported only where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType


def need(name: str, extra: str) -> ModuleType:
    """Imports a library, or says which extra of the package brings it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".")[0]:
            raise
        raise ImportError(f"{name} is not installed: pip install 'mtdh[{extra}]'", name=name) from None
