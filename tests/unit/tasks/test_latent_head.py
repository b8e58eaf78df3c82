"""A latent-task head is one linear map of rank at most K."""

import torch

from mtlcli.tasks.latent_head import LatentHead


def test_the_weights_of_an_output_are_a_mixture_of_the_latent_tasks() -> None:
    head = LatentHead(6, 5, 2)
    features = torch.randn(4, 6, 3, 3)
    weights = head.last.weight @ head.latent.weight  # S L, [5, 6]
    wanted = features.mean((2, 3)) @ weights.t() + head.last.bias
    torch.testing.assert_close(head(features), wanted)
    assert torch.linalg.matrix_rank(weights) == 2


def test_what_the_last_layer_reads_gives_the_answer() -> None:
    head = LatentHead(6, 5, 2, dropout=0.5).eval()
    features = torch.randn(4, 6, 3, 3)
    embedding = head.embed(features)
    assert embedding.shape == (4, 2)
    torch.testing.assert_close(head.answer(embedding), head(features))


def test_latent_tasks_have_no_bias() -> None:
    head = LatentHead(6, 5, 2)
    assert head.latent.bias is None
    assert not head.embed(torch.zeros(1, 6, 2, 2)).any()
