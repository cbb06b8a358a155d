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
# # Models I: which parameters?
#
# **Resumen.** Un modelo tiene parámetros que nadie aprende de los datos: cuántas hojas tiene un árbol, cuán despacio
# aprende. Aquí los buscamos con dos bibliotecas, Optuna e Hyperopt, a partir de una sola declaración. Cada intento se
# juzga en días posteriores a su entrenamiento, cuando sus etiquetas ya se conocían, y nunca en los días con los que al
# final se juzga el modelo. Al final comparamos: qué encontró cada una, cuánto costó y si la mejora se mantiene en días
# que ninguna de las dos vio.
#
# **Goal.** Find parameters of a gradient boosting by search, with two libraries, and learn to tell a better model from
# a luckier one. You will see what a search may look at when labels come a week late, declare a search in the recipe
# file, run and resume it, and judge what it found on days that it never saw.

# %%
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd

from atipico.learn import tuning, tuning_plots
from atipico.learn.course import material
from atipico.learn.judge import tried
from atipico.learn.recipe import changed
from atipico.learn.space import space_of
from atipico.learn.split import split
from atipico.learn.stages import Learning
from atipico.learn.tuned import toml_of

WORK = Path("../runs/course")
course = material(WORK)
TRIALS = 4 if course.small else 12
course.told

# %% [markdown]
# ## 1. The data, as features
#
# Features are declared once, in a job, and made for a file by the very code that makes them live (notebook 1). Each
# row sees only what was known at its own time: a fraud of a terminal counts from the day on that its label came, a
# week later.

# %%
learning = Learning(course.recipe, str(course.data), runs=WORK, say=lambda line: None)
table = learning.table()
pd.Series(
    {
        "rows": len(table.label),
        "of them anomalies": int((table.label == 1).sum()),
        "features": len(table.columns),
        "time": str(table.span),
        "labels come after": pd.Timedelta(table.label_delay, "ns"),
    },
    name="the table",
).to_frame()

# %% [markdown]
# ## 2. What a search may look at
#
# A search judges many candidates and keeps the best, so it also keeps the luckiest. Whatever days it judges on are
# spent: a figure on those days is too good. So there are two kinds of spans:
#
# - **folds**, on which trials are judged. Each has a training of its own, which ends so early that its last label
#   had come when the judged days began (the grey gap);
# - the **test**, on which the model is judged in the end. It lies behind all folds, and no fold knew a label of it.
#
# Ordinary cross-validation draws folds at random. A card that is defrauded on Monday is so on Tuesday too; with one
# day in the training and the other in the validation, a model need only recognise the card. It looks brilliant, and
# fails live.

# %%
recipe = changed(
    learning.recipe,
    train={"usual_share": round(min(0.5, 40_000 / len(table.label)), 3), "tune": {"folds": 2, "trials": TRIALS}},
    test={"spans": 1},
    estimator=[
        {
            "kind": "lightgbm",
            "n_estimators": 40 if course.small else 120,
            "search": {
                "num_leaves": {"low": 3, "high": 63, "log": True},
                "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
                "min_child_samples": {"low": 5, "high": 200, "log": True},
                "colsample_bytree": {"low": 0.2, "high": 1.0},
                "reg_lambda": {"low": 0.01, "high": 100.0, "log": True},
                "boosting_type": {"choices": ["gbdt", "dart"]},
            },
        }
    ],
)
test = split(recipe, table)
named = {f"fold {number}": fold for number, fold in enumerate(tuning.folds_of(recipe, table), 1)} | {"the model": test}
_, axes = plt.subplots(figsize=(10, 2.6), layout="constrained")
tuning_plots.spans(axes, named)

# %% [markdown]
# ## 3. One declaration, two libraries
#
# What may be tried stands in the recipe, beside the estimator that it is for: a range (`log` spreads trials evenly
# over orders of magnitude, which suits rates and counts), a range with a step, or choices.

# %%
print(toml_of(recipe))

