# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Models II: several as one
#
# **Resumen.** Un solo árbol aprende de memoria y cambia de opinión con cada muestra; muchos árboles juntos, no. Este
# cuaderno va de un árbol a un conjunto de modelos distintos: bagging, bosque aleatorio, boosting, votación y stacking.
# Después calibra sus puntuaciones, para que un 0,8 quiera decir ocho de cada diez. Cada conjunto se compila en un solo
# grafo que da los mismos números que las bibliotecas, y así sirve en tiempo real sin ninguna de ellas.
#
# **Goal.** Learn what makes several models better than one, when it does not, and what a score has to do with a
# probability. You will go from one tree to bagging, forests, boosting, voting and stacking, all judged on the same
# days, calibrate one of them, and see that what will serve gives the very numbers that were judged.

# %%
from pathlib import Path
from time import process_time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve

from atipico.learn.course import material
from atipico.learn.judge import tried
from atipico.learn.recipe import changed
from atipico.learn.split import split
from atipico.learn.stages import Learning
from atipico.registry.compiled import Compiled

WORK = Path("../runs/course")
course = material(WORK)
TREES = 10 if course.small else 60
learning = Learning(course.recipe, str(course.data), runs=WORK, say=lambda line: None)
table = learning.table()
recipe = changed(
    learning.recipe, train={"usual_share": round(min(0.5, 40_000 / len(table.label)), 3)}, test={"spans": 1}
)
made = split(recipe, table)
course.told, f"trained on {made.train}, judged on {made.test}"

# %% [markdown]
# `judged` trains a recipe and judges it on the test's days: days after the training and after the time that its labels
# took to come. Figures of different recipes are comparable because the days are the same.

# %%
results, scores, fitted = {}, {}, {}


def judged(name, estimators, **train):
    """Train and judge one recipe, and keep what came of it."""
    begun = process_time()
    fitted[name], found = tried(changed(recipe, estimator=estimators, train=train), table, made)
    average = found.told["average"]
    results[name] = {
        "average precision": average["average_precision"],
        "± over periods": average["spread"]["average_precision"],
        "AUC": average["auc"],
        "Brier": float(np.mean((found.scores - found.label) ** 2)),
        "CPU s": round(process_time() - begun, 1),
    }
    scores[name] = found.scores
    return found


# %% [markdown]
# ## 1. One tree, and many
#
# A tree asks one question after the other. Left to grow, it isolates single frauds, and with other rows it would be
# another tree: low bias, high variance. **Bagging** trains each of many trees on rows drawn with replacement and takes
# the mean, so that what was chance in one is outvoted. A **random forest** also lets each split choose among a few
# features only, which makes the trees less alike, and their mean steadier. **Extra trees** draw the thresholds too.

# %%
tree = {"max_depth": 12, "min_samples_leaf": 10}
judged("one tree", [{"kind": "decision_tree", **tree}])
inner = {f"estimator__{name}": value for name, value in tree.items()}
judged("bagging", [{"kind": "bagging", "n_estimators": TREES, **inner}])
judged("random forest", [{"kind": "random_forest", "n_estimators": TREES, **tree}])
judged("extra trees", [{"kind": "extra_trees", "n_estimators": TREES, **tree}])
pd.DataFrame(results).T.round(4)

# %% [markdown]
# How much a single tree hangs on chance: each dot is one of the forest's trees, judged alone; the line is their mean
# as one model.

# %%
forest = fitted["random forest"].members[0].estimator
rows = np.flatnonzero(made.test.has(table.period) & table.scorable & (table.label >= 0))
truth = table.label[rows] == 1


def precision_among_first(score):
    """The share of anomalies among as many samples as there are anomalies, those of the highest scores."""
    return truth[np.argsort(-score, kind="stable")[: truth.sum()]].mean()


alone = [precision_among_first(one.predict_proba(table.values[rows])[:, 1]) for one in forest.estimators_]
together = precision_among_first(forest.predict_proba(table.values[rows])[:, 1])
_, axes = plt.subplots(figsize=(10, 2), layout="constrained")
axes.plot(alone, np.random.default_rng(0).normal(0, 0.05, len(alone)), "o", alpha=0.5, label="a tree alone")
axes.axvline(together, color="tab:orange", label="the forest")
axes.set(xlabel="anomalies among the first", yticks=[], ylim=(-0.4, 0.4), title="Many together, and each alone")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# ## 2. Boosting
#
# Bagging's trees know nothing of each other. **Boosting** trains one after the other, each on what those before got
# wrong. AdaBoost gives rows that were missed more weight; gradient boosting fits each tree to the slope of the loss.
# LightGBM and HistGradientBoosting are the same idea on binned features, which is why they are so fast.

