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
# # The aim, a first look, and features
#
# **Resumen.** Queremos una nota entre 0 y 1 para cada pago, en cuanto llega: ¿es fraude? En este cuaderno miramos los
# datos antes de enseñar nada a ningún modelo: cuántos fraudes hay, cuándo se saben y en qué se distinguen de los pagos
# honrados. Después convertimos cada pago en *features*: lo que la tarjeta y el terminal hicieron antes, calculado por
# el mismo código que lo calcula en vivo. Al final medimos cuánto dice cada una por sí sola.
#
# **Goal.** Know what we want, what the data are, and what a model will be shown. You will look at few frauds among
# many honest payments, see why a label that comes a week late changes everything, and turn payments into features
# that are the same in a file and on a live stream.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from atipico.learn.course import material
from atipico.learn.ranking import auc, average_precision
from atipico.learn.stages import Learning
from atipico.sources.file import File

WORK = Path("../runs/course")
course = material(WORK)
course.told

# %% [markdown]
# ## 1. The aim
#
# A card pays at a terminal. A moment later somebody has to decide: let it pass, or have a person look at it. People
# can look at a few cards a day, so the aim is not "find all fraud". It is: **put the payments in an order, the most
# suspicious first, and be right at the top of it**, with what is known at that very moment and nothing else.
#
# That is why this course measures two things: *average precision*, which is how clean the order is from the top
# down, and *precision@k*, the share of true ones among the k cards that people have time for.
#
# ## 2. First look
#
# A data set is a file and a few lines that say what its columns are (`data/<name>/dataset.toml`). From here on we use
# our own names.

# %%
learning = Learning(course.recipe, str(course.data), runs=WORK, say=lambda line: None)
source = File(str(course.data), learning.recipe.dataset)
keys = [name for name in ("customer", "terminal") if name in source.fields]
whole = source.whole([*keys, "amount"])
payments = pd.DataFrame({name: np.ma.filled(column, -1) for name, column in whole.fields.items()})
payments["time"] = pd.to_datetime(payments.pop("event_time"))
payments["fraud"] = whole.label == 1
payments["kind"] = "not told" if whole.kind is None else whole.kind
payments.head()

# %% [markdown]
# Before anything is learnt, the file is held to what was true of earlier ones: types, ranges, nothing missing, no
# number twice. `atipico learn validate` does it for each new batch and writes a page about it. Here are the figures
# that everything hangs on:

# %%
frauds = int(payments["fraud"].sum())
pd.Series(
    {
        "payments": len(payments),
        "frauds": frauds,
        "share of fraud": f"{frauds / len(payments):.2%}",
        **{f"different {key}s": payments[key].nunique() for key in keys},
        "first day": payments["time"].min().date(),
        "last day": payments["time"].max().date(),
        "a label is known": f"after {source.label_delay / 86_400e9:g} days" if source.label_delay else "at once",
    }
).to_frame("")

# %% [markdown]
# One payment in a hundred or fewer. A model that says "never" is right for 99 % of them and worth nothing: *accuracy*
# does not help here, and we will not use it.
#
# When does fraud happen, and how much is it about?

# %%
period = learning.recipe.period  # a day; a part of one where the data are of few days
width = pd.Timedelta(period)
each = payments.groupby(payments["time"].dt.floor(period)).agg(payments=("fraud", "size"), frauds=("fraud", "sum"))
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
above.bar(each.index, each["payments"], color="tab:blue", width=0.9 * width, align="edge")
above.set(ylabel=f"payments in {period}", title="Many payments, few frauds")
below.bar(each.index, each["frauds"], color="tab:red", width=0.9 * width, align="edge")
below.set(ylabel=f"frauds in {period}")
below.tick_params(axis="x", labelrotation=30)
plt.show()

# %%
figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
edges = np.geomspace(max(payments["amount"].min(), 0.5), payments["amount"].max(), 50)
for fraud, name, color in ((False, "honest", "tab:blue"), (True, "fraud", "tab:red")):
    axes.hist(
        payments.loc[payments["fraud"] == fraud, "amount"], edges, density=True, alpha=0.5, label=name, color=color
    )
axes.set(xscale="log", xlabel="amount", ylabel="density", title="Some frauds are large; most look like any payment")
axes.legend()
plt.show()

# %% [markdown]
# The amount alone tells some frauds: those far to the right. The others are ordinary amounts, at an ordinary hour. What
# gives them away is what happened *before*: on the same card, at the same terminal. Some data say of each fraud what
# kind it was (a scenario); that is for us to look at, and never for a model to see.

# %%
kinds = payments[payments["fraud"]].groupby("kind")["amount"].agg(["size", "median", "max"])
kinds.columns = ["frauds", "median amount", "largest amount"]
kinds

