"""Each dataset's rows are normalised as if they were alone in the batch."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mtlcli.errors import UsageError
from mtlcli.models.dataset_norms import DatasetNorm1d, DatasetNorm2d, install, norms_of


def _net(seed: int = 0) -> nn.Sequential:
    """A convolution, a norm, another of each; then a norm of vectors. Nothing is trivial."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3),
        nn.Sequential(nn.BatchNorm2d(5, momentum=None)), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.BatchNorm1d(5, eps=1e-3),
    ).double()  # fmt: skip
    for norm in (m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)):
        nn.init.uniform_(norm.weight, 0.5, 2.0)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    return net


def _images(count: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 8, 8, dtype=torch.float64, generator=generator)


def _index(*owners: int) -> Tensor:
    return torch.tensor(owners)


def _gradients(net: nn.Module) -> dict[str, Tensor]:
    return {n: p.grad for n, p in net.named_parameters()}


def test_every_norm_is_replaced_and_parameters_keep_their_names_and_selves() -> None:
    net = _net()
    parameters, names = dict(net.named_parameters()), list(net.state_dict())
    norms = install(net, 3)
    kinds = [type(m) for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert kinds == [DatasetNorm2d, DatasetNorm2d, DatasetNorm1d]
    assert dict(net.named_parameters()).keys() == parameters.keys()
    assert all(p is parameters[n] for n, p in net.named_parameters())
    assert list(net.state_dict()) == names
    assert net[1].running_mean.shape == (3, 4) and net[1].num_batches_tracked.shape == (3,)
    assert norms_of(net) is norms and norms_of(_net()) is None


@pytest.mark.parametrize("told", [True, False])
def test_one_dataset_is_an_ordinary_batch_norm(told: bool) -> None:
    plain, net = _net(), _net()
    norms = install(net, 1)
    for step, count in enumerate((4, 6, 3)):
        x = _images(count, seed=step)
        expected = plain(x)
        if told:
            with norms.of(torch.zeros(count, dtype=torch.int64)):
                found = net(x)
        else:
            found = net(x)
        assert torch.equal(found, expected)
        for each in (plain, net):
            each.zero_grad()
        expected.square().mul(torch.arange(5)).sum().backward()
        found.square().mul(torch.arange(5)).sum().backward()
        assert all(torch.equal(g, _gradients(plain)[n]) for n, g in _gradients(net).items())
    for name, tensor in plain.state_dict().items():
        held = net.state_dict()[name]
        assert torch.equal(held.reshape(tensor.shape), tensor), name
    assert torch.equal(net.eval()(_images(2)), plain.eval()(_images(2)))


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 2), min_size=6, max_size=12))
def test_several_datasets_in_one_batch_are_several_passes(owners: list[int]) -> None:
    """Outputs, gradients and running statistics, whatever the rows' order; single rows apart."""
    index = _index(*owners)
    single = [d for d in range(3) if owners.count(d) == 1]
    net, x = _net(), _images(len(owners))
    norms = install(net, 3)
    with norms.of(index):
        out = net(x)
    out.square().mul(torch.arange(5)).sum().backward()
    total: dict[str, Tensor] = {}
    for dataset in sorted(set(owners)):
        alone, mine = _net().train(dataset not in single), index == dataset
        expected = alone(x[mine])
        torch.testing.assert_close(out[mine], expected)
        expected.square().mul(torch.arange(5)).sum().backward()
        total = {n: total.get(n, 0) + g for n, g in _gradients(alone).items()}
        for name, buffer in alone.named_buffers():
            torch.testing.assert_close(dict(net.named_buffers())[name][dataset], buffer)
    torch.testing.assert_close(_gradients(net), total)
    for dataset in set(range(3)) - set(owners):  # one that is absent learns nothing
        for name, buffer in _net().named_buffers():
            assert torch.equal(dict(net.named_buffers())[name][dataset], buffer)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    norm = nn.Sequential(nn.BatchNorm2d(2)).double()
    norms = install(norm, 2)
    x = torch.randn(5, 2, 2, 2, dtype=torch.float64, requires_grad=True)

    def run(given_: Tensor) -> Tensor:
        with norms.of(_index(0, 1, 1, 0, 1)):
            return norm(given_)

    assert torch.autograd.gradcheck(run, (x,))


def test_a_single_row_uses_what_was_learnt_and_teaches_nothing() -> None:
    net = _net()
    norms = install(net, 2)
    before = {n: b.clone() for n, b in net.named_buffers()}
    x = _images(4)
    with norms.of(_index(0, 1, 0, 0)):
        out = net(x)
    expected = _net().eval()(x[1:2])
    torch.testing.assert_close(out[1:2], expected)
    for name, buffer in net.named_buffers():
        assert torch.equal(buffer[1], before[name][1])
        assert not torch.equal(buffer[0], before[name][0])


