"""The course's contents: which notebooks there are and what each follows; README and notebook 00 draw on it."""

from typing import NamedTuple


class Notebook(NamedTuple):
    """One notebook: its number, its file in notebooks/ (empty while it is to come), its title and what it follows."""

    number: str
    file: str
    title: str
    guide: str


NOTEBOOKS = [
    Notebook("00", "00_start_here.ipynb", "Start here", "Before you begin; the three authors"),
    Notebook(
        "01",
        "01_gradient_descent.ipynb",
        "Train a network by gradient descent",
        "2015: conventional learning, gradient descent, basics, activations, forward and back propagation",
    ),
    Notebook(
        "02",
        "02_convolutional_networks.ipynb",
        "Recognise and locate with convolutions",
        "2015: connections, convolution, pooling, feature maps, classification, detection, segmentation",
    ),
    Notebook(
        "03",
        "03_recurrent_networks.ipynb",
        "Remember with recurrent networks",
        "2015: recurrent networks, thought vectors, LSTM",
    ),
    Notebook("04", "", "Attend with transformers", "2021: self-supervised learning, soft attention"),
    Notebook("05", "", "Duel: generative adversarial networks", "2021: adversarial training, style transfer"),
    Notebook("06", "", "Pull together, push apart: contrastive learning", "2021: contrastive learning, Siamese nets"),
    Notebook("07", "", "Compress to noise: variational autoencoders", "2021: variational auto-encoders"),
    Notebook("08", "", "Shape a landscape: energy-based models", "2021: energy-based models, contrastive divergence"),
    Notebook("09", "", "Go deep: depth and pre-training", "2021: depth, dropout, normalisation, pre-training"),
    Notebook("10", "", "Attend to anything: sets, graphs, boxes, formulas", "2021: what attention can operate on"),
    Notebook("11", "", "Hold meanings: word vectors and memory networks", "2015: distributed representations, memory"),
    Notebook("12", "", "Open questions", "2021: the future of deep learning"),
]
