"""Who does long work: options that verbs share."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from kivuko.errors import InputError, UnknownNameError
from kivuko.workers import Driver, Workers

DriverOption = Annotated[str, typer.Option(help="Who works: processes of this machine, or ray.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="How many; one for each core of the machine or cluster by default.")
]
RayAddressOption = Annotated[
    str | None, typer.Option(help="Of the Ray cluster; RAY_ADDRESS, else one on this machine, by default.")
]
GpusOption = Annotated[float, typer.Option(min=0, help="GPUs that each worker of the Ray cluster holds.")]


def chosen_workers(
    driver: str, count: int | None, ray_address: str | None = None, gpus: float = 0.0
) -> Workers:
    """The workers meant.

    Raises:
        UnknownNameError: no such driver.
        InputError: an option of the other driver.
    """
    if driver not in get_args(Driver):
        raise UnknownNameError("driver", driver, get_args(Driver))
    if driver != "ray" and (ray_address is not None or gpus):
        raise InputError(
            "--ray-address and --gpus are for workers of a Ray cluster", remedy="give --driver ray as well"
        )
    return Workers(driver, count, ray_address, gpus)  # type: ignore[arg-type]
