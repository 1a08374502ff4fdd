"""The list of custom fields that Envoy gets: those of the row, and the defaults of its connection."""

from worker.invites.custom_fields import checked, label_key, require_few

FLOW = "{flow}"  # in a default's value: the name of the flow that the invite gets
OF_THE_CONNECTION = "by the connection's defaults: "


def custom_fields(own: object, defaults: object, *, flow_name: str | None) -> list[dict[str, str]] | None:
    """Return a row's custom fields with the connection's defaults, as Envoy takes them; None for none.

    A label that the row has wins.  A default that needs the flow's name is left out where there is none.

    Raises:
        InputError: they are beyond the bounds, or cannot be read.
    """
    found = checked(own)
    if defaults:
        named = {label_key(label) for label in found}
        added = checked(_with_flow(defaults, flow_name), whose=OF_THE_CONNECTION)
        found |= {label: value for label, value in added.items() if label_key(label) not in named}
        require_few(found, whose=OF_THE_CONNECTION)
    return [{"field": label, "value": value} for label, value in sorted(found.items())] or None


def _with_flow(defaults: object, flow_name: str | None) -> object:
    if not isinstance(defaults, dict):
        return defaults
    return {label: _filled(value, flow_name) for label, value in defaults.items()}


def _filled(value: object, flow_name: str | None) -> object:
    if not isinstance(value, str) or FLOW not in value:
        return value
    return value.replace(FLOW, flow_name) if flow_name else None
