"""Reading the YAML files that users write."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from beauty_mlflow.errors import DataError
from beauty_mlflow.files import read_typed


class _StrictLoader(yaml.SafeLoader):
    """YAML without tags that make objects, without aliases, and without keys that silently overwrite each other."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # a few lines of aliases of aliases are gigabytes
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "it has an alias (*name); write out what it stands for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        seen: set[Hashable] = set()
        for key in keys:
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' stands there twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(source: str, what: str, *, expected: str, form: str) -> object:
    """Return what a file holds.

    Args:
        source: Its path.
        what: It is, in words.
        expected: What to give instead of a file that can't be read.
        form: How such a file is written.

    Raises:
        DataError: It can't be read, isn't UTF-8, is no YAML, or a key stands there twice.
    """
    try:
        return load_yaml(read_typed(Path(source)))
    except OSError as error:
        raise DataError(f"the {what} '{source}' can't be read ({error.strerror}); expected {expected}") from None
    # the last three are PyYAML's own tags' (!!timestamp x, !!bool x, !!int '') and a list's as a key
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, LookupError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"the {what} '{source}' is no YAML file of {form}: {reason}") from None


def load_yaml(text: str) -> object:
    """Return what a text holds, which is known to be right."""
    return yaml.load(text, _StrictLoader)  # noqa: S506 - it is a SafeLoader
