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
# # The REST API
#
# **Resumen.** Detrás de las puntuaciones hay dos servicios que hablan HTTP: el clasificador, que puntúa filas de
# características, y el almacén, que guarda muestras y responde consultas como InfluxDB 1.8. En este cuaderno usamos
# ambos a mano, con JSON y con bloques de float64, vemos qué errores devuelven y qué hacer con cada uno, medimos cuánto
# se gana al enviar muchas filas en una sola petición, y al final dejamos que `atipico.Client` haga lo mismo en una
# línea.
#
# **Goal.** Ask a model from any program that speaks HTTP, read its errors, know when to send rows one by one and when
# together, and write to and query the store in the same way. At the end, `atipico.Client` does all of it in one line
# each.
#
# You need a stack to run: `./up.sh --lab` or `./up.sh docker` started it, and this notebook, together.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import requests

import atipico
from atipico.client.settings import ClientSettings
from atipico.config import load
from atipico.errors import NotYet
from atipico.wire.classify import COLUMNS, CONTENT_TYPE, THRESHOLD, VERSION

settings = load(ClientSettings)
CLASSIFIER, (STORE, login) = settings.classifier(), settings.store()
http = requests.Session()
http.trust_env = False  # no proxy knows this machine's loopback

# %% [markdown]
# ## 1. Which models are there?
#
# `GET /models` tells. A model's `columns` are the features that it takes, in their order; `digest` is a short name for
# just that list; `usual` is what it saw in training.

# %%
told = http.get(f"{CLASSIFIER}/models").json()
pd.DataFrame(told["models"])[["id", "kind", "threshold", "digest"]]

# %%
model = http.get(f"{CLASSIFIER}/models/payments").json()
pd.DataFrame(model["usual"], index=["mean", "spread"]).T.round(3)

# %% [markdown]
# `/openapi.json` describes all routes for programs that make clients of such descriptions; `/ping` says that the
# process lives, `/-/ready` that its models answer as they did when they were registered.

# %%
{path: http.get(CLASSIFIER + path).status_code for path in ("/ping", "/-/ready", "/openapi.json", "/metrics")}

# %% [markdown]
# ## 2. Rows as JSON
#
# `POST /classify?model=NAME` takes `{"rows": [{feature: number, ...}, ...]}`. Without a version the newest answers;
# `payments@1` would be that one for ever. An ordinary payment, and one of twelve times what the card usually pays:

# %%
usual = {name: mean for name, (mean, spread) in model["usual"].items()}
ratios = [name for name in usual if name.startswith("customer_ratio")]
strange = {**usual, "amount": 600.0, **dict.fromkeys(ratios, 12.0)}
answer = http.post(f"{CLASSIFIER}/classify", params={"model": "payments"}, json={"rows": [usual, strange]})
answer.json()

# %% [markdown]
# The classifier remembers nothing, so it can be asked "what if": the same payment, only its amount grows, and with it
# how it stands beside the card's past. One request, 200 rows.

# %%
times = np.geomspace(0.5, 50, 200)
what_if = [{**usual, "amount": usual["amount"] * by, **dict.fromkeys(ratios, by)} for by in times]
said = http.post(f"{CLASSIFIER}/classify", params={"model": "payments"}, json={"rows": what_if}).json()
_, axes = plt.subplots(figsize=(10, 3.5), layout="constrained")
axes.plot(times, said["scores"], label="score")
axes.axhline(said["threshold"], color="black", linewidth=1, label="threshold")
axes.set(xscale="log", yscale="log", xlabel="times what the card usually pays", ylabel="score", title="What if?")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# ## 3. Rows as a block of float64
#
# JSON spells each number out. Programs that send many rows send the bytes themselves: float64, little-endian, row by
# row, in the order of `columns`. Names are left out of such a body, so the header with the digest says whose order it
# is. Back come as many float64, the threshold and the version in headers. It is what the agent does with live samples.

