"""What `mtl latent` says of solutions that were not reached."""

import pytest

from mtlcli.commands import latent
from mtlcli.tasks.latent.objective import Factors, Penalties
from mtlcli.tasks.latent.solver import Solved
from mtlcli.workflows.latent_fit import Trial


def _trial(factors: Factors, converged: bool) -> Trial:
    solved = Solved(factors, [2.0, 1.0], 7, converged)
    return Trial(Penalties(lam=0.5), 2, 0.9, solved, factors)


@pytest.mark.parametrize("latents", [False, True])
@pytest.mark.parametrize("alone", [False, True])
def test_either_solution_that_was_not_reached_is_told(
    latents: bool, alone: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    factors = Factors(torch.eye(2), torch.eye(2), torch.zeros(2))
    latent.warn_unfinished(_trial(factors, latents), _trial(factors, alone))
    said = capsys.readouterr().err
    assert ("not converged after 7 rounds; --rounds allows more" in said) is not latents
    assert ("independent rows (lambda 0.5) have not converged" in said) is not alone