# %% [markdown]
# **Optuna** and **Hyperopt** both search with a *tree of Parzen estimators*: after some trials at random they look
# where good ones were dense and bad ones were not, and propose more from there. Optuna also *prunes*: a trial whose
# first fold is worse than the median of others is left, and its second fold is never trained. Hyperopt has no such
# thing: it can end a search early, not a trial.
#
# On the command line this is `atipico learn tune -f learn.toml`; here we call the same function.

# %%
found, seconds = {}, {}
for kind in ("optuna", "hyperopt"):
    begun = perf_counter()
    asked = changed(recipe, train={"tune": {"kind": kind, "folds": 2, "trials": TRIALS}})
    found[kind] = tuning.search(asked, table, WORK / f"{kind}.sqlite")
    seconds[kind] = perf_counter() - begun

_, axes = plt.subplots(figsize=(10, 4), layout="constrained")
tuning_plots.progress(axes, {kind: one.trials for kind, one in found.items()})

# %% [markdown]
# A dot is a trial that came to its end, a cross one that was left early (its height is the mean of the folds it did).
# The line is the best so far: it jumps early and then creeps. That is the usual picture: most of what a search brings,
# it brings in the first dozen trials.
#
# Both remember their trials in a file (SQLite). Stopped and started again, a search goes on where it was; asked again
# for what is done, it trains nothing:

# %%
begun = perf_counter()
again = tuning.search(asked, table, WORK / "hyperopt.sqlite")
assert again.best == found["hyperopt"].best
pd.DataFrame(
    {
        "trials": {kind: len(one.trials) for kind, one in found.items()},
        "left early": {kind: sum(t.score is None for t in one.trials) for kind, one in found.items()},
        "best, on the folds": {kind: one.best.score for kind, one in found.items()},
        "seconds": seconds,
        "seconds, asked again": {"hyperopt": perf_counter() - begun},
    }
).round(4)

# %% [markdown]
# ## 4. What each parameter had to do with it
#
# A panel a parameter, a dot a trial, the later the darker. Where dots of all heights stand side by side the parameter
# hardly matters; where they rise towards one end, the range may be too narrow.

# %%
figure = plt.figure(figsize=(10, 6), layout="constrained")
tuning_plots.parameters(figure, found["optuna"].trials, space_of(recipe))

# %% [markdown]
# ## 5. Does it hold?
#
# Now the days that no search saw, for the parameters that the library itself has and for those that each search found.
# `folds` is what the search believed, `test` is what came true.

# %%
plain = changed(
    recipe, estimator=[{"kind": "lightgbm", "n_estimators": recipe.estimator[0].parameters["n_estimators"]}]
)
rows = {}
for name, one in {"the library's own": plain, **{kind: one.recipe for kind, one in found.items()}}.items():
    _, judged = tried(one, table, test)
    told = judged.told["average"]
    rows[name] = {
        "folds": found[name].best.score if name in found else None,
        "test": told["average_precision"],
        "± over periods": told["spread"]["average_precision"],
        "AUC": told["auc"],
    }
pd.DataFrame(rows).T.round(4)

# %%
_, axes = plt.subplots(figsize=(10, 3), layout="constrained")
shown = pd.DataFrame(rows).T
spread = shown["± over periods"].astype(float)
axes.barh(shown.index, shown["test"], xerr=spread, color=["lightgrey", "C0", "C1"], capsize=4)
axes.plot(shown["folds"], shown.index, "D", color="black", label="what the search believed")
axes.set(xlabel="average precision on the test, ± its standard deviation over periods", title="Does it hold?")
axes.invert_yaxis()
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# ## What we saw
#
# - Folds are spans of days with a training of their own each; between training and judging lies the time that labels
#   take. The test lies behind all folds.
# - One declaration served both libraries. They use the same idea and find much the same; Optuna saves time by
#   leaving bad trials early.
# - Compare the gain with the bar of its spread over periods (days, where the recipe names none): a difference smaller
#   than that is no finding. How much tuning brought on card fraud, over three weeks, is in `docs/numbers.md`, beside
#   what resampling and ensembles brought.
# - `atipico learn tune` writes the best values into a recipe beside the old one, `learn.tuned.toml`: train that
#   next.
#
# Next: several models as one, in notebook 4.
