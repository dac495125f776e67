"""Metrics about the files with keys and credentials that a service reads again while it runs."""

from collections.abc import Callable, Iterable, Mapping

from services.metrics.metric import Metric, Source, gauges_by


def of_key_files(is_unusable: Mapping[str, Callable[[], bool]]) -> Source:
    """Return the source for whether each file, by the setting that names it, could not be used the last time."""

    async def read() -> Iterable[Metric]:
        return (
            gauges_by(
                "setting",
                "tarifa_key_file_unusable",
                "1 if the file in this setting could not be used when it was last read.",
                {setting: float(is_so()) for setting, is_so in is_unusable.items()},
            ),
        )

    return read
