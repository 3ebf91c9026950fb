"""An evaluation says where a plain method is better than the model."""

from types import SimpleNamespace

from data_pipeline.train.evaluation import behind


def judged(macro, any_effect):
    frames = {
        "macro": {"roc_auc": macro},
        "any_effect": {"one_minus_product": {"roc_auc": any_effect}},
    }
    return SimpleNamespace(results={"all": {"frames": frames}})


def test_each_figure_that_is_behind_is_named_with_the_better_method():
    models = {
        "model": judged(0.97, 0.818),
        "ImageNet map": judged(0.89, 0.936),
        "regression": judged(0.98, float("nan")),
    }
    assert behind(models) == [
        "macro ROC-AUC: 0.970, behind regression with 0.980",
        "any effect: 0.818, behind ImageNet map with 0.936",
    ]


def test_equal_figures_are_not_behind():
    assert behind({"model": judged(0.97, 0.9), "regression": judged(0.9703, 0.9)}) == []
