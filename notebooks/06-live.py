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
# You need a stack to run: `./up.sh --lab` starts the embedded one, `./up.sh docker` that on InfluxDB, Kapacitor and
# Grafana, each with this notebook. On the first, section 6 shows what would be made on the second; there, it makes it.

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
from atipico.store_access import elsewhere

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
# A job of your own is one more file in `jobs/`; the next `./up.sh` begins it, at the first sample that the store still
# has.
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
    """The generator's newest payment; InfluxDB shows one while it is being written, field by field."""
    samples = client.samples("payments", last="2m").dropna(subset=["customer", "event_time"])
    return samples[samples["customer"] < OURS].iloc[-1]


def pay(card, amounts, clocks, stream="payments"):
    """Payments of a card, at a terminal of its own; clocks: ns of event_time. What was written, to ask about."""
    rows = {
        "transaction_id": time.time_ns() // 1000 + np.arange(len(amounts)),
        **{"customer": card, "terminal": card, "amount": amounts, "event_time": clocks, "shard": shard},
    }
    return client.write(pd.DataFrame(rows), measurement=stream, tags=["shard"])


amounts = [*dice.normal(40, 8, 40).clip(10).round(2), 390.0, 420.0, 445.0]
days = np.array([*np.sort(dice.uniform(0, 20, 40)), 20.02, 20.03, 20.04])
clock, shard = newest()[["event_time", "shard"]]
begun = clock - 21 * 24 * HOUR
outcomes = client.wait_for_scores(pay(card, amounts, begun + (days * 24 * HOUR).astype(int)), job="payments")
outcomes.tail(5)[["score", "threshold", "anomalous", "why"]]


# %%
def draw(days, amounts, outcomes, title):
    """A card's payments, and below what was told of each."""
    _, (upper, lower) = plt.subplots(2, 1, figsize=(10, 4.5), sharex=True, layout="constrained")
    upper.stem(days, amounts, basefmt=" ", markerfmt=".")
    upper.set(ylabel="amount", title=title)
    found = outcomes["anomalous"]
    lower.plot(days, outcomes["score"], ".", label="score")
    lower.plot(days[found], outcomes["score"][found], "x", color="tab:red", markersize=9, label="anomalous")
    lower.plot(days, outcomes["threshold"], color="black", linewidth=1, label="threshold")
    lower.set(yscale="log", xlabel="days on the stream's clock", ylabel="score")
    lower.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return lower


axes = draw(days, amounts, outcomes, "A card, and what was told of each payment")

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
    asked = time.perf_counter()
    client.wait_for_scores(pay(card, [40.0], [clock - 20 * HOUR + after * HOUR]))
    took.append((time.perf_counter() - asked) * 1000)
_, axes = plt.subplots(figsize=(10, 1.8), layout="constrained")
axes.plot(took, np.zeros(len(took)), "o", alpha=0.5)
axes.axvline(np.median(took), color="tab:orange", label=f"median {np.median(took):.0f} ms")
axes.set(xlabel="ms", yticks=[], xlim=(0, None), title="From write to an outcome that we see, 20 times")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# ## 4. What comes late
#
# Networks bring samples in the wrong order. A sample is late when one of the same card, or of the same machine, with a
# later clock was scored before it. Within `allowed_late` (10 s unless the job says otherwise) it counts as if it had
# come in its order: the job goes back, and outcomes that are other now are overwritten. Later than that it is scored
# where it belongs, `why` says so, and what was told before stays.
#
# The job `machine` shows it best, as its windows run on our own clock. A machine of ours, by a name that nobody else
# has, tells of a calm minute, then of a burst: an anomaly.

# %%
READS = [feature.field for feature in load_job(home() / "jobs" / "machine.toml").features]
BUSY = [field for field in READS if field in ("cpu_percent", "load1", "context_switches_per_s")]
host, now = f"course-{int(time.time())}", time.time_ns()


def tell(seconds, busier=0.0):
    """What our machine measured so many seconds before `now`, or after it. What was written, to ask about."""
    rows = pd.DataFrame(dice.normal(20, 2, (len(seconds), len(READS))), columns=READS)
    rows[BUSY] += busier
    rows["time"], rows["host"] = [now + second * SECOND for second in seconds], host
    return client.write(rows, measurement="machine", tags=["host"])


COLUMNS = ["score", "anomalous", "why"]
client.wait_for_scores(tell(range(-60, -4)))
burst = tell([0], busier=30)
at_once = client.wait_for_scores(burst)
at_once[COLUMNS]

# %% [markdown]
# Only now comes what it measured three seconds before, when it was busier still. Beside that, the burst is nothing
# special. We ask for both outcomes until that of the burst is another one, ten seconds at most. Our own stream host
# goes back in a blink. Where Kapacitor stands in its place (section 6) nobody does: what is late is scored as it comes,
# also by three seconds, and says so.

# %%
three = tell([-3], busier=90)
for _ in range(40):
    later = pd.concat([client.wait_for_scores(one) for one in (burst, three)])
    if later["score"].iloc[0] != at_once["score"].iloc[0]:
        break
    time.sleep(0.25)
