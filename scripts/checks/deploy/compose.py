"""compose.yaml as compose reads it: with the values of variables put in, nested defaults as well."""

import re

import yaml

from stage import ROOT


def interpolated(value, variables):
    """A value of the file with its variables: ${NAME}, ${NAME:-otherwise} and ${NAME:+instead}."""
    if isinstance(value, dict):
        return {name: interpolated(one, variables) for name, one in value.items()}
    if isinstance(value, list):
        return [interpolated(one, variables) for one in value]
    if not isinstance(value, str):
        return value

    def put(match):
        name, operator, other = match.groups()
        has = variables.get(name, "")
        return {"": has, ":-": has or other, ":+": other if has else ""}[operator or ""]

    # The innermost first.
    while (put_in := re.sub(r"\$\{(\w+)(?:(:-|:\+)([^${}]*))?\}", put, value)) != value:
        value = put_in
    return value


def service(name, variables, path=ROOT / "compose.yaml"):
    """A service of the file. The variables are those of the environment, on top of those of .env."""
    return interpolated(yaml.safe_load(path.read_text())["services"][name], variables)


def mounts(service):
    """What of this machine a service sees: pairs of source and target."""
    return [(one["source"], one["target"]) if isinstance(one, dict) else tuple(one.split(":")[:2]) for one in service["volumes"]]


def started_by_up(path=ROOT / "compose.yaml"):
    """The services that `docker compose up` starts."""
    services = yaml.safe_load(path.read_text())["services"]
    return [name for name, one in services.items() if "profiles" not in one]
