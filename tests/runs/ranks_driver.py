"""Three training steps and an evaluation on this rank; the first rank writes what came of them, and
the weights beside it.

Run as ``ranks_driver.py OUT.json``, once for each rank, with torchrun's environment.
"""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "engine"))
from conftest import make_balancer, make_batch, make_objective, make_trainer

from mtlcli import catalog, registry
from mtlcli.data.batch import Batch
from mtlcli.engine.completer import Completer, Plan
from mtlcli.engine.distributed import World, join, leave, share_batch_statistics
from mtlcli.engine.evaluator import evaluate
from mtlcli.engine.tally import Tally
from mtlcli.engine.trainer import Trainer

BATCHES = (
    make_batch(8, seed=1),
    make_batch(8, seed=2, age=[1, 3, 5, 7], gender=[0]),  # ages on one of two ranks only
    make_batch(8, seed=3, gender=list(range(8))),  # genders on none
)


def dealt(batch: Batch, world: World) -> Batch:
    """This rank's rows."""
    return batch._each(lambda tensor: tensor[world.rank :: world.size])


def scored(trainer: Trainer, world: World) -> dict[str, object]:
    """The last batch has one row, so that one rank has a batch less."""
    batches = [make_batch(7, seed=4, age=[2]), make_batch(1, seed=5)]
    mine = [part for part in (dealt(batch, world) for batch in batches) if len(part)]
    if mine:
        mine[0].bad = [(world.rank, "broken")]
    scores = evaluate(trainer.net, trainer.objective.tasks, mine, world)
    return {"metrics": scores.metrics, "losses": scores.losses, "counts": scores.counts,
            "bad": scores.bad}  # fmt: skip


def trained(world: World, accumulate: int) -> tuple[Trainer, list[dict[str, float]]]:
    """In fp64 and at a low rate, since each step through batch norms of few rows multiplies a
    rounding error by thousands times the rate."""
    objective = make_objective("shufflenet_v2_x0_5").double()
    if world.size > 1:
        share_batch_statistics(objective)
    how = {"accumulate": accumulate, "max_norm": 5.0, "lr": 0.001}
    trainer = make_trainer(objective, world=world, **how)
    steps = [trainer.train_step(dealt(batch, world)) for batch in BATCHES]
    return trainer, [{task: float(x) for task, x in step.losses.items()} for step in steps]


#: they cut the batch into parts of their own, or compare the images of a rank.
OF_A_RANK = ("sdmgrad", "ntkmtl_sr", "rep_mtl")


def balanced(world: World) -> dict[str, list[float]]:
    """Three steps with every balancing method: some of the weights that come of it."""
    pairs = [(name, "sum", "parameters") for name in catalog.WEIGHTINGS]
    pairs += [("fixed", n, "parameters") for n in catalog.AGGREGATORS if n not in OF_A_RANK]
    pairs += [("uncertainty", "cagrad", "parameters"), ("fixed", "mgda", "features")]
    made: dict[str, list[float]] = {}
    for weighting, aggregator, level in pairs:
        objective = make_objective("squeezenet1_1", architecture="shared").double()
        for module in objective.modules():  # dropout draws by rank
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        balancer = make_balancer(weighting, aggregator, level)
        trainer = make_trainer(objective, world=world, balancer=balancer)
        for batch in BATCHES:
            trainer.train_step(dealt(batch, world))
        kept = [p.detach().flatten()[:3] for p in objective.parameters()]
        kept += [p.detach().flatten() for p in balancer.parameters()]
        made["/".join((weighting, aggregator, level))] = torch.cat(kept).tolist()
    return made


def regularised(world: World) -> dict[str, list[float]]:
    """Three steps with penalties on weights, each way to the gradients, also in parts."""
    made: dict[str, list[float]] = {}
    ways = (("sum", "parameters", 1), ("sum", "parameters", 2), ("mgda", "parameters", 2),
            ("mgda", "features", 1))  # fmt: skip
    for aggregator, level, accumulate in ways:
        objective = make_objective("squeezenet1_1", architecture="shared").double()
        names, options = ["gender", "age"], {"strength": 0.05}
        for name in ("l21", "nuclear"):
            part = registry.build("regulariser", name, names, options=options)
            objective.regularisers.append(part)
        balancer = make_balancer("fixed", aggregator, level)
        trainer = make_trainer(objective, world=world, balancer=balancer, accumulate=accumulate)
        for batch in BATCHES:
            trainer.train_step(dealt(batch, world))
        kept = [p.detach().flatten()[:9] for p in objective.net.heads.parameters()]
        made[f"{aggregator}/{level}/{accumulate}"] = torch.cat(kept).tolist()
    return made


