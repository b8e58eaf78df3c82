"""Every name of the catalog is a class of its kind, built and documented as the contract says."""

import inspect

import pytest

from mtlcli import catalog, registry
from mtlcli.balancing.base import Aggregator, Weighting
from mtlcli.completion.base import Completion
from mtlcli.data.preparers.base import Preparer
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import MultiTaskNet
from mtlcli.models.fusions.base import Fusion
from mtlcli.regularisers.base import Regulariser
from mtlcli.tasks.base import Task

BASES: dict[str, tuple[type, tuple[str, ...]]] = {
    "backbone": (Backbone, ("name",)),
    "fusion": (Fusion, ("channels", "signed")),
    "architecture": (
        MultiTaskNet, ("tasks", "backbones", "make_head", "make_fusion", "mean", "std"),
    ),
    "task kind": (Task, ("name", "column")),
    "weighting": (Weighting, ("tasks", "factors")),
    "aggregator": (Aggregator, ("tasks",)),
    "completion": (Completion, ("tasks",)),
    "regulariser": (Regulariser, ("tasks",)),
    "dataset": (Preparer, ("root", "out")),
}  # fmt: skip
ENTRIES = [(kind, name) for kind, table in catalog.KINDS.items() for name in table]


def test_every_kind_has_a_contract() -> None:
    assert BASES.keys() == catalog.KINDS.keys()


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_is_a_complete_class_of_its_kind(kind: str, name: str) -> None:
    cls = registry.load(kind, name)
    assert issubclass(cls, BASES[kind][0])
    assert not inspect.isabstract(cls)


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_what_stands_before_the_star_is_what_the_program_supplies(kind: str, name: str) -> None:
    parameters = inspect.signature(registry.load(kind, name)).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert tuple(p.name for p in positional) == BASES[kind][1]
    assert all(p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters)


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_part_and_every_option_is_described(kind: str, name: str) -> None:
    assert registry.summary(kind, name).rstrip(".:")
    assert {o.name: bool(o.help) for o in registry.options(kind, name)} == {
        o.name: True for o in registry.options(kind, name)
    }


@pytest.mark.parametrize("name", catalog.TASKS)
def test_a_task_kind_is_called_what_the_catalog_calls_it(name: str) -> None:
    cls = registry.load("task kind", name)
    assert cls.kind == name
    assert set(cls.directions.values()) <= {"min", "max"}


def test_the_classifiers_are_torchvisions() -> None:
    from torchvision.models import list_models

    classifiers = {n for n, where in catalog.BACKBONES.items() if where.endswith(":Classifier")}
    assert classifiers and classifiers <= set(list_models())