later[COLUMNS].set_index(pd.Index(["the burst", "3 s late"]))

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
measured = client.samples("machine", last="5m")
measured = measured[measured["host"] == host]
seconds = (measured["time"] - pd.Timestamp(now, tz="UTC")).dt.total_seconds()
left.plot(seconds, measured["cpu_percent"], ".-", color="tab:gray", label="what it measured")
left.plot(-3, measured["cpu_percent"][seconds == -3], "o", color="tab:orange", label="came last")
left.set(xlabel="seconds beside the burst", ylabel="cpu_percent", title="Our machine")
left.legend(loc="upper left")
steps = [at_once["score"].iloc[0], later["score"].iloc[0]]
right.plot(["at once", "a moment later"], steps, "o-", color="tab:orange", label="score of the burst")
right.axhline(at_once["threshold"].iloc[0], color="black", linewidth=1, label="threshold")
right.set(ylabel="score", title="What was told of the burst")
right.margins(x=0.3)
legend = right.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# Once the job went back, the one that was three seconds late is no longer called late: it has its place. One that comes
# an hour late does not get that, and changes nothing:

# %%
hour = client.wait_for_scores(tell([-3600]))
pd.concat([client.wait_for_scores(burst), hour])[COLUMNS].set_index(pd.Index(["the burst", "an hour late"]))

# %% [markdown]
# ## 5. What happens when a part is killed?
#
# We don't do it here, but you may: `kill -9` a pid of this table, and look again. (In a container that is always 1.)

# %%
client.status()[["state", "pid", "samples_in", "samples_out", "lost"]]

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
# and a job is the same file with one line more. This one also reads a stream of its own, so that nothing of yours is
# touched, and tells when two of the last three payments are anomalous:

# %%
folder = tempfile.TemporaryDirectory()
ALERT = """
[alert]
for = 2          # so many anomalies ...
of = 3           # ... among the last so many samples
over_after = 3   # over when none was among them for so many
"""


def with_engine(engine, stream="payments", more=""):
    """The payments job for another engine, or another stream too."""
    there = Path(folder.name) / engine / f"{stream}.toml"
    there.parent.mkdir(exist_ok=True)
    text = file.read_text().replace('stream = "payments"', f'stream = "{stream}"')
    there.write_text(f'engine = "{engine}"\n{text}{more}')
    return there


real = with_engine("kapacitor", "course", ALERT)
print(*real.read_text().splitlines()[:4], "...", ALERT, sep="\n")

# %% [markdown]
# `atipico apply -f course.toml` makes a task of it, which Kapacitor runs. A person can read it: take the samples of the
# stream, group them, hand them to our agent (a *user-defined function*, UDF), write what comes back; then count
# anomalies, and write when an episode of them begins and when it is over.

# %%
settings = load(KapacitorSettings)
print(script(load_job(real), settings.udf, settings.retention_policy, by_shard=True, flush_s=settings.flush))

# %% [markdown]
# The last branch is the labels: the agent gets those too, and answers nothing.
#
# Before you apply, `atipico plan` tells what would change and changes nothing. Here it asks the servers that your
# settings name; where there are none, it says which one it missed.

# %%
try:
    for change in Engine().plan(real):
        print(change.sign, change.what)
except AtipicoError as error:
    print(error)

# %% [markdown]
# Then we do it, on the servers that `ATIPICO_STORE_URL` names (in the lab of `./up.sh docker` it does) and on no
# others; where it names none, the next three cells make nothing. A card as that of section 2 pays there; somebody else
# has it for three payments, then its owner again:

# %%
if elsewhere():
    for change in Engine().plan(real):
        change.do()
    amounts, days = [*amounts, *[40.0] * 8], np.append(days, 20.2 + np.arange(8) / 4)
    paid = pay(card + 1, amounts, begun + (days * 24 * HOUR).astype(int), "course")
    outcomes = client.wait_for_scores(paid, job="course")
    draw(days, amounts, outcomes, "A card on InfluxDB and Kapacitor")
    print(outcomes.iloc[38:46][["time", "score", "anomalous"]])
else:
    print("ATIPICO_STORE_URL names no InfluxDB, so nothing is made there.")

# %% [markdown]
# Kapacitor itself counted what was anomalous, and wrote a row of `alerts` when the episode began and one when it was
# over. Whom else it tells is one more line under `[alert]`, a webhook or a file (`docs/alerts.md`).

# %%
if elsewhere():
    since = paid.samples[0].time
    told = f"""SELECT firing, hits FROM "alerts" WHERE "atipico_job" = 'course' AND time >= {since}"""
    for _ in range(40):
        alerts = client.query(told) if "alerts" in client.streams() else ()
        if len(alerts) >= 2:
            break
        time.sleep(0.25)
    print(alerts)

# %% [markdown]
# `atipico delete course` takes the task off again; samples and outcomes stay.

# %%
if elsewhere():
    for change in Engine().removals("course"):
        print(change.sign, change.what)
        change.do()

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
jobs = [load_job(file), *(load_job(with_engine(engine)) for engine in ("kapacitor", "polled"))]
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
# | what comes late | the job goes back | is scored as it comes | the job goes back |
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
