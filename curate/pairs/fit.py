"""Learns from a set itself what pictures of its labels look like, and how far each pair is from that.

No pretrained model and no other data: a ridge regression predicts a picture's features from its label's, for each pair
by a model that has not seen it; a logistic regression separates the actual pairs from pairs mixed at random. Pairs that
look wrong count less in the next round, so a set with many wrong labels still teaches what is right. The same input
gives the same scores. Not for computing features: that is `features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]

FOLDS = 5
#: How many random pairs are made for each actual pair.
NEGATIVES = 3
ROUNDS = 3
#: The share of each variance that is added to it, so that redundant features don't cancel out.
SHRINKAGE = 0.05
#: Degrees of freedom of the residuals' distribution (Student's t): few, since handwriting has outliers.
FREEDOM = 5.0
#: A picture's standardised features are clipped to this distance.
FURTHEST = 6.0
#: The weight that a pair keeps even if it looks wrong.
LEAST_WEIGHT = 0.02


@dataclass(frozen=True)
class View:
    """One way to predict a picture. x: (n, p) predictors. ours, theirs: (n, k) unit thumbnails of label and picture.
    ridge: strength of the regression's penalty, as a share of the number of pairs."""

    x: Floats
    ours: Floats
    theirs: Floats
    ridge: float


@dataclass
class Regression:
    """A ridge regression of standardised features, and the errors of its predictions."""

    x_mean: Floats
    x_scale: Floats
    y_mean: Floats
    coefficients: Floats
    inverse: Floats  # of the covariance of residuals
    base_inverse: Floats  # of the covariance of the features themselves
    base_mean: Floats

    def predict(self, x: Floats) -> Floats:
        return np.asarray(self.y_mean + ((x - self.x_mean) / self.x_scale) @ self.coefficients)


@dataclass
class Model:
    """What was learnt from a set: scores any of its pairs."""

    regressions: list[Regression] = field(default_factory=list)
    y_mean: Floats = field(default_factory=lambda: np.zeros(0))
    y_scale: Floats = field(default_factory=lambda: np.ones(0))
    weights: Floats = field(default_factory=lambda: np.zeros(0))
    evidence_mean: Floats = field(default_factory=lambda: np.zeros(0))
    evidence_scale: Floats = field(default_factory=lambda: np.ones(0))

    def standard(self, y: Floats) -> Floats:
        return np.clip((y - self.y_mean) / self.y_scale, -FURTHEST, FURTHEST)

    def evidence(
        self, views: Sequence[View], predicted: Sequence[Floats], y: Floats, at: Indices, of: Indices
    ) -> Floats:
        """The evidence for labels `at` with pictures `of`; (pairs, 3 per view). y: standardised."""
        columns = []
        for view, guess, model in zip(views, predicted, self.regressions, strict=True):
            off = _distance(y[of] - guess[at], model.inverse)
            plain = _distance(y[of] - model.base_mean, model.base_inverse)
            columns += [
                _log_t(off, y.shape[1]) - _log_t(plain, y.shape[1]),
                -np.log1p(off),
                np.einsum("ij,ij->i", view.ours[at], view.theirs[of]),
            ]
        return np.stack(columns, axis=1)

    def probability(self, evidence: Floats) -> Floats:
        """The probability of being a pair rather than a random combination, if both are equally likely beforehand."""
        logit = self.weights[0] + ((evidence - self.evidence_mean) / self.evidence_scale) @ self.weights[1:]
        return np.asarray(1 / (1 + np.exp(-np.clip(logit, -30, 30))))

    def score(self, views: Sequence[View], y: Floats) -> tuple[Floats, Floats]:
        """(probabilities, residuals of the last view in units of y) of pairs that the model was not fitted on."""
        standard = self.standard(y)
        predicted = [model.predict(view.x) for view, model in zip(views, self.regressions, strict=True)]
        every = np.arange(len(y))
        off = (standard - predicted[-1]) * self.y_scale
        return self.probability(self.evidence(views, predicted, standard, every, every)), off


def fit(views: Sequence[View], y: Floats, keys: Indices) -> tuple[Model, Floats, Floats]:
    """Learn from pairs. y: (n, d) features of the pictures; keys: equal if labels look the same.

    Returns the model, and each pair's probability and residuals (as `Model.score`), both from a fold that had not seen
    the pair. Deterministic.
    """
    y = y.astype(np.float64)
    count = len(y)
    rng = np.random.default_rng(0)
    fold = rng.permutation(count) % FOLDS
    at, of = _mixed(fold, keys, rng)
    model = Model(y_mean=np.median(y, axis=0), y_scale=np.maximum(y.std(axis=0), 1e-6))
    standard = model.standard(y)
    weights = np.ones(count)
    every = np.arange(count)
    for _ in range(ROUNDS):
        predicted, model.regressions = [], []
        for view in views:
            guess, regression = cross_fitted(view, standard, weights, fold)
            predicted.append(guess)
            model.regressions.append(regression)
        own = model.evidence(views, predicted, standard, every, every)
        _tell_apart(model, own, weights, model.evidence(views, predicted, standard, at, of))
        scores = model.probability(own)
        weights = np.clip(scores, LEAST_WEIGHT, 1.0)
    return model, scores, (standard - predicted[-1]) * model.y_scale


