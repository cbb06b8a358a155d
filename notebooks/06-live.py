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
# # Deployment in real time
#
# **Resumen.** Un modelo se pone a trabajar con un fichero: qué flujo lee y qué características calcula de él. En este
# cuaderno escribimos muestras, vemos llegar sus puntuaciones y anomalías en vivo, medimos cuánto tardan, enviamos
# muestras tarde y explicamos qué pasa cuando muere una parte. Después llevamos el mismo fichero a InfluxDB, Kapacitor
# y Grafana: cambia una sola palabra.
#
# **Goal.** Have a model score a live stream, follow one card from its first payment to its anomaly, and know what
# happens to samples that come late and when a part is killed. Then take the very same job to InfluxDB, Kapacitor and
# Grafana.
#
# You need the stack to run: `./up.sh --lab` started it, and this notebook, together. For the second half no other
# server is needed: what would be made there is shown.

# %%
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import atipico
from atipico.config import home, load
from atipico.engines.grafana.dashboards import DASHBOARDS
from atipico.engines.kapacitor.engine import Engine
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.kapacitor.tick import script
from atipico.errors import AtipicoError
from atipico.registry.jobs import load_job

pd.set_option("display.width", 100)
client = atipico.Client()
client.jobs()[["job", "stream", "version", "threshold"]]

# %% [markdown]
# ## 1. A job is a file
#
# `jobs/payments.toml` says all that is needed: which model scores, which stream it reads, on which clock its windows
# run, and how each feature comes from samples. The model was trained on features made by this very file, so there is
# no second program for "the same in production".

# %%
file = home() / "jobs" / "payments.toml"
print(*file.read_text().splitlines()[:18], "...", sep="\n")

# %% [markdown]
# A job of your own is one more file in `jobs/`; `./up.sh` begins it, at the first sample that the store still has.
#
# ## 2. Samples in, outcomes out
#
# We open a card of our own, at a terminal of our own, and let it pay 40 times in 20 days of the stream's clock, around
# 40 each time. Then somebody else has the card.

# %%
SECOND = 10**9  # ns
HOUR = 3600 * SECOND
OURS = 10_000_000  # cards and terminals from here on are not the generator's
card, dice = OURS + int(time.time()), np.random.default_rng(6)


def newest():
    """The generator's newest payment."""
    samples = client.samples("payments", last="2m")
    return samples[samples["customer"] < OURS].iloc[-1]


def pay(card, amounts, clocks):
    """Payments of a card, at a terminal of its own; clocks: ns of event_time. What was written, to ask about."""
    rows = {
        "transaction_id": time.time_ns() // 1000 + np.arange(len(amounts)),
        **{"customer": card, "terminal": card, "amount": amounts, "event_time": clocks, "shard": shard},
    }
    return client.write(pd.DataFrame(rows), measurement="payments", tags=["shard"])


amounts = [*dice.normal(40, 8, 40).clip(10).round(2), 390.0, 420.0, 445.0]
days = np.array([*np.sort(dice.uniform(0, 20, 40)), 20.02, 20.03, 20.04])
clock, shard = newest()[["event_time", "shard"]]
begun = clock - 21 * 24 * HOUR
outcomes = client.wait_for_scores(pay(card, amounts, begun + (days * 24 * HOUR).astype(int)), job="payments")
outcomes.tail(5)[["score", "threshold", "anomalous", "why"]]

# %%
_, (upper, lower) = plt.subplots(2, 1, figsize=(10, 4.5), sharex=True, layout="constrained")
upper.stem(days, amounts, basefmt=" ", markerfmt=".")
upper.set(ylabel="amount", title="A card, and what was told of each payment")
found = outcomes["anomalous"]
lower.plot(days, outcomes["score"], ".", label="score")
lower.plot(days[found], outcomes["score"][found], "x", color="tab:red", markersize=9, label="anomalous")
lower.plot(days, outcomes["threshold"], color="black", linewidth=1, label="threshold")
lower.set(yscale="log", xlabel="days on the stream's clock", ylabel="score")
legend = lower.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# The first payments of a card may look strange: it has no past yet. Then it has one, and what is far from it stands
# out. `why` names the features that did.
#
# ## 3. Live
#
# All payments take this way. By the second, how many samples came and how many outcomes: the two lines lie on each
# other, because each sample gets its one outcome.


# %%
def by_second(field, of):
    """How many had that field in each of the last seconds; those at both ends are not whole yet."""
    found = client.query(f'SELECT count("{field}") AS n FROM {of} AND time > now() - 30s GROUP BY time(1s) fill(0)')
    return found[1:-2]


