"""Parts of a recipe that do not go together, seen before torch is imported."""

import functools
from collections.abc import Sequence

from mtlcli import registry
from mtlcli.errors import UsageError
from mtlcli.recipe.schema import PARTS, Recipe, Spec, as_part
from mtlcli.workflows.task_plan import TaskPlan


def refuse(recipe: Recipe, tasks: Sequence[TaskPlan]) -> None:
    """See that what a recipe asks for can be done with its tasks.

    :raises UsageError: it cannot.
    """
    _refuse_unfit_balancing(recipe)
    _refuse_unfit_for_dense(recipe, tasks)
    _refuse_unfit_for_clips(recipe, tasks)
    _refuse_unfit_heads(recipe, tasks)
    _refuse_unfit_copies(recipe, tasks)
    refuse_mixed(recipe, tasks)


def weighting_of(recipe: Recipe) -> Spec:
    """The recipe's weighting; some aggregators bring one of their own."""
    brought = registry.attribute("aggregator", recipe.aggregator.name, "weighting")
    if brought and recipe.weighting.name == PARTS["weighting"]:
        return Spec(name=brought)
    return recipe.weighting


def _refuse_unfit_balancing(recipe: Recipe) -> None:
    """Methods that need what the recipe does not give them, or rule out what it asks for."""
    name, spec = recipe.aggregator.name, recipe.train
    of = functools.partial(registry.attribute, "aggregator", name)
    brought = of("weighting")
    if brought and weighting_of(recipe).name != brought:
        raise UsageError(
            f"aggregator = {name!r} is defined with weighting = {brought!r}, and the recipe has "
            f"{recipe.weighting.name!r}",
            hint="leave out weighting",
        )
    if "backbones" in spec.freeze and name != PARTS["aggregator"]:
        raise UsageError(
            f"aggregator = {name!r} mixes the gradients of what the tasks share, and train.freeze "
            "leaves the backbones none",
            hint="leave out aggregator, or train the backbones",
        )
    _refuse_unfit_at_features(recipe)


def _refuse_unfit_at_features(recipe: Recipe) -> None:
    """Methods that need each task's gradient at the features, or the whole batch's losses first."""
    name, spec, weighting = recipe.aggregator.name, recipe.train, weighting_of(recipe).name
    of = functools.partial(registry.attribute, "aggregator", name)
    weighs = functools.partial(registry.attribute, "weighting", weighting)
    mixes = name != PARTS["aggregator"]
    alone = not mixes and not weighs("needs_gram", False)
    if recipe.gradients != "features" and not of("at_features", False):
        return
    if alone and (weighs("linear", False) or spec.accumulate == 1):
        return  # one backward pass does
    part = f"aggregator = {name!r}" if mixes else f"weighting = {weighting!r}"
    where = f"{part} at the shared features"
    if of("keeps_vectors", False) or of("estimates", 1) > 1:
        raise UsageError(
            f"{where} cannot be: it compares gradients of several batches, whose features differ",
            hint='leave out gradients = "features"',
        )
    if spec.accumulate > 1:
        raise UsageError(
            f"{where} needs the whole batch at once, and train.accumulate cuts it into "
            f"{spec.accumulate} parts", hint="set train.accumulate=1 and a smaller train.batch",
        )  # fmt: skip
    if spec.compile:
        raise UsageError(f"{where} does not go with train.compile", hint="leave out train.compile")


def _refuse_unfit_for_dense(recipe: Recipe, tasks: Sequence[TaskPlan]) -> None:
    """What the pictures may go through, and their dense labels cannot."""
    dense = [task for task in tasks if task.column.dense]
    if dense and recipe.input.reduced:
        raise UsageError(
            f"input.reduced does not go with the dense task {dense[0].name!r}, whose labels have "
            "the pictures' own size", hint="leave out input.reduced",
        )  # fmt: skip
    if recipe.augment.rotate and any(task.column.encoding == "normals" for task in dense):
        raise UsageError(
            "augment.rotate would turn the pictures and not the normals in them",
            hint="leave out augment.rotate",
        )