def exceptions(world: World) -> dict[str, list[float]]:
    """What does not come to the aggregator of a recipe that has one: a network of one task, and a
    batch without any label, which leaves the penalties."""
    alone = make_objective("squeezenet1_1", architecture="shared").double()
    del alone.tasks["age"], alone.net.heads["age"]
    alone.net.tasks.remove("age")
    unlabelled = make_objective("squeezenet1_1", architecture="shared").double()
    part = registry.build("regulariser", "l21", ["gender", "age"], options={"strength": 0.05})
    unlabelled.regularisers.append(part)
    nothing = make_batch(8, seed=3, gender=list(range(8)), age=list(range(8)))
    made: dict[str, list[float]] = {}
    for name, objective, batches, parts in (
        ("alone", alone, BATCHES[:1], 1), ("unlabelled", unlabelled, (nothing,), 2)
    ):  # fmt: skip
        for module in objective.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        balancer = make_balancer("fixed", "mgda")
        trainer = make_trainer(objective, world=world, balancer=balancer, accumulate=parts, lr=0.1)
        for batch in batches * 2:
            trainer.train_step(dealt(batch, world))
        kept = torch.cat([p.detach().flatten()[:9] for p in objective.net.parameters()])
        made[name] = world.joined(kept.unsqueeze(0)).amax(0).tolist()  # of every rank
    return made


def faults(world: World) -> dict[str, list[str]]:
    """Who is named where the last rank alone has a gradient that is no number."""
    made: dict[str, list[str]] = {}
    ways = (("sum", "parameters"), ("mgda", "parameters"), ("mgda", "features"))
    for aggregator, level in ways:
        objective = make_objective("squeezenet1_1", architecture="shared")
        if world.rank == world.size - 1:
            objective.net.heads["age"].register_forward_hook(
                lambda head, read, answer: (
                    answer.register_hook(lambda slope: slope * torch.nan) and None
                )
            )
        balancer = make_balancer("fixed", aggregator, level)
        trainer = make_trainer(objective, world=world, balancer=balancer)
        step = trainer.train_step(dealt(BATCHES[0], world))
        made[f"{aggregator}/{level}"] = list(step.faulty)
    return made


class Looked:
    """This rank's part of the training rows, as a loader for evaluation gives them."""

    def __init__(self, rows: Batch, world: World) -> None:
        self.rows, self.mine = rows, dealt(rows, world).parts(2)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.mine)


#: ages of even rows and genders of odd ones are known.
HALVES = make_batch(12, seed=6, gender=list(range(0, 12, 2)), age=list(range(1, 12, 2)))


def completed(world: World) -> dict[str, list[float]]:
    """Three steps on disjoint labels with every completion: some weights, what was remembered and
    what was counted."""
    made: dict[str, list[float]] = {}
    for name in catalog.COMPLETIONS:
        if name == "none":
            continue
        objective = make_objective("squeezenet1_1", architecture="shared").double()
        for module in objective.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        tasks, tally = objective.tasks, Tally()
        options = {"threshold": 0.1} if name == "fixmatch" else {}
        objective.completion = registry.build("completion", name, list(tasks), options=options)
        objective.note = tally.note
        completer = Completer(
            objective.completion, tasks, Looked(HALVES, world), world, Plan(after=0), tally=tally,
        )  # type: ignore[arg-type]  # fmt: skip
        trainer = make_trainer(objective, world=world, completer=completer, lr=0.001)
        completer.refresh(0, 0, objective.net)
        for _ in range(3):
            batch = dealt(HALVES, world)
            strong = batch.images.flip(-1)
            more = {"strong": strong} if objective.completion.online else {}
            trainer.train_step(replace(batch, more=more))
        kept = [p.detach().flatten()[:3] for p in objective.parameters()]
        made[name] = torch.cat(kept).tolist()
        for task in tasks:
            made[f"{name} {task}"] = noted(objective.completion.memory.get(task, {}))
        counted = completer.close()[0]
        made[f"{name} counted"] = [
            x for task in tasks for x in counted[task].values() if not math.isnan(x)
        ]
    return made


def noted(memory: object) -> list[float]:
    """The numbers that a completion remembers of a task, in the order of their names."""
    if not isinstance(memory, dict):
        return []
    parts = [torch.as_tensor(memory[name]).double().flatten() for name in sorted(memory)]
    return torch.cat(parts).tolist() if parts else []


def main(out: Path) -> None:
    torch.set_num_threads(1)
    world = join(torch.device("cpu"))
    found: dict[str, object] = {}
    for accumulate in (1, 2):
        trainer, losses = trained(world, accumulate)
        found[str(accumulate)] = losses
        if world.first:
            save_file(trainer.net.state_dict(), out.with_suffix(f".{accumulate}.st"))
    found["balanced"] = balanced(world)
    found["regularised"] = regularised(world)
    found["completed"] = completed(world)
    found["exceptions"] = exceptions(world)
    found["faults"] = faults(world)
    found["scores"] = scored(trainer, world)
    found["stopped"] = [world.any(world.rank == 1), world.any(False)]
    # as many rows as the rank's number, so that the first has none
    rows = torch.arange(world.rank * 2).view(world.rank, 2)
    found["joined"] = world.joined(rows).tolist()
    found["name"] = world.same(f"of rank {world.rank}")
    if world.first:
        out.write_text(json.dumps(found))
    leave(world)


main(Path(sys.argv[1]))
