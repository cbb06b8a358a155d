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
# # Hello, stream
#
# **Goal.** Ten minutes from "something is running" to "I know what it does": look at live samples and at the score
# that each one got, ask the model yourself, then send a payment that no honest card would make and watch it being
# flagged.
#
# You need the stack to run: `./up.sh --lab` started it, and this notebook, together.
#
# Two streams flow already: simulated card **payments**, some of them fraud, and this very **machine** (its CPU,
# memory, disk). Every sample takes the same way:
#
#     generator ─▶ store ─▶ stream host ─▶ agent ─▶ classifier
#                    ▲                        │  ◀── score ──┘
#                    └────── scores ◀─────────┘
#
# The *agent* turns a sample into features ("how much is this beside what the card usually pays?"), the *classifier*
# turns features into a **score** between 0 and 1, and from the **threshold** on a sample counts as anomalous.

# %% [markdown]
# ## 1. Connect
#
# `Client` finds the stack on this machine by itself: its ports and its token come from where the stack was started.
# (`Client("http://other-machine:8086")` is how you would look at another one, a real InfluxDB 1.x included.)

# %%
import time

import matplotlib.pyplot as plt

import atipico

client = atipico.Client()
client.status()[["state", "samples_in", "samples_out", "lost", "up_s"]]

# %% [markdown]
# One row a part. `lost` is what was accepted and then got no outcome: it has to be 0, whatever is killed.
# A *job* is a model run over a stream; these are the ones at work, each with its newest score:

# %%
client.jobs()

# %% [markdown]
# ## 2. Live samples
#
# A sample is a time, a few **tags** (text that groups samples; `shard` spreads the work) and **fields** (what was
# measured). Times are nanoseconds, UTC: a sample's time and tags are its identity, so no two payments share them.

# %%
samples = client.samples("payments", last="2m")
samples.tail()

# %% [markdown]
# Run the cell above again: there are new rows. `event_time` is the clock *inside* the simulated world, where days
# pass in minutes. What a card did "in the last 7 days" is counted on that clock, not on yours.

# %% [markdown]
# ## 3. Live scores
#
# Each of those samples has exactly one outcome in `scores`, under its own time. `why` names the features that were
# far from usual.

# %%
scores = client.scores("payments", last="2m")
scores[scores["anomalous"]].tail()[["time", "score", "threshold", "why"]]

# %% [markdown]
# Now as a picture: a dot a payment, the line the threshold, a red cross whatever reached it.
# Scores crowd near 0, so the axis is logarithmic.


# %%
def plot(scores, title):
    """Scores over time, with the threshold and what reached it."""
    calm, strange = scores[~scores["anomalous"]], scores[scores["anomalous"]]
    _, axes = plt.subplots(figsize=(10, 4), layout="constrained")
    axes.plot(calm["time"], calm["score"], ".", markersize=4, color="tab:blue", alpha=0.5, label=f"{len(calm)} usual")
    axes.plot(scores["time"], scores["threshold"], color="black", linewidth=1, label="threshold")
    axes.plot(strange["time"], strange["score"], "x", color="tab:red", markersize=8, label=f"{len(strange)} anomalous")
    axes.set(yscale="log", ylabel="score", xlabel="time (UTC)", title=title)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return axes


axes = plot(scores[scores["scored"]], "payments, the last 2 minutes")

# %% [markdown]
# The first minutes of a new stack look nervous: a card without a past has no "usual" yet. That calms down as
# histories grow.

# %% [markdown]
# ## 4. Ask the model yourself
#
# The classifier remembers nothing: it gets one row of features and gives one score. `usual` is what the model saw in
# training, mean and spread of each feature, so the means make a perfectly ordinary payment.

# %%
usual = {name: mean for name, (mean, spread) in client.model("payments")["usual"].items()}
usual

# %%
client.classify(usual, model="payments")

# %% [markdown]
# Change something and ask again. Twelve times what the card usually spends:

# %%
client.classify({**usual, "amount": 600.0, "customer_ratio_1d": 12.0, "customer_ratio_30d": 12.0}, model="payments")

# %% [markdown]
# `classify` takes a whole DataFrame as well, one row a sample. And a name that is not there gets the nearest one that
# is:

# %%
try:
    client.classify(usual, model="paymets")
except atipico.client.Unknown as error:
    print(error)

# %% [markdown]
# ## 5. Write one strange sample
#
# You don't compute features for a live sample; the agent does. Take the newest payment of some card, and let that card
# pay 5000 more than it did, one simulated minute later.

# %%
newest = samples.dropna(subset=["customer", "terminal", "amount", "event_time"]).iloc[-1]
strange = {
    "transaction_id": 900_000_000_000 + time.time_ns() // 1_000_000_000,
    "customer": newest["customer"],
    "terminal": newest["terminal"],
    "amount": newest["amount"] + 5000,
    "event_time": newest["event_time"] + 60_000_000_000,
}
written = client.write(strange, measurement="payments", tags={"shard": newest["shard"]})
written

# %% [markdown]
# `write` returns when the sample is safe on disk. From there it goes the way of all others; `wait_for_scores` waits
# for its outcome:

# %%
outcome = client.wait_for_scores(written)
outcome[["time", "job", "score", "threshold", "anomalous", "why"]]

# %% [markdown]
# Flagged, with the reason. Here it is among the live ones:

# %%
around = client.scores("payments", last="1m")
axes = plot(around[around["scored"]], "payments, and the one we wrote")
ours = axes.annotate(
    "ours",
    (outcome["time"].iloc[0], outcome["score"].iloc[0]),
    xytext=(-40, -30),
    textcoords="offset points",
    arrowprops={"arrowstyle": "->"},
)
# %% [markdown]
# ## 6. Say what was true
#
# A **label** is what a person says was true of a sample; from labels one learns how good a model is. Yours was no
# mistake of the model: it *was* an anomaly.

# %%
client.label("payments", strange["transaction_id"], 1)
labels = client.labels("payments")
labels[labels["id"] == strange["transaction_id"]]

# %% [markdown]
# (`labels` holds many more: the generator tells what was fraud a simulated week later, as banks do.)
#
# ## What we saw
#
# - Samples come in, and each gets **one** score under its own time: nothing is lost, nothing is scored twice.
# - The model sees *features*, which the agent computes from what a card and a terminal did before.
# - The way from `write` to a visible score takes a blink, and you can send, read, ask and label with one `Client`.
#
# Next: `client.query("SELECT ...")` takes any InfluxQL, `client.write(frame, "mine", tags=["device"])` makes a stream
# of your own, and a file in `jobs/` sets a model on it.
