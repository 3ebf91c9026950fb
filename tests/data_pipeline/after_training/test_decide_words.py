"""Which clips a decision is fitted on."""

from types import SimpleNamespace

from data_pipeline.after_training.decide import Heard, without


def test_clips_whose_names_fit_are_left_out_with_their_logits():
    names = ("cat_seen.mp4", "dog.mp4", "cat.mp4")
    heard = Heard([SimpleNamespace(id=name) for name in names], [1, 2, 3], {"validation": {}})
    kept = without(heard, ["*_seen*", "dog.mp4"])
    assert [clip.id for clip in kept.clips] == ["cat.mp4"]
    assert kept.logits == [3]
    assert without(heard, []).logits == [1, 2, 3]
