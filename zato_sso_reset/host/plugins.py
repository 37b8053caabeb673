"""The entry points of all that is installed, without importing any."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import zipfile

# Not with importlib.metadata, whose import takes as long as Click's: the price is that what only a finder of
# its own on sys.meta_path knows of, or an old *.egg folder has, is not found.


class Plugin(NamedTuple):
    """An entry point: its name, the `module:attribute` behind it, and the metadata folder it was found in."""

    name: str
    value: str
    info: "Path | zipfile.Path"

    def load(self) -> Any:
        """Import the module and return the attribute; raises whatever comes of that."""
        module, _, attribute = re.sub(r"\s|\[.*", "", self.value).partition(":")
        return attrgetter(attribute)(import_module(module))

    def origin(self) -> str:
        """Return the distribution's name and version, or its metadata folder's name where that has none."""
        from importlib.metadata import PathDistribution

        with suppress(Exception):
            metadata = PathDistribution(self.info).metadata
            if metadata["Name"]:
                return f"{metadata['Name']} {metadata['Version'] or ''}".rstrip()
        return self.info.name


def find_plugins(group: str) -> Iterator[Plugin]:
    """Find the entry points of `group`; of distributions of one name, the first on Python's path counts."""
    seen = set()
    for info in _metadata_folders():
        name = re.sub("[-_.]+", "-", info.name.rpartition(".")[0].partition("-")[0]).lower()
        if name not in seen:
            seen.add(name)
            with suppress(Exception):  # most have no entry points; one that is damaged is to harm no other
                yield from _read(info, group)


def _metadata_folders() -> Iterator["Path | zipfile.Path"]:
    for entry in sys.path:
        with suppress(Exception):  # no such folder, not to be looked into, a file of another kind
            for child in _open(Path(entry)).iterdir():
                if child.name.endswith((".dist-info", ".egg-info")):
                    yield child


def _open(entry: Path) -> "Path | zipfile.Path":
    if not entry.is_file():
        return entry
    import zipfile

    return zipfile.Path(entry)


def _read(info: "Path | zipfile.Path", group: str) -> list[Plugin]:
    plugins, section = [], ""
    text = (info / "entry_points.txt").read_text(encoding="utf-8")
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]")
        elif not line.startswith("#"):
            name, value = line.split("=", 1)
            if section == group:
                plugins.append(Plugin(name.strip(), value.strip(), info))
    return plugins
