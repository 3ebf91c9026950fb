"""Write planned examples as tensorflow-datasets; base of the four builders.

A plan names the items of each split; nothing is made before `download_and_prepare`.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from data_pipeline.builders.splits import TEST, TRAIN, VALIDATION
from data_pipeline.builders.staging import Rejected, Work, has_examples, make_examples
from data_pipeline.schema import features, to_example
from temporal_foley.effects import Vocabulary
from temporal_foley.errors import FoleyError

SPLIT_ORDER = (TRAIN, VALIDATION, TEST)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The items of each split that a build will make, and those rejected before."""

    config_name: str
    description: str
    vocabulary: Vocabulary
    works: Mapping[str, Work]
    rejected: tuple[Rejected, ...] = ()
    scenes: tuple[str, ...] = ()


@dataclasses.dataclass(eq=False, kw_only=True, repr=False)
class PlanConfig(tfds.core.BuilderConfig):
    """A builder's configuration: a plan, and where and how to execute it."""

    plan: Plan | None = None
    staging: Path | None = None
    workers: int = 1
    progress: Callable[[str, float], None] | None = None
    rejected: list[Rejected] = dataclasses.field(default_factory=list)
    """Filled while the build runs."""

    @classmethod
    def of(cls, plan: Plan, staging: Path, **how: Any) -> "PlanConfig":
        """Make the configuration of a plan."""
        return cls(
            name=plan.config_name,
            description=plan.description,
            plan=plan,
            staging=staging,
            rejected=list(plan.rejected),
            **how,
        )


class PlannedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base of the builders: writes what its configuration's plan makes."""

    BUILDER_CONFIGS: ClassVar[list[PlanConfig]] = []

    def _info(self) -> tfds.core.DatasetInfo:
        # The order of the vocabulary is frozen in the metadata.
        metadata = None
        if self.builder_config is not None:
            plan = _plan(self)
            metadata = tfds.core.MetadataDict(
                effects=list(plan.vocabulary.names),
                scenes=list(plan.scenes),
                vocabulary=plan.vocabulary.name,
                vocabulary_sha256=plan.vocabulary.sha256,
                settings={split: work.settings for split, work in plan.works.items()},
            )
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=features(),
            metadata=metadata,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterable[tuple[str, Any]]]:
        """Return one stream of examples for each split that has any.

        Raises:
            FoleyError: No item of any split can be used.
        """
        works, config = _plan(self).works, self.builder_config
        assert isinstance(config, PlanConfig)
        assert config.staging is not None
        # A split without examples cannot be written: find the first of each. Chunks are kept.
        streams: dict[str, Iterable[tuple[str, Any]]] = {}
        for split in SPLIT_ORDER:
            if split in works and has_examples(works[split], config.staging):
                streams[split] = _keyed(self, split, works[split])
            elif split in works:
                made = make_examples(works[split], config.staging)
                config.rejected.extend(one for one in made if isinstance(one, Rejected))
        if not streams:
            first = config.rejected[0] if config.rejected else None
            raise FoleyError(
                f"none of the {len(config.rejected)} files can be used"
                + (f", such as {first.item} ({first.reason})" if first else ""),
                path=self.name,
                remedy="give files of other sources, or export them again",
            )
        return streams

    def _generate_examples(self, **kwargs: Any) -> Iterable[tuple[str, Any]]:
        raise NotImplementedError("the splits are streams already")


def _keyed(
    builder: tfds.core.DatasetBuilder, split: str, work: Work
) -> Iterator[tuple[str, dict[str, Any]]]:
    config = builder.builder_config
    assert isinstance(config, PlanConfig)
    assert config.staging is not None
    report = functools.partial(config.progress, split) if config.progress else None
    for made in make_examples(work, config.staging, workers=config.workers, progress=report):
        if isinstance(made, Rejected):
            config.rejected.append(made)
        else:
            yield made.id, to_example(made)


def _plan(builder: tfds.core.DatasetBuilder) -> Plan:
    config = builder.builder_config
    if not isinstance(config, PlanConfig) or config.plan is None:
        raise ValueError(f"{builder.name} must be given a plan: builder_config=PlanConfig.of(...)")
    return config.plan