def _mixed(fold: Indices, keys: Indices, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """(labels, pictures) combined at random inside each fold; none of them is a pair that looks right."""
    labels, pictures = [], []
    for number in range(FOLDS):
        members = np.flatnonzero(fold == number)
        for _ in range(NEGATIVES if members.size > 1 else 0):
            labels.append(members)
            pictures.append(np.roll(members, int(rng.integers(1, members.size))))
    at, of = np.concatenate(labels), np.concatenate(pictures)
    differ = keys[at] != keys[of]
    return at[differ], of[differ]


def cross_fitted(view: View, y: Floats, weights: Floats, fold: Indices) -> tuple[Floats, Regression]:
    """Predictions of y, each by a regression on the other folds, and the regression on all."""
    x_mean, x_scale = view.x.mean(axis=0), view.x.std(axis=0) + 1e-6
    x = ((view.x - x_mean) / x_scale).astype(np.float64)
    # Sums per fold; a fold's model is made from the sums of the others.
    sums = []
    for number in range(FOLDS):
        members = fold == number
        weight, inside, targets = weights[members], x[members], y[members]
        weighted = inside * weight[:, None]
        sums.append((weight.sum(), weighted.sum(0), weight @ targets, weighted.T @ inside, weighted.T @ targets))
    total = [sum(part[k] for part in sums) for k in range(5)]
    guess = np.zeros_like(y)
    for number in range(FOLDS):
        members = fold == number
        centre, middle, coefficients = _solve(
            [whole - part for whole, part in zip(total, sums[number], strict=True)], view.ridge
        )
        guess[members] = middle + (x[members] - centre) @ coefficients
    centre, middle, coefficients = _solve(total, view.ridge)
    residuals, mean = y - guess, np.average(y, axis=0, weights=weights)
    return guess, Regression(
        x_mean + centre * x_scale,
        x_scale,
        middle,
        coefficients,
        _inverse_covariance(residuals, weights),
        _inverse_covariance(y - mean, np.ones(len(y))),
        mean,
    )


def _solve(sums: Sequence[Floats], ridge: float) -> tuple[Floats, Floats, Floats]:
    weight, x_sum, y_sum, x_x, x_y = sums
    centre, middle = x_sum / weight, y_sum / weight
    gram = x_x - weight * np.outer(centre, centre) + ridge * weight * np.eye(len(centre))
    return centre, middle, np.linalg.solve(gram, x_y - weight * np.outer(centre, middle))


def _inverse_covariance(residuals: Floats, weights: Floats) -> Floats:
    covariance = (residuals.T @ (weights[:, None] * residuals)) / weights.sum()
    return np.asarray(np.linalg.inv(covariance + np.diag(SHRINKAGE * np.diag(covariance) + 1e-9)))


def _distance(residuals: Floats, inverse: Floats) -> Floats:
    return np.asarray(np.maximum(np.einsum("ij,ij->i", residuals @ inverse, residuals), 0.0))


def _log_t(distance: Floats, size: int) -> Floats:
    """Log density of Student's t at a squared distance, up to a constant."""
    return np.asarray(-(FREEDOM + size) / 2 * np.log1p(distance / FREEDOM))


def _tell_apart(model: Model, own: Floats, weights: Floats, mixed: Floats) -> None:
    """Logistic regression (Newton's method) of the actual pairs, weighted, against pairs mixed at random."""
    both = np.concatenate([own, mixed])
    truth = np.concatenate([np.ones(len(own)), np.zeros(len(mixed))])
    # Both kinds have the same total weight: the number of pairs.
    weight = np.concatenate([weights * (len(own) / weights.sum()), np.full(len(mixed), len(own) / max(1, len(mixed)))])
    model.evidence_mean, model.evidence_scale = both.mean(axis=0), both.std(axis=0) + 1e-9
    x = np.concatenate([np.ones((len(both), 1)), (both - model.evidence_mean) / model.evidence_scale], axis=1)
    penalty = np.eye(x.shape[1])
    penalty[0, 0] = 1e-9
    beta = np.zeros(x.shape[1])
    for _ in range(30):
        guess = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        slope = x.T @ (weight * (truth - guess)) - penalty @ beta
        curve = (x * (weight * guess * (1 - guess))[:, None]).T @ x + penalty
        move = np.clip(np.linalg.solve(curve, slope), -2, 2)
        beta += move
        if np.abs(move).max() < 1e-8:
            break
    model.weights = beta
