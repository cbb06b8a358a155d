"""`atipico.Client`: write samples, read samples and scores, classify rows, tell what was true."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from atipico.client import frames, lookup, models, outcomes, reads, stack
from atipico.client.far import Far
from atipico.client.label import Labelled, Teller
from atipico.client.results import Result, Written
from atipico.client.samples import Tags, as_stored, to_samples
from atipico.client.settings import ClientSettings
from atipico.client.store import Store, Table
from atipico.config import load, nanoseconds
from atipico.errors import Refused
from atipico.store_access import Login
from atipico.wire.sample import JOB_TAG, SOURCE_TAG, Sample

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("id", "kind", "threshold", "columns", "made_by", "trained_on")  # of a model, in a table of them


class Client:
    """One stack: its store (ours or a real InfluxDB 1.x) and its classifier.

    Without arguments it is the one on this machine: the ports are those of ATIPICO_STORE_PORT and
    ATIPICO_CLASSIFIER_PORT, else 8086 and 8080; the token is the run folder's. timeout: of each request, "30s".
    Times are UTC. Every call raises NotYet when it may work later (a service is down or busy), Refused when it won't.

        client = atipico.Client()
        client.scores("payments", last="1m")
        client.classify({"amount": 900.0, ...}, model="payments")
    """

    def __init__(
        self,
        store: str | None = None,
        classifier: str | None = None,
        database: str | None = None,
        token: str | None = None,
        timeout: str | float | None = None,
    ) -> None:
        given = {"store_url": store, "classifier_url": classifier, "database": database, "token": token}
        settings = load(ClientSettings, **given, timeout=timeout)
        self.database = settings.database
        url = settings.classifier()
        self._store = _far("store", *settings.store(), settings)
        self._classifier = models.Classifier(_far("classifier", url, Login(token=settings.token_for(url)), settings))
        self._databases: dict[str, Store] = {}
        self._last = 0

    def __repr__(self) -> str:
        return f"<atipico.Client of {self._store.url}, database {self.database}, and {self._classifier.far.url}>"

    # Samples and scores

    def write(
        self,
        samples: str | bytes | Sample | Mapping[str, Any] | pd.DataFrame | Iterable[Any],
        measurement: str = "",
        tags: Tags = (),
        database: str | None = None,
    ) -> Written:
        """Write samples; returns once they are safe on disk.

        samples: a row as a dict (field -> value), several, a DataFrame, `Sample`s, or lines of the line protocol.
        tags: {"shard": "1"} for all rows, or the names of the columns that are tags. "time" in a row (or a
        DatetimeIndex): ns, or a datetime with a zone; without it a sample gets now, each a ns of its own. Missing
        values are left out. A number takes the type that its field has in the store, where that loses nothing.
        """
        store = self._in(database)
        found = to_samples(samples, measurement, tags, self._next_time)
        if not isinstance(samples, str | bytes):
            types = {stream: store.fields(stream) for stream in {sample.measurement for sample in found}}
            found = [as_stored(sample, types[sample.measurement]) for sample in found]
        store.write(found)
        return Written(store.database, tuple(found))

    def query(self, q: str, database: str | None = None, exact: bool = False) -> pd.DataFrame:
        """What one statement of InfluxQL answers, tags as columns. Raises Unknown for a name that is not there.

        time: datetime64[ns, UTC]; exact: int64, ns since 1970. Whole numbers with gaps are Int64.
        """
        return frames.to_frame(self._ask(q, database), exact=exact)

    def rows(self, q: str, database: str | None = None) -> list[dict[str, Any]]:
        """`query` as plain dicts, time in ns; needs no pandas."""
        return [
            {**table.tags, **dict(zip(table.columns, row, strict=True))}
            for table in self._ask(q, database)
            for row in table.values
        ]

    def streams(self) -> list[str]:
        """The names of all measurements."""
        return self._in().streams()

    def samples(self, stream: str, last: str = "5m", exact: bool = False) -> pd.DataFrame:
        """The newest samples of a stream, the oldest first: time, then tags and fields by name."""
        store = self._in()
        return frames.to_frame(reads.samples(store, stream, last), store.fields(stream), exact)

    def scores(self, job: str, last: str = "5m", exact: bool = False) -> pd.DataFrame:
        """The newest outcomes of a job, the oldest first.

        Columns: time and the tags of the sample, `source` (its stream), score and threshold (0..1), anomalous, version,
        scored (False: it could not be, and `why` tells) and why (what stood out).
        """
        frame = frames.to_frame(reads.scores(self._in(), job, last), reads.SCORE_TYPES, exact)
        return frames.outcomes(frame.drop(columns=JOB_TAG, errors="ignore"), list(reads.SCORE_TYPES))

    def wait_for_scores(self, written: Written, job: str = "", timeout: str = "30s") -> pd.DataFrame:
        """The outcomes of samples just written, as `scores` shows them, once each has one; of `job`, or of any.

        The column `job` tells whose each is. Raises NotYet when some have none after `timeout`.
        """
        tables = outcomes.wait(self._in(written.database), written, job, nanoseconds(timeout) / 1e9)
        frame = frames.to_frame(tables, reads.SCORE_TYPES).rename(columns={JOB_TAG: "job"})
        return frames.outcomes(frame.sort_values("time", ignore_index=True), list(reads.SCORE_TYPES))

    # Models and jobs

    @overload
    def classify(self, rows: Mapping[str, Any], model: str) -> Result: ...
    @overload
    def classify(self, rows: Sequence[Mapping[str, Any]], model: str) -> list[Result]: ...
    @overload
    def classify(self, rows: pd.DataFrame, model: str) -> pd.DataFrame: ...
    def classify(self, rows: Any, model: str) -> Any:
        """Score rows of features with a model, NAME or NAME@VERSION; nothing is written.

        rows: one dict (feature -> number), several, or a DataFrame; what it has besides the model's columns is left
        aside. A dict gives a `Result`, several a list, a DataFrame one with its index and the columns score (0..1),
        anomalous, threshold, version. Raises Unknown for a missing column, Refused for what is no finite number.
        """
        asked = [rows] if isinstance(rows, Mapping) else rows
        try:
            scores, threshold, version = self._score(asked, model)
        except Refused as error:
            if not models.swapped(error):
                raise
            scores, threshold, version = self._score(asked, model)  # its columns are asked anew
        if frames.is_frame(rows):
            columns = {"score": scores, "anomalous": scores >= threshold, "threshold": threshold, "version": version}
            return frames.pandas().DataFrame(columns, index=rows.index)
        results = [Result(score, score >= threshold, threshold, version) for score in scores.tolist()]
        return results[0] if isinstance(rows, Mapping) else results

    def models(self) -> pd.DataFrame:
        """Every model that is served: id, kind, threshold, columns, ...; `refused` tells why one is not."""
        told = self._classifier.models()
        rows = [{**{name: model[name] for name in _SHOWN}, "refused": ""} for model in told["models"]]
        rows += [{"id": model, "refused": why} for model, why in told["refused"].items()]
        return frames.table(rows, "id")

    def model(self, name: str) -> dict[str, Any]:
        """All that is known of one model, NAME or NAME@VERSION; `usual`: mean and spread of each column.

        Raises Unknown with the nearest name.
        """
        return self._classifier.model(name)

    def jobs(self) -> pd.DataFrame:
        """Every job that has scores: its stream, the model's version, its threshold and newest score, and when."""
        names = {JOB_TAG: "job", SOURCE_TAG: "stream"}
        frame = frames.to_frame(reads.jobs(self._in()), reads.SCORE_TYPES).rename(columns=names)
        return frame.reindex(columns=["job", "stream", "version", "threshold", "score", "time"])

    # What was true

    def labels(self, stream: str = "", last: str = "1h", exact: bool = False) -> pd.DataFrame:
        """What was told to be true of samples: time (of the telling), told_by (person, file or time), source (the
        stream), id, label (1 an anomaly)."""
        return frames.to_frame(reads.labels(self._in(), stream, last), exact=exact)

    def label_rows(self, stream: str = "", last: str = "1h") -> list[dict[str, Any]]:
        """`labels` as plain dicts, time in ns; needs no pandas."""
        tables = reads.labels(self._in(), stream, last)
        return [dict(zip(table.columns, row, strict=True)) for table in tables for row in table.values]

    def label(
        self,
        stream: str,
        id: int | str | Mapping[Any, Any],
        label: int | str | None = None,
        id_field: str = "",
        labels: str = reads.LABELS,
    ) -> Labelled:
        """Tell what was true of samples: `label("payments", 17, 1)`, or of several `label("payments", {17: 1, 18: 0})`.

        id: the sample's own, which id_field tells (transaction_id, sample_id or id unless given). label: 1, true or
        "anomaly"; 0, false or "usual". labels: the measurement they go to. The same id again is a correction. Tells how
        many were written, corrected, known before, unknown. Raises Refused when none is of a sample that is there.
        """
        teller = Teller(self._in(), stream, "person", self._next_time, id_field, labels)
        return teller.tell(id.items() if isinstance(id, Mapping) else [(id, label)], strict=True).taken()

    def label_file(
        self,
        file: str | Path,
        stream: str,
        id_column: str = "",
        label_column: str = "label",
        id_field: str = "",
        labels: str = reads.LABELS,
        step: Callable[[int], object] = lambda rows: None,
    ) -> Labelled:
        """Tell the labels in a CSV or Parquet file, as `label` does; rows without one are left out.

        id_column: the id field's name unless given. step: gets the number of rows of each batch. Of the result,
        `refused` counts rows without an id or label of the right form, and `why` tells of the first.
        """
        from atipico.client.label_file import tell_file

        teller = Teller(self._in(), stream, "file", self._next_time, id_field, labels)
        return tell_file(teller, Path(file), id_column, label_column, step)

    def evaluate(
        self,
        job: str,
        last: str = "7d",
        k: int = 100,
        key: str = "",
        id_field: str = "",
        labels: str = reads.LABELS,
        step: Callable[[int], object] = lambda rows: None,
    ) -> dict[str, Any]:
        """How good a job's outcomes of the last such while were, by the labels that are known by now.

        Gives samples, unscored, labelled, unlabelled, anomalies, alerts, labelled_alerts, precision, recall, auc,
        average_precision and precision_at_k (of the k highest of each day; key: a field such as customer, of whom to
        take the k), and the same for each version under "by_version". None for what can't be told yet.
        """
        from atipico.client.evaluate import evaluate

        return evaluate(self._in(), job, nanoseconds(last), k, key, id_field, labels, step)

    def status(self) -> pd.DataFrame:
        """Every part as `atipico status` shows it: state, pid, restarts, samples in and out, lost, lag, memory."""
        return frames.table(stack.parts(self._in()), "name")

    def _in(self, database: str | None = None) -> Store:
        name = database or self.database
        return self._databases.setdefault(name, Store(self._store, name))

    def _ask(self, q: str, database: str | None) -> list[Table]:
        store = self._in(database)
        tables = store.ask(q)
        if not tables or any(_all_missing(table) for table in tables):
            lookup.check_names(store, q)
        return tables

    def _score(self, rows: Any, name: str) -> tuple[Any, float, str]:
        model = self._classifier.model(name)
        return self._classifier.score(models.matrix(rows, model), model)

    def _next_time(self) -> int:
        """Now, in ns, and always later than before."""
        self._last = max(time.time_ns(), self._last + 1)
        return self._last


def _far(name: str, url: str, login: Login, settings: ClientSettings) -> Far:
    cure = f"is it up? `atipico up` starts it; ATIPICO_{name.upper()}_PORT or Client({name}=...) tells where it is"
    return Far(name, url, login, settings.timeout, cure)


def _all_missing(table: Table) -> bool:
    """Whether some column holds nothing at all: perhaps its name is misspelt."""
    return any(all(value is None for value in column) for column in zip(*table.values, strict=True))
