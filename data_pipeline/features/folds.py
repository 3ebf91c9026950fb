"""Divide the records of one folder into folds, for small data.

    python -m data_pipeline.features.folds FEATURES/clips/test --out FOLDS --folds 2

FOLDS/fold_0, FOLDS/fold_1 ... are feature folders. Records of one source are in one fold, and those
of the same effects are spread over all.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from data_pipeline.features.record import FeatureRecord
from data_pipeline.features.store import FeatureStore, begin, finish, shard_name, write_shard
from temporal_foley.errors import UsageError


def deal(records: Sequence[FeatureRecord], folds: int) -> list[list[int]]:
    """Return the numbers of the records of each fold, in order."""
    sources: dict[str, list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        sources[record.source].append(number)

    def shows(numbers: list[int]) -> tuple[str, ...]:
        return tuple(sorted({e.effect for n in numbers for e in records[n].events}))

    # Those that show the same follow each other, and so go to different folds.
    order = sorted(sources, key=lambda source: (shows(sources[source]), source))
    dealt: list[list[int]] = [[] for _ in range(folds)]
    for place, source in enumerate(order):
        dealt[place % folds] += sources[source]
    return [sorted(numbers) for numbers in dealt]


def write_folds(store: FeatureStore, out: Path, folds: int) -> list[FeatureStore]:
    """Write the folds of a store; return them."""
    if not 2 <= folds <= len(store):
        raise UsageError(
            f"must be from 2 to the {len(store)} records, got {folds}", option="--folds"
        )
    records = [store[number] for number in range(len(store))]
    made = []
    for fold, numbers in enumerate(deal(records, folds)):
        folder = out / f"fold_{fold}"
        settings = {
            **store.settings,
            "source": f"fold {fold} of {folds} of {store.sha256}",
            "items": len(numbers),
            "shards": 1,
            "items_per_shard": len(numbers),
        }
        begin(folder, settings)
        note = write_shard(folder, shard_name(0, 1), [records[number] for number in numbers])
        finish(folder, settings, [note])
        made.append(FeatureStore(folder))
    return made