came = by_second("amount", """"payments" WHERE "amount" > 0""")
told = by_second("score", """"scores" WHERE "atipico_job" = 'payments'""")
_, axes = plt.subplots(figsize=(10, 3), layout="constrained")
axes.step(came["time"], came["n"], linewidth=4, alpha=0.4, label="samples")
axes.step(told["time"], told["n"], color="black", linewidth=1, label="outcomes")
axes.set(xlabel="time (UTC)", ylabel="a second", ylim=(0, None), title="The last half minute")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# And how long one takes: from before `write` until a query of ours shows its outcome. `write` itself returns when the
# sample is on disk; the rest is agent, classifier, and our asking again and again.

# %%
took = []
for after in range(1, 21):
    begun = time.perf_counter()
    client.wait_for_scores(pay(card, [40.0], [clock - 20 * HOUR + after * HOUR]))
    took.append((time.perf_counter() - begun) * 1000)
_, axes = plt.subplots(figsize=(10, 1.8), layout="constrained")
axes.plot(took, np.zeros(len(took)), "o", alpha=0.5)
axes.axvline(np.median(took), color="tab:orange", label=f"median {np.median(took):.0f} ms")
axes.set(xlabel="ms", yticks=[], xlim=(0, None), title="From write to an outcome that we see, 20 times")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# ## 4. What comes late
#
# Networks bring samples in the wrong order. A sample is late when one of the same card or terminal, with a later
# clock, was scored before it. Within `allowed_late` (10 s unless the job says otherwise) it counts as if it had come
# in its order: the job goes back, and outcomes that are other now are overwritten. Later than that it is scored where
# it belongs, `why` says so, and what was told before stays.
#
# A new card pays 40 ten times, an hour apart, then 200: an anomaly. Only then two more arrive that it had made before:
# one of 900, three seconds earlier, and one of 40, an hour earlier. (All a few days ahead of the stream's clock, which
# runs thousands of times faster than ours: how late a sample is goes by the newest there.)

# %%
card, clock = card + 1, newest()["event_time"] + 5 * 24 * HOUR
pay(card, [40.0] * 10, [clock - after * HOUR for after in range(20, 10, -1)])
came = [pay(card, [200.0], [clock])]
at_once = [client.wait_for_scores(came[0])]
for amount, behind in ((900.0, 3 * SECOND), (40.0, HOUR)):
    came.append(pay(card, [amount], [clock - behind]))
    at_once.append(client.wait_for_scores(came[-1]))
NAMES = ["200, in time", "900, 3 s late", "40, an hour late"]
COLUMNS = ["score", "anomalous", "why"]
pd.concat(at_once).set_index(pd.Index(NAMES))[COLUMNS]

# %% [markdown]
# That was told at once. A moment later the job has gone back for the one that was three seconds late:

# %%
for _ in range(60):
    later = pd.concat([client.wait_for_scores(one) for one in came]).set_index(pd.Index(NAMES))[COLUMNS]
    if "late" not in later["why"].iloc[1]:
        break
    time.sleep(0.25)
later

# %%
_, axes = plt.subplots(figsize=(10, 2.2), layout="constrained")
for row, (first, last) in enumerate(zip(pd.concat(at_once)["score"], later["score"], strict=True)):
    axes.annotate("", (last, row), (first, row), arrowprops={"arrowstyle": "->", "color": "gray"})
axes.plot(pd.concat(at_once)["score"], NAMES, "o", color="tab:gray", label="at once")
axes.plot(later["score"], NAMES, "o", color="tab:orange", label="after the job went back")
axes.axvline(at_once[0]["threshold"].iloc[0], color="black", linewidth=1, label="threshold")
axes.margins(y=0.3)
axes.invert_yaxis()
axes.set(xlabel="score", title="What comes late changes what was told, within allowed_late")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# After 900, a payment of 200 is no longer far from what the card does, so its outcome is another one. The 900 is as
# strange as ever and no longer called late. The one of an hour ago keeps its `late`.

# %% [markdown]
# ## 5. What happens when a part is killed?
#
# We don't do it here, but you may: `kill -9` a pid of this table, and look again.

# %%
client.status()[["state", "pid", "restarts", "samples_in", "samples_out", "lost"]]