# %%
block = np.array([[row[name] for name in model["columns"]] for row in what_if], dtype="<f8").tobytes()
headers = {"Content-Type": CONTENT_TYPE, COLUMNS: model["digest"]}
answer = http.post(f"{CLASSIFIER}/classify", params={"model": "payments"}, data=block, headers=headers)
scores = np.frombuffer(answer.content, dtype="<f8")
f"{len(scores)} scores of {answer.headers[VERSION]}, threshold {answer.headers[THRESHOLD]}"

# %%
f"the same as by JSON, to the last bit: {scores.tolist() == said['scores']}"

# %% [markdown]
# ## 4. When it says no
#
# Each error is `{"error": "..."}` with a sentence that tells what was found and what was needed. The status says what
# to do: **4xx**, this request never works, mend it; **503**, the same request may work after the seconds of the header
# `Retry-After`.


# %%
def refused(what, model="payments", **request):
    """Send what will not do, and show the answer."""
    answer = http.post(f"{CLASSIFIER}/classify", params={"model": model}, **request)
    print(f"{what}\n    {answer.status_code}  {answer.json()['error']}")


without = {name: value for name, value in usual.items() if name != "amount"}
refused("a model that is not there", model="paymets", json={"rows": [usual]})
refused("a feature is missing", json={"rows": [usual, without]})
refused("a feature that nobody knows", json={"rows": [{**usual, "amuont": 3.0}]})
refused("no number", json={"rows": [{**usual, "amount": "many"}]})
refused("no JSON", data="amount=3")
refused("the columns of another model", data=block, headers={**headers, COLUMNS: "0" * 16})
refused("cut short", data=block[:-3], headers=headers)

# %% [markdown]
# 409 is the one to know when you send blocks: the model was replaced by one with other columns while you were running.
# Ask `/models/payments` anew and lay the rows out again. Bodies of more than 32 MiB are answered 413: send fewer rows
# at once.
#
# ## 5. One by one, or together?
#
# A request costs the same whether it brings one row or a hundred: a connection, headers, a thread that wakes up. So we
# measure rows a second by how many go together, for a fifth of a second each.


# %%
def rows_a_second(rows, **request):
    """Ask again and again for 0.2 s, at least three times."""
    begun, asked = time.perf_counter(), 0
    while asked < 3 or time.perf_counter() - begun < 0.2:
        http.post(f"{CLASSIFIER}/classify", params={"model": "payments"}, **request).raise_for_status()
        asked += 1
    return rows * asked / (time.perf_counter() - begun)


measured = {}
for rows in (1, 10, 100, 1000, 10_000):
    many = [what_if[at % len(what_if)] for at in range(rows)]
    packed = np.array([list(row.values()) for row in many], dtype="<f8").tobytes()
    measured[rows] = {
        "JSON": rows_a_second(rows, json={"rows": many}),
        "float64": rows_a_second(rows, data=packed, headers=headers),
    }
measured = pd.DataFrame(measured).T.rename_axis("rows together")
measured.round(0).astype(int)

# %%
_, axes = plt.subplots(figsize=(10, 3.5), layout="constrained")
for name in measured:
    axes.plot(measured.index, measured[name], "o-", label=name)
axes.set(xscale="log", yscale="log", xlabel="rows in a request", ylabel="rows a second", title="Together is faster")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# Both lines rise until the rows themselves are what costs: spelling numbers out and reading them again for JSON, the
# model alone for the block. This client is Python on the same machine, and shares its cores with the classifier and
# with all else that runs: read the shape, not the figures.
#
# ## 6. The same by `atipico.Client`
#
# It asks for the columns, lays the rows out, sends blocks, and sends them again when the model was replaced meanwhile.

# %%
client = atipico.Client()
client.classify(strange, model="payments")

# %%
frame = pd.DataFrame(what_if)
client.classify(frame, model="payments").iloc[[0, 100, 199]]

# %% [markdown]
# Its two errors are the two kinds above: `Refused` will never work, `NotYet` may later. Here is one of each; nobody
# listens on port 9.

# %%
try:
    client.classify(frame.drop(columns="amount"), model="payments")
except atipico.client.Unknown as error:
    print(f"{type(error).__name__}: {error}")
try:
    atipico.Client(classifier="http://127.0.0.1:9").classify(strange, model="payments")