def _refuse_unfit_for_clips(recipe: Recipe, tasks: Sequence[TaskPlan]) -> None:
    """What pictures may go through, and clips cannot."""
    if recipe.input.frames == 1:
        return
    said = f"input.frames = {recipe.input.frames}"
    dense = [task.name for task in tasks if task.column.dense]
    if dense:
        raise UsageError(
            f"{said} does not go with the dense task {dense[0]!r}, whose labels belong to one "
            "picture", hint="leave out input.frames",
        )  # fmt: skip
    if recipe.input.reduced:
        raise UsageError(
            f"input.reduced does not go with {said}: frames are read whole",
            hint="leave out input.reduced",
        )


def _refuse_unfit_heads(recipe: Recipe, tasks: Sequence[TaskPlan]) -> None:
    """What is said of the heads of image-level tasks, or of their hidden layers."""
    dense = [task.name for task in tasks if task.column.dense]
    stitch = recipe.model.architecture.options.get("stitch", False) and len(tasks) > 1
    what = "regularisers" if recipe.regularisers else "model.architecture.stitch"
    if dense and (recipe.regularisers or stitch):
        raise UsageError(
            f"{what} works on heads with one vector per picture, and {dense[0]!r} answers for "
            "every pixel", hint=f"leave out {what}",
        )  # fmt: skip
    bare = [task.name for task in tasks if not task.options.get("hidden")]
    if stitch and bare:
        raise UsageError(
            f"model.architecture.stitch mixes the heads' hidden layers, and {bare[0]!r} has none",
            hint=f"set tasks.{bare[0]}.hidden=128, or leave out model.architecture.stitch",
        )


def _refuse_unfit_copies(recipe: Recipe, tasks: Sequence[TaskPlan]) -> None:
    """Copies of a backbone that cannot be made, or are not one for each attribute."""
    for task in tasks:
        spec = recipe.model.backbones.get(task.name, recipe.model.backbone)
        own, wanted = task.options.get("features") == "own", len(task.column.classes)
        count = spec.options.get("count") if spec.name == "copies" else 0
        if count:
            inner = _inner(spec.options.get("of"))
            registry.check("backbone", inner.name, inner.options, where="model.backbone.of")
        if own and count != wanted:
            raise UsageError(
                f'tasks.{task.name}.features = "own" needs a network for each of its {wanted} '
                f"attributes, and the backbone is {f'{count} copies' if count else spec.name}",
                hint=f'model.backbone = {{ name = "copies", of = "resnet18", count = {wanted} }}',
            )


def _inner(given: object) -> Spec:
    try:
        return Spec.model_validate(as_part(given))
    except ValueError:
        raise UsageError(
            f"model.backbone.of = {given!r} does not name a backbone",
            hint='a name, or a table such as { name = "regnet_x_400mf", depth = 4 }',
        ) from None


def refuse_mixed(recipe: Recipe, tasks: Sequence[TaskPlan]) -> None:
    """See that attributes with networks of their own read nothing of each other's.

    :raises UsageError: the architecture mixes the channels of all of them before the head.
    """
    own = [task.name for task in tasks if task.options.get("features") == "own"]
    made = recipe.model.architecture
    apart = made.name == "shared" or (made.name == "fused" and len(tasks) == 1)
    if not own or (apart and not made.options.get("shortcut")):
        return
    what, hint = f"model.architecture = {made.name!r}", "leave out the shortcut"
    if not apart:
        hint = 'set model.architecture = "shared" (mtl fuse: --fusion shared)'
    raise UsageError(
        f'tasks.{own[0]}.features = "own" gives each attribute features of its own network, and '
        f"{'the shortcut of ' if apart else ''}{what} mixes them", hint=hint,
    )  # fmt: skip
