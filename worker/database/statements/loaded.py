"""Rows that were read, as what their table's model is."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy.orm import class_mapper
from sqlalchemy.orm.attributes import instance_dict
from sqlmodel import SQLModel

Model = TypeVar("Model", bound=SQLModel)


def loaded(model: type[Model], values: Mapping[Any, Any]) -> Model:
    """Return a row with all the *values* of its columns, as the ORM loads it.

    To construct it from them would tell the ORM of each as of a change, which takes fifty times as long.
    """
    row: Model = class_mapper(model).class_manager.new_instance()
    instance_dict(row).update(values)
    return row
