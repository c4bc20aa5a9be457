"""What is computed: the digits classifier, or one product of your own."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from .config import StudyConfig
from .files import read_inputs, read_matrix


@dataclass(frozen=True)
class Workload:
    """Matrix products with bias and ReLU between them, and the vectors that go through.

    `matrices` are (outputs, inputs), `biases` (outputs,); vectors are columns. `calibration` holds
    for every matrix the inputs that it sees on training data (of an own product, there are only
    its inputs), and `inputs` those of the first matrix that are measured. `labels` are the classes
    of `inputs`, or None where nothing is classified.
    """

    matrices: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    calibration: tuple[np.ndarray, ...]
    inputs: np.ndarray
    labels: np.ndarray | None
    description: str

    def digital_correct(self) -> int | None:
        """Return how many of the measured inputs the exact products classify correctly."""
        if self.labels is None:
            return None
        outputs = _layer_inputs(self.matrices, self.biases, self.inputs)[-1]
        return int((outputs.argmax(axis=0) == self.labels).sum())


def load_workload(config: StudyConfig) -> Workload:
    """Return what the study computes: your own product if it names files, else the classifier."""
    if config.matrix and config.inputs:
        return _own_product(config)
    return _digits_classifier(config)


def between_layers(product: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return what the next layer is given: bias and ReLU, in digital. Shapes (units, vectors)."""
    return np.maximum(product + bias[:, np.newaxis], 0)


def _layer_inputs(
    matrices: tuple[np.ndarray, ...], biases: tuple[np.ndarray, ...], inputs: np.ndarray
) -> list[np.ndarray]:
    """Return the exact inputs of every layer, and the outputs of the last one as last entry."""
    flowing = [inputs]
    for matrix, bias in itertools.islice(zip(matrices, biases), len(matrices) - 1):
        flowing.append(between_layers(matrix @ flowing[-1], bias))
    return [*flowing, matrices[-1] @ flowing[-1] + biases[-1][:, np.newaxis]]


def _digits_classifier(config: StudyConfig) -> Workload:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    train, test, train_labels, test_labels = train_test_split(
        images / 16.0,
        labels,
        test_size=config.test_share,
        random_state=config.seed,
        stratify=labels,
    )
    network = _train(config, train, train_labels)
    matrices = tuple(np.ascontiguousarray(weights.T) for weights in network.coefs_)
    biases = tuple(network.intercepts_)
    units = "-".join(str(size) for size in (64, *config.hidden, 10))
    return Workload(
        matrices=matrices,
        biases=biases,
        calibration=tuple(_layer_inputs(matrices, biases, train.T)[:-1]),
        inputs=np.ascontiguousarray(test.T),
        labels=test_labels,
        description=(
            f"scikit-learn's handwritten digits (8 x 8 pixels): a {units} perceptron trained on"
            f" {len(train)} images and tested on {len(test)} others"
        ),
    )


def _train(config: StudyConfig, images: np.ndarray, labels: np.ndarray) -> Any:
    """Return the trained classifier; one BLAS thread, so that it is the same on every machine."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        config.hidden,
        alpha=0.1,
        learning_rate_init=3e-3,
        max_iter=600,
        random_state=config.seed,
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # On ^C, scikit-learn only warns, and returns what it has: another classifier.
        warnings.filterwarnings("error", "Training interrupted", UserWarning)
        try:
            return network.fit(images, labels)
        except UserWarning:
            raise KeyboardInterrupt from None


def _own_product(config: StudyConfig) -> Workload:
    assert config.matrix is not None
    assert config.inputs is not None
    matrix = read_matrix(config.matrix)
    inputs = read_inputs(config.inputs, matrix, config.matrix)
    rows, columns = matrix.shape
    return Workload(
        matrices=(matrix,),
        biases=(np.zeros(rows),),
        calibration=(inputs,),
        inputs=inputs,
        labels=None,
        description=(
            f"{config.matrix.name} ({rows} x {columns}) times {config.inputs.name}:"
            f" {inputs.shape[1]} vectors"
        ),
    )