# %% [markdown]
# ## 3. What is known when
#
# The bank hears of a fraud when the card's owner complains, about a week later. So on any morning the newest
# week has no labels yet. Three consequences, for everything that follows:
#
# - a feature may use labels ("how many frauds did this terminal have?"), but only those that had come by then;
# - what trains ends a week before the model is made;
# - a model is judged on days after *that*, or the figures are of a machine that could see the future.
#
# Here is how many frauds are known, seen from the end of the data. (Where a file says nothing of when its labels came,
# they count as known at once, and nothing is dark: too good to be true, so figures on such data flatter a model.)

# %%
known = payments["time"].max().floor(period) - each.index >= pd.Timedelta(source.label_delay, "ns")
figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
axes.bar(each.index, each["frauds"].where(known, 0), color="tab:red", width=0.9 * width, align="edge", label="known")
dark = each["frauds"].where(~known, 0)
axes.bar(each.index, dark, color="lightgray", width=0.9 * width, align="edge", label="happened, nobody knows yet")
axes.set(ylabel=f"frauds in {period}", title=f"At the end of the data, {int(dark.sum())} frauds are still in the dark")
axes.tick_params(axis="x", labelrotation=30)
axes.legend()
plt.show()

# %% [markdown]
# ## 4. Features
#
# A model does not see a payment, it sees **features**: numbers that say how this payment stands beside the past of its
# card and its terminal. They are declared once, in the job:

# %%
job = (course.recipe.parents[2] / "jobs" / f"{learning.job.name}.toml").read_text()
print(job[job.index("[features]") :])

# %% [markdown]
# The same declaration makes them for a file, here, and sample by sample on the live stream: there is one engine for
# both, so a model meets live exactly what it was trained on. Each row sees only what was known at its own time.

# %%
table = learning.table()
features = pd.DataFrame(table.values, columns=list(table.columns))
features.describe().T[["mean", "50%", "max"]].round(2)

# %% [markdown]
# How well does each feature *alone* put frauds first? AUC is the chance that a fraud stands above an honest payment
# (a half is a coin; below a half, small values are the suspicious ones).

# %%
anomaly = table.label == 1
alone = {name: auc(column, anomaly) for name, column in zip(table.columns, table.values.T, strict=True)}
alone = pd.Series(alone).dropna().sort_values()
figure, axes = plt.subplots(figsize=(9, 0.28 * len(alone) + 1), layout="constrained")
axes.barh(alone.index, alone - 0.5, left=0.5, color=np.where(alone > 0.5, "tab:blue", "tab:orange"))
axes.axvline(0.5, color="black", linewidth=1)
axes.set(xlabel="AUC of the feature alone", title="No single feature is enough")
plt.show()

# %% [markdown]
# And together? Two of the best, a dot a payment. Where red and blue lie apart, a model has something to learn; where
# they overlap, it needs another feature, and no method of this course will replace it.

# %%
best = (alone - 0.5).abs().sort_values().index[-2:]
rng = np.random.default_rng(0)
some = np.concatenate([rng.choice(np.flatnonzero(~anomaly), 3000), rng.permutation(np.flatnonzero(anomaly))[:3000]])
figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
for fraud, color, name in ((False, "tab:blue", "honest"), (True, "tab:red", "fraud")):
    here = some[anomaly[some] == fraud]
    x, y = (features[column].to_numpy()[here] for column in best)
    axes.plot(x, y, ".", color=color, markersize=4, alpha=0.4, label=name)
axes.set(xscale="symlog", yscale="symlog", xlabel=best[0], ylabel=best[1], title="Two features, a dot a payment")
axes.legend()
plt.show()

# %% [markdown]
# The best one alone, as an order of all payments: its average precision beside that of chance, which is the share of
# fraud.

# %%
strongest = best[-1]
sign = 1 if alone[strongest] > 0.5 else -1
pd.Series(
    {
        f"{strongest} alone": average_precision(sign * features[strongest].to_numpy(), anomaly),
        "the amount alone": average_precision(features["amount"].to_numpy(), anomaly),
        "chance": anomaly.mean(),
    }
).round(4).to_frame("average precision")

# %% [markdown]
# ## 5. The well-known data set, if you have it
#
# The credit-card set of Dal Pozzolo and others (two days of 2013, 284,807 payments, 492 frauds) is what most texts use.
# Put its `creditcard.csv` into `data/creditcard/`, or let `atipico learn get -f data/creditcard/learn.toml` fetch it
# from OpenML, and this course runs on it, all four notebooks, as it stands. Its features came ready made (V1 to V28,
# without names), so there is little to engineer, and no card or terminal to look back on; on which day and at what
# hour its clock began it does not tell either, so dates are ours. That is why the course was
# written on other data, and `ATIPICO_COURSE=payments` brings it back to them.

# %% [markdown]
# ## What we saw
#
# - Fraud is rare, so the measure is the *order* of payments and not how many are right.
# - Most frauds look like any other payment. What tells them is the past of the card and of the terminal.
# - Labels come late. What was not known at the time must not be used, neither in a feature nor in a training.
# - Features are declared once and made by one engine, in a file as on the live stream.
# - Each of them alone is weak. Putting them together is what a model is for, and the next notebook asks how to show it
#   so few examples of what it shall find.