def test_evaluation_uses_each_rows_own_statistics_where_they_are_known() -> None:
    net = _net()
    norms = install(net, 2)
    for seed in range(3):
        with norms.of(_index(0, 0, 0, 1, 1)):
            net(_images(5, seed) + torch.tensor([0, 0, 0, 3, 3.0]).view(5, 1, 1, 1))
    net.eval()
    x = _images(4)
    with norms.of(_index(1, 0, -1, 1)):
        mixed = net(x)
    for row, dataset in ((0, 1), (1, 0), (3, 1)):
        with norms.of(_index(dataset)):
            torch.testing.assert_close(net(x[row : row + 1])[0], mixed[row])
    torch.testing.assert_close(net(x)[2], mixed[2])
    assert not torch.allclose(net(x), mixed)


def test_the_average_is_that_of_an_even_mixture_of_rows() -> None:
    """Population moments of equal numbers of rows of each dataset, pooled."""
    norm = nn.Sequential(nn.BatchNorm2d(3)).double()
    norms = install(norm, 2)
    x = torch.randn(2, 100, 3, dtype=torch.float64) * torch.tensor([1.0, 2.0, 3.0])
    x[1] = 4 * x[1] + 5
    kept = norm[0]
    kept.running_mean.copy_(x.mean(1))
    kept.running_var.copy_(x.var(1, unbiased=False))
    kept.num_batches_tracked.fill_(7)
    mean, var = kept.mixture()
    pooled = x.flatten(0, 1)
    torch.testing.assert_close(mean, pooled.mean(0))
    torch.testing.assert_close(var, pooled.var(0, unbiased=False))
    kept.num_batches_tracked[1] = 0  # never seen: it has no part
    torch.testing.assert_close(kept.mixture(), (x[0].mean(0), x[0].var(0, unbiased=False)))
    assert norms.datasets == 2


def test_a_copy_has_a_context_of_its_own() -> None:
    net = _net()
    norms = install(net, 2)
    copy = deepcopy(net)
    theirs = norms_of(copy)
    assert theirs is not None and theirs is not norms
    assert len({id(m.norms) for m in copy.modules() if hasattr(m, "norms")}) == 1
    before = {n: b.clone() for n, b in copy.named_buffers()}
    with norms.of(_index(0, 0, 1, 1)):
        net(_images(4))
        assert theirs.groups is None
    assert all(torch.equal(b, before[n]) for n, b in copy.named_buffers())


def test_an_average_of_weights_follows() -> None:
    net = _net()
    norms = install(net, 2)
    average = AveragedModel(net)
    with norms.of(_index(0, 0, 1, 1)):
        net(_images(4))
    average.update_parameters(net)
    for name, buffer in net.named_buffers():
        assert torch.equal(dict(average.module.named_buffers())[name], buffer)
    inner = norms_of(average.module)
    assert inner is not None and inner is not norms
    with norms.of(_index(0, 1)), inner.of(_index(0, 1)):
        assert torch.equal(average.eval()(_images(2)), net.eval()(_images(2)))


def test_what_is_saved_is_loaded_by_the_same_recipe(tmp_path: Path) -> None:
    net = _net()
    with install(net, 2).of(_index(0, 0, 1, 1)):
        net(_images(4))
    save_file(net.state_dict(), tmp_path / "net.st")
    other = _net(seed=5)
    install(other, 2)
    other.load_state_dict(load_file(tmp_path / "net.st"))
    assert torch.equal(other.eval()(_images(3)), net.eval()(_images(3)))


def test_the_context_ends_and_says_what_does_not_fit() -> None:
    net = _net()
    norms = install(net, 2)
    with norms.of(_index(0, 1)):
        outer = norms.groups
        with norms.of(_index(1, 1, 1)):
            assert norms.groups.datasets == [1]
        assert norms.groups is outer
        with pytest.raises(LookupError, match="2 rows"):
            net(_images(4))
    assert norms.groups is None
    with pytest.raises(IndexError, match="no dataset 2"), norms.of(_index(0, 2)):
        pass


def test_training_without_saying_whose_rows_they_are_is_refused() -> None:
    net = _net()
    install(net, 2)
    with pytest.raises(LookupError, match="whose rows"):
        net(_images(4))


def test_rows_of_no_dataset_teach_nothing() -> None:
    net = _net()
    norms = install(net, 2)
    before = {n: b.clone() for n, b in net.named_buffers()}
    with norms.of(_index(-1, -1, -1)):
        found = net(_images(3))
    assert all(torch.equal(b, before[n]) for n, b in net.named_buffers())
    assert torch.equal(net.eval()(_images(3)), found)


@pytest.mark.parametrize(
    "norm", [nn.SyncBatchNorm(3), nn.BatchNorm2d(3, track_running_stats=False), nn.BatchNorm3d(3)]
)
def test_norms_that_cannot_are_refused(norm: nn.Module) -> None:
    with pytest.raises(UsageError, match=r"batch norm|BatchNorm"):
        install(nn.Sequential(norm), 2)
