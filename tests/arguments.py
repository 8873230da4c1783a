"""What tests give to the command line: options, and sweep files."""

import json


def options(given):
    """Return the words of a command's options, from values by their names."""
    return [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def toml(content):
    """Return the text of a TOML file with these values by their names."""
    return "".join(f"{name} = {_value(one)}\n" for name, one in content.items())


def _value(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