# %%
rounds = 20 if course.small else 80
judged("AdaBoost", [{"kind": "ada_boost", "n_estimators": rounds // 2, "estimator__max_depth": 3}])
slow = {"n_estimators": rounds, "subsample": 0.5, "min_samples_leaf": 20}
judged("gradient boosting", [{"kind": "gradient_boosting", **slow}])
judged("HistGradientBoosting", [{"kind": "hist_gradient_boosting", "max_iter": rounds, "learning_rate": 0.05}])
LIGHTGBM = {"kind": "lightgbm", "n_estimators": 2 * rounds, "learning_rate": 0.05, "num_leaves": 12}
judged("LightGBM", [LIGHTGBM])
pd.DataFrame(results).T.round(4)

# %% [markdown]
# ## 3. Different ones together: voting and stacking
#
# A mean helps where its members err in different places. Below is how alike they rank the anomalies: the further below
# 1, the more there is to gain. Two forests tell nearly the same story; a boosting, a forest and a line less so.

# %%
FOREST = {"kind": "random_forest", "n_estimators": TREES, **tree}
LINE = {"kind": "logistic_regression"}
judged("logistic regression", [LINE])
names = ["random forest", "extra trees", "LightGBM", "HistGradientBoosting", "logistic regression"]
anomalies = tried(changed(recipe, estimator=[LINE]), table, made)[1].label == 1
alike = pd.DataFrame({name: scores[name][anomalies] for name in names}).corr("spearman")
_, axes = plt.subplots(figsize=(7, 5), layout="constrained")
image = axes.imshow(alike, vmin=0, vmax=1, cmap="Blues")
axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
axes.set_yticks(range(len(names)), names)
for (row, column), value in np.ndenumerate(alike.to_numpy()):
    axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.6 else "black")
title = axes.set_title("How alike they rank the anomalies")

# %% [markdown]
# **Voting** is the mean of their probabilities, in shares that you choose; it is what several `[[estimator]]` in a
# recipe become. **Stacking** learns the shares: a logistic regression on the members' log-odds. It must be taught on
# days that trained none of them, or it would trust whoever knows the training by heart. So an earlier training is
# made, which leaves out the last days, and what it says of those days is the lesson.

# %%
trio = [LIGHTGBM, FOREST, LINE]
judged("voting", trio)
judged("stacking", trio, ensemble={"kind": "stacking", "span": recipe.test.span})
slopes = zip(("LightGBM", "forest", "line"), fitted["stacking"].stacking.slopes, strict=True)
print("stacking:", ", ".join(f"{slope:.2f} x {name}" for name, slope in slopes))
shown = pd.DataFrame(results).T
_, axes = plt.subplots(figsize=(10, 4.5), layout="constrained")
spread = shown["± over periods"].astype(float)
axes.barh(shown.index, shown["average precision"], xerr=spread, color="tab:blue", alpha=0.7, capsize=3)
axes.invert_yaxis()
text = axes.set(xlabel="average precision, ± its standard deviation over periods", title="On the same days")

# %% [markdown]
# ## 4. Is 0.8 eight in ten?
#
# Ranking is one thing, probability another. A model that saw as many frauds as honest payments, because the training
# was balanced (notebook 2), calls far too many of them likely. **Calibration** learns the way back on days that
# trained nothing: `sigmoid` a curve of two numbers, `isotonic` any line that never falls.

# %%
balance = {"kind": "random_under", "ratio": 0.5}
judged("balanced", [LIGHTGBM], imbalance=balance)
for kind in ("sigmoid", "isotonic"):
    judged(f"balanced, {kind}", [LIGHTGBM], imbalance=balance, ensemble={"calibrate": kind, "span": recipe.test.span})

_, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
for name in ("balanced", "balanced, sigmoid", "balanced, isotonic"):
    came_true, said = calibration_curve(anomalies, scores[name], n_bins=8, strategy="uniform")
    axes.plot(said, came_true, "o-", label=f"{name}: Brier {results[name]['Brier']:.4f}")
axes.plot([0, 1], [0, 1], "--", color="black", linewidth=1, label="as it should be")
axes.set(xlabel="what the score says", ylabel="what came true", title="Of those that it gave such a score")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# The average precision does not move: calibration never changes who stands before whom. It matters where a threshold
# follows from costs, or where people read the score.

# %%
pd.DataFrame(results).T.loc[["LightGBM", "balanced", "balanced, sigmoid", "balanced, isotonic"]].round(4)

# %% [markdown]
# ## 5. What serves is what was judged
#
# In the registry an ensemble is one graph of float64 for ONNX Runtime: trees, sums, the stacking, the calibration. It
# needs neither scikit-learn nor LightGBM, and it gives the libraries' own numbers; were they off by more than 1e-9,
# registration would refuse it.

# %%
some, rows_shown = table.values[rows][:2000], {}
for name in ("voting", "stacking", "balanced, isotonic"):
    ensemble = fitted[name]
    graph = Compiled(ensemble.compiled(len(table.columns)), len(table.columns))
    begun = process_time()
    libraries = ensemble.predict_proba(some)[:, 1]
    middle = process_time()
    served = graph(some)
    rows_shown[name] = {
        "off by at most": f"{np.abs(served - libraries).max():.1e}",
        "the libraries, µs a row": round((middle - begun) / len(some) * 1e6, 1),
        "the graph, µs a row": round((process_time() - middle) / len(some) * 1e6, 1),
    }
pd.DataFrame(rows_shown).T

# %% [markdown]
# ## What we saw
#
# - Many trees together are better than nearly each of them alone, because their errors differ. Boosting lets each
#   learn from the last.
# - Voting and stacking help where members differ. Where one of them is already good, they bring little: look at the
#   bars and at their spread over days before you pay for three models instead of one.
# - What learns from the members' scores, a stacking or a calibration, learns on days that trained none of them.
# - A score is a probability only after calibration, and only while the days stay like those that taught it.
# - All of it became one graph that gives the same numbers.
#
# Figures on card fraud over three weeks are in `docs/numbers.md`. Next: your model behind a REST API, notebook 5.