except NotYet as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## 7. The store
#
# It speaks as InfluxDB 1.8 does, so what you know of that (Telegraf, Grafana, its client libraries) works here; in the
# stack of `./up.sh docker` it is one. Samples are written as lines, `measurement,tags fields time`, and 204 means that
# they are safe on disk.
#
# We make a database for this page, so that nothing of it stands among the live samples. An InfluxDB that asks who you
# are lets only its admin do that; who is none takes the database that there is.

# %%
http.headers.update(login.headers())  # asked for where the store is bound to more than this machine
made = http.post(f"{STORE}/query", data={"q": 'CREATE DATABASE "notebook_05"'})
DATABASE = "notebook_05" if made.ok else settings.database
made.json(), DATABASE

# %%
SECOND = 10**9
now = time.time_ns() // SECOND * SECOND
celsius = 20 + 3 * np.sin(np.arange(600) / 60) + np.random.default_rng(5).normal(0, 0.4, 600)
lines = [f"pump5,site=north celsius={value:.2f} {now - (600 - at) * SECOND}" for at, value in enumerate(celsius)]
print("\n".join(lines[:2]))
http.post(f"{STORE}/write", params={"db": DATABASE, "precision": "ns"}, data="\n".join(lines)).status_code

# %% [markdown]
# A line that can't be taken is named; its neighbours are written all the same. The type of a field never changes:

# %%
bad = f"pump5,site=north celsius=21.5 {now}\npump5,site=north celsius=true {now + SECOND}"
answer = http.post(f"{STORE}/write", params={"db": DATABASE, "precision": "ns"}, data=bad)
print(answer.status_code, answer.json()["error"])

# %% [markdown]
# `/query` answers InfluxQL as JSON, or as CSV for `Accept: text/csv`. The mean and the extremes of each half minute:

# %%
QUERY = 'SELECT mean("celsius"), min("celsius"), max("celsius") FROM "pump5" WHERE time > now() - 1h GROUP BY time(30s)'
asked = {"db": DATABASE, "q": f"{QUERY} fill(none)", "epoch": "s"}
print(*http.get(f"{STORE}/query", params=asked, headers={"Accept": "text/csv"}).text.splitlines()[:3], sep="\n")
series = http.get(f"{STORE}/query", params=asked).json()["results"][0]["series"][0]
halves = pd.DataFrame(series["values"], columns=series["columns"])
_, axes = plt.subplots(figsize=(10, 3), layout="constrained")
at = pd.to_datetime(halves["time"], unit="s")
axes.fill_between(at, halves["min"], halves["max"], alpha=0.3, label="lowest to highest")
axes.plot(at, halves["mean"], label="mean of 30 s")
axes.set(xlabel="time (UTC)", ylabel="°C", title="600 lines, by half minutes")
legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown]
# And by the client, as a DataFrame:

# %%
client.query(f"{QUERY} fill(none) LIMIT 3", database=DATABASE)

# %% [markdown]
# A query that is wrong says where, and as with all writing, taking away what we made is asked by POST.

# %%
wrong = http.get(f"{STORE}/query", params={"db": DATABASE, "q": "SELECT celsius FORM pump5"})
print(wrong.status_code, wrong.json()["error"])
gone = 'DROP DATABASE "notebook_05"' if made.ok else 'DROP SERIES FROM "pump5"'
http.post(f"{STORE}/query", params={"db": DATABASE}, data={"q": gone}).json()

# %% [markdown]
# ## What we saw
#
# - The classifier is a function over HTTP: rows in, scores out, nothing kept. JSON is for people and few rows, the
#   block of float64 for programs and many; both give the same numbers.
# - Errors are sentences. 4xx: mend the request. 503: send it again later. 409: the model's columns have changed.
# - Send rows together: as a block, a hundred cost little more than one.
# - The store takes lines and answers InfluxQL, as InfluxDB 1.8 does.
# - `atipico.Client` is all of that in one line each.
#
# What rows of features can't tell is what a card did before: that is the agent's work, in real time. Next: notebook 6.
