"""What was there before us: an InfluxDB that asks who you are, Telegraf's samples, a Kapacitor with other UDFs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from atipico.client.client import Client
from parts import Agent, Page, Part
from servers import Grafana, Influx, Kapacitor
from waiting import until

pytestmark = pytest.mark.timeout(300)

HOUSE = Path(__file__).parents[2]
ADMIN, WORD = ("root", "Very.secret_1"), "another Secret:2"
START = 1_700_000_000 * 10**9
PAYMENTS = 'engine = "kapacitor"\nstream = "payments"\ndetector = { gaussian = "amount", by = "customer", over = 8 }\n'
TELEGRAF = 'engine = "kapacitor"\nstream = "{stream}"\ndetector = {{ gaussian = "{field}", over = 8 }}\n'
FIELDS = 30


class Generator(Part):
    """The generator with what the test names."""

    code = "from atipico.generator.app import run; run()"


class Foreign(Part):
    """Somebody else's UDF."""

    def __init__(self, run: Path, socket: Path) -> None:
        super().__init__(run)
        self.socket = socket
        self.code = f"import foreign_udf; foreign_udf.main({str(socket)!r})"

    def up(self) -> bool:
        return super().up() and self.socket.exists()


class Existing:
    """Servers, an agent, and `atipico` as a person types it who was told where the servers are."""

    def __init__(self, new: Callable, folder: Path, udf: str = "atipico", login: tuple[str, str] | None = None) -> None:
        self.new, self.run, self.folder, self.udf = new, folder / "run", folder, udf
        (self.run / "jobs").mkdir(parents=True)
        self.influx = new(Influx, login).start()
        self.socket = folder / "a.sock"
        self.env = {"ATIPICO_STORE_URL": self.influx.url, "ATIPICO_KAPACITOR_UDF": udf}
        self.parts: list[Part] = []

    def part(self, part: Part) -> Part:
        part.start()
        self.parts.append(part)
        return part

    def agent(self) -> Part:
        return self.part(Agent(self.run, self.socket, 1, **self.env))

    def kapacitor_with(self, **udfs: Path) -> Kapacitor:
        self.kapacitor = self.new(Kapacitor, self.influx, {self.udf: self.socket, **udfs})
        self.env["ATIPICO_KAPACITOR_KAPACITOR_URL"] = self.kapacitor.url
        return self.kapacitor

    def start(self) -> Existing:
        self.agent()
        self.kapacitor_with().start()
        until(lambda: self.influx.query("SHOW SUBSCRIPTIONS"))
        return self

    def job(self, name: str, text: str) -> Path:
        (self.folder / f"{name}.toml").write_text(text)
        return self.folder / f"{name}.toml"

    def atipico(self, *words: object) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "ATIPICO_RUN": str(self.run), "PYTHONPATH": ":".join(sys.path), **self.env}
        command = [sys.executable, "-m", "atipico.cli", *map(str, words)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    def says(self, *words: object) -> str:
        done = self.atipico(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, measurement: str) -> list[dict]:
        found = self.influx.query(f'SELECT * FROM "{measurement}"')
        return [dict(zip(one["columns"], row, strict=True)) for one in found for row in one["values"]]

    def close(self) -> None:
        for part in self.parts:
            part.stop()


@pytest.fixture
def existing(new, tmp_path_factory):
    made = []

    def make(**more: object) -> Existing:
        made.append(Existing(new, tmp_path_factory.mktemp("x"), **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def asking(existing):
    """An InfluxDB that asks who you are; our user has rights on `atipico` and on nothing else."""
    servers = existing(login=ADMIN)
    servers.influx.query(f"CREATE USER \"atipico\" WITH PASSWORD '{WORD}'")
    servers.influx.query('GRANT ALL ON "atipico" TO "atipico"')
    (servers.folder / "word").write_text(WORD + "\n")
    servers.env |= {"ATIPICO_STORE_USER": "atipico", "ATIPICO_STORE_PASSWORD_FILE": str(servers.folder / "word")}
    return servers.start()


def test_every_part_works_on_an_influxdb_that_asks_who_you_are_and_none_tells_the_password(asking, monkeypatch):
    job = asking.job("amounts", PAYMENTS)
    assert "+ task atipico-amounts" in asking.says("plan", "-f", job)
    said = asking.says("apply", "-f", job)
    streams = '{"payments": {"source": "payments", "rate": 200}}'
    asking.part(Generator(asking.run, **asking.env, ATIPICO_GENERATOR_STREAMS=streams))
    page = asking.part(Page(asking.run, **asking.env))

    until(lambda: len(asking.rows("scores")) > 300)

    names = until(lambda: requests.get(f"{page.url}/api/names", timeout=20).json()["jobs"])
    assert [one["stream"] for one in names] == ["payments"]
    until(lambda: {row["part"] for row in asking.rows("parts")} == {"agent", "generator", "page"})
    for name, value in {**asking.env, "ATIPICO_RUN": str(asking.run)}.items():
        monkeypatch.setenv(name, value)
    assert Client().jobs()["job"].tolist() == ["amounts"]
    assert "knows who asks; databases: atipico" in asking.atipico("doctor").stdout
    said += asking.says("delete", "amounts")
    logs = [part.said.read_text() for part in asking.parts]
    lines = [word for one in asking.parts for word in psutil.Process(one.process.pid).cmdline()]
    assert not [text for text in [said, *logs, *lines] if WORD in text or ADMIN[1] in text]


@pytest.mark.parametrize("wrong", [{"ATIPICO_STORE_PASSWORD": "no"}, {"ATIPICO_STORE_USER": ""}])
def test_who_is_not_known_is_told_so_with_the_cure_and_without_the_password(asking, wrong):
    asking.env |= wrong
    job = asking.job("amounts", PAYMENTS)

    refused, doctor = asking.atipico("plan", "-f", job), asking.atipico("doctor")

    assert refused.returncode == 1
    assert "answered 401" in refused.stderr
    assert "user and password" in refused.stderr
    assert "401" in doctor.stdout
    assert WORD not in refused.stderr + doctor.stdout


def test_a_grafana_that_dashboards_are_pushed_into_asks_as_whom_the_run_names(asking, new):
    grafana = new(Grafana).start()
    asking.env["ATIPICO_GRAFANA_PASSWORD"] = grafana.login[1]
    asking.influx.write(b"pump heat=1 1")

    asking.says("grafana", "push", grafana.url, "--user", grafana.login[0], "--influx", asking.influx.url)

    (source,) = grafana.get("/api/datasources")
    told = grafana.get(f"/api/datasources/proxy/{source['id']}/query", db="atipico", q="SELECT heat FROM pump")
    assert told["results"][0]["series"][0]["values"][0][1] == 1
    assert WORD not in str(source)


def telegraf(samples: int) -> list[str]:
    """Three measurements as Telegraf writes them: no shard, many fields, one time for all, names of any kind."""
    lines = []
    for at in range(samples):
        time = START + at * 10**10
        many = ",".join(f"usage_{name}={at % 7 + name}" for name in range(FIELDS))
        lines += [f"cpu,cpu=cpu{core},host=web-1 {many} {time}" for core in range(3)]
        lines += [f'disk,host=web-1,path=/,mode=rw used=5{at % 10}i,job=7i,source=8i,free=1.5,label="x" {time}']
        taken = "atipico_job=nightly,host=web-1,job=nightly"
        lines += [
            f"procstat,{taken},source={source},version=3 cpu_usage={at % 5},time_ms=4i {time}"
            for source in ("pgrep", "pidfile", "sample_source")
        ]
    return lines


def test_each_of_telegrafs_samples_has_its_own_outcome_whatever_its_tags_are_called(existing):
    servers = existing().start()
    lines = telegraf(60)
    servers.influx.write("\n".join(lines[:20]).encode())  # the streams are there before the jobs, as Telegraf's are
    for stream, field in (("cpu", "usage_3"), ("disk", "free"), ("procstat", "cpu_usage")):
        job = servers.job(stream, TELEGRAF.format(stream=stream, field=field))
        assert ".groupBy(*)" in servers.says("apply", "-f", job)

    servers.influx.write("\n".join(lines[20:]).encode())

    until(lambda: len(servers.rows("scores")) == len(lines) - 20)
    rows = servers.rows("scores")
    assert all(row["scored"] for row in rows)
    identities = {(row["time"], row["source"], row["cpu"], row["sample_source"]) for row in rows}
    assert len(identities) == len(rows)
    of_procs = [row for row in rows if row["source"] == "procstat"]
    assert {row["sample_source"] for row in of_procs} == {"pgrep", "pidfile", "sample_source"}
    assert {(row["atipico_job"], row["sample_atipico_job"], row["job"]) for row in of_procs} == {
        ("procstat", "nightly", "nightly")
    }


def test_beside_somebody_elses_udf_and_under_another_name_both_do_their_work(existing):
    servers = existing(udf="anomalies")
    foreign = Foreign(servers.run, servers.folder / "f.sock")
    servers.agent()
    kapacitor = servers.kapacitor_with(mirror=foreign.socket)
    kapacitor.launch()
    until(lambda: "opened task master" in kapacitor.tail())
    assert not kapacitor.up()  # it waits for every UDF, theirs too

    servers.part(foreign)
    until(kapacitor.up)
    until(lambda: servers.influx.query("SHOW SUBSCRIPTIONS"))
    job = servers.job("heats", TELEGRAF.format(stream="pump", field="heat"))
    assert "@anomalies()" in servers.says("apply", "-f", job)
    theirs = "stream|from().measurement('pump').groupBy(*)@mirror()|influxDBOut().database('atipico')"
    kapacitor.task("theirs", theirs + ".measurement('mirrors').precision('ns').flushInterval(50ms)")

    lines = [f"pump,shard=0 heat={at % 5} {START + at}" for at in range(100)]
    servers.influx.write("\n".join(lines).encode())

    until(lambda: (len(servers.rows("scores")), len(servers.rows("mirrors"))) == (100, 100))
    assert {row["mirrored"] for row in servers.rows("mirrors")} == {1.0}