# %% [markdown]
# | killed | then |
# | --- | --- |
# | generator | it sends again what was not answered, with the same times: each sample is there once |
# | store | what was answered 204 is on disk; all others wait and try again |
# | classifier | it keeps nothing; the agent asks again until it answers |
# | agent | it begins again with what it knew some seconds ago, and what came since is sent to it again |
# | host | the same: outcomes that are written twice only replace themselves |
# | supervisor | the parts go on, and it is begun anew |
#
# So `lost` is 0, and every sample has its one outcome. `docs/guarantees.md` says what exactly is promised, with the
# test that fails when it is broken.
#
# ## 6. The same on InfluxDB, Kapacitor and Grafana
#
# Who runs these already needs no store of ours. The stack is then
#
#     Telegraf, generator ─▶ InfluxDB ─▶ Kapacitor ─▶ agent ─▶ classifier
#                               ▲                        │  ◀── score ──┘
#                               └── scores ◀─ Kapacitor ◀┘
#
# and the job is the same file with one more line:

# %%
folder = tempfile.TemporaryDirectory()


def with_engine(engine):
    """The job's file for another engine."""
    there = Path(folder.name) / engine / "payments.toml"
    there.parent.mkdir()
    there.write_text(f'engine = "{engine}"\n' + file.read_text())
    return there


real = with_engine("kapacitor")
print(*real.read_text().splitlines()[:4], "...", sep="\n")

# %% [markdown]
# `atipico apply -f payments.toml` makes of it a task that Kapacitor runs. A person can read it: take the samples of the
# stream, group them, hand them to our agent (a *user-defined function*, UDF), write what comes back.

# %%
settings = load(KapacitorSettings)
print(script(load_job(real), settings.udf, settings.retention_policy, by_shard=True, flush_s=settings.flush))

# %% [markdown]
# The second branch is the labels: the agent gets those too, and answers nothing. Before you apply, `atipico plan` tells
# what would change and changes nothing. Here it asks the servers that your settings name; where there are none, it
# says which one it missed.

# %%
try:
    for change in Engine().plan(real):
        print(change.sign, change.what)
except AtipicoError as error:
    print(error)

# %% [markdown]
# So, on servers of yours:
#
#     export ATIPICO_STORE_URL=http://influx.example:8086
#     atipico agent &                     first: Kapacitor asks its UDFs who they are when it starts
#     atipico classifier &
#     atipico plan -f payments.toml       what would change
#     atipico apply -f payments.toml      make it so; again and again does no harm
#     atipico sweeper &                   sees that each sample gets its outcome
#     atipico grafana push http://grafana.example:3000 --user admin
#
# or all of it in containers, InfluxDB, Kapacitor and Grafana included:
#
#     ./up.sh docker
#
# **The sweeper** is there because InfluxDB hands each point over once and forgets, and a task whose UDF went away stays
# dead. It counts samples and outcomes; where some are missing, it begins the task anew, takes the agent back to what
# it knew before them, and has them scored from what InfluxDB has.
#
# **Without Kapacitor**, on InfluxDB 2.x and 3 too, `engine = "polled"` has the sweeper itself ask for new samples, four
# times a second and one second behind. Whatever the engine is, the job is the same but for that word:

# %%
jobs = [load_job(file), load_job(real), load_job(with_engine("polled"))]
[job.engine for job in jobs], len({str(job._replace(engine="")) for job in jobs})

# %% [markdown]
# **Grafana** gets three dashboards. They ask InfluxQL, which our store answers as well as InfluxDB, so they work on
# either:

# %%
for board in DASHBOARDS.values():
    print(board.title)
    for panel in board.panels:
        print(f"    {panel.title}: {panel.about}")

# %% [markdown]
# | | embedded | `kapacitor` | `polled` |
# | --- | --- | --- | --- |
# | who keeps the samples | our store | InfluxDB 1.8 | InfluxDB 1.8, 2.x, 3 |
# | who hands them over | our host | Kapacitor 1.5 | the sweeper asks |
# | what a kill loses is found by | host and its marks | the sweeper | the sweeper |
# | alerts, sinks | both | alerts | neither |
# | begun by | `./up.sh` | `atipico apply` | `atipico apply` |
#
# ## What we saw
#
# - A job is one file. The features that a model learnt from are made of live samples by the same lines.
# - A sample has its outcome in a blink, one each, with the features that stood out.
# - What is a little late counts as if it had been in time; what is later says so. What is killed comes back and goes
#   on.
# - On InfluxDB, Kapacitor and Grafana the same file works, with one word more. Kapacitor's task is readable, `plan`
#   tells before `apply` does, and the sweeper finds what those servers lose.
#
# More: `docs/existing.md` for servers that are there already, `docs/real-stack.md` for containers, `docs/alerts.md` to
# be told.
