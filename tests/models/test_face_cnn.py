"""FaceCNN: embeddings of length 1, and their cosines to the centres."""

import torch
from torch.nn.functional import cosine_similarity

from descentlab.models.face_cnn import FaceCNN

SIZES = {"image_shape": [1, 56, 46], "width": 8, "dimensions": 6, "dropout": 0.5}


def test_embeddings_of_length_one_precede_the_cosines():
    model, x = FaceCNN(num_classes=4, **SIZES), torch.randn(5, 1, 56, 46)
    embedding, cosines = model(x).split([6, 4], 1)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(cosines, cosine_similarity(embedding[:, None], model.centres[None], dim=2))


def test_without_classes_only_embeddings_are_returned():
    model = FaceCNN(num_classes=0, **SIZES)
    assert model(torch.randn(5, 1, 56, 46)).shape == (5, 6)
    assert "centres" not in dict(model.named_parameters())


def test_initial_embeddings_are_not_all_equal():
    torch.manual_seed(0)
    model, x = FaceCNN(num_classes=0, **SIZES).train(), 3 + torch.randn(64, 1, 56, 46)
    embedding = model(x)
    assert float((embedding @ embedding.T).mean()) < 0.1
