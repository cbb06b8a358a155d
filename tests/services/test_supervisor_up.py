"""`up` and `down` as commands, where something stands in their way: one sentence, exit 1, nothing left running."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from atipico.config import home
from atipico.engines.embedded import processes
from atipico.engines.embedded.down import purge
from atipico.engines.embedded.prepare import check_room, make_folder, write_jobs, write_streams
from atipico.engines.embedded.up import like_payments, scores_since
from atipico.errors import NotYet, Refused
from running_store import free_port

SERVICES = Path(__file__).parents[2] / "services"


@pytest.fixture
def port():
    """A port that something listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def run(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("ATIPICO_RUN", str(folder))
    monkeypatch.setenv("ATIPICO_STORE_PORT", str(free_port()))
    monkeypatch.setenv("ATIPICO_CLASSIFIER_PORT", str(free_port()))
    monkeypatch.setenv("ATIPICO_PAGE_PORT", str(free_port()))
    monkeypatch.setenv("PYTHONPATH", str(SERVICES))
    yield folder
    for several in processes.running(folder).values():
        processes.stop(several, 1.0)


def atipico(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "atipico.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_busy_port_ends_up_with_one_sentence_and_leaves_nothing(run, port, monkeypatch):
    monkeypatch.setenv("ATIPICO_STORE_PORT", str(port))

    done = atipico("up")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"store: 127.0.0.1:{port} is taken")
    assert "ATIPICO_STORE_PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert processes.running(run) == {}


def test_a_port_that_is_no_number_ends_up_with_one_sentence(run, monkeypatch):
    monkeypatch.setenv("ATIPICO_CLASSIFIER_PORT", "http")

    done = atipico("up")

    assert done.returncode == 1
    assert "ATIPICO_CLASSIFIER_PORT=http is no port" in done.stderr.splitlines()[-1]


def test_a_second_up_in_the_same_run_folder_says_where_the_first_answers(run):
    (run / "token").write_text("x")
    lives = (sys.executable, "-c", "import time; time.sleep(600)")
    processes.start(processes.marked(lives, run, "supervisor"), run / "log" / "supervisor.log")

    done = atipico("up")

    assert done.returncode == 1
    assert "already runs" in done.stderr
    assert os.environ["ATIPICO_STORE_PORT"] in done.stderr
    assert list(processes.running(run)) == ["supervisor"]


def test_down_ends_parts_that_have_lost_their_supervisor(run):
    lives = (sys.executable, "-c", "import time; time.sleep(600)")
    for name in ("store", "agent"):
        processes.start(processes.marked(lives, run, name), run / "log" / f"{name}.log")

    done = atipico("down")

    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "stopped agent, store"
    assert processes.running(run) == {}


def test_down_says_when_nothing_was_running(run):
    done = atipico("down")

    assert (done.returncode, done.stdout) == (0, "nothing was running\n")


def test_a_disk_without_room_is_told_with_what_is_needed(run):
    with pytest.raises(NotYet, match=r"MiB left on this disk, \d+ MiB are needed; make room or set ATIPICO_RUN"):
        check_room(run, 2**60)


def test_the_run_folder_and_its_token_are_private_and_the_token_is_made_once(run):
    make_folder(run)
    token = (run / "token").read_text()
    make_folder(run)

    assert (run / "token").read_text() == token
    assert len(token) > 32
    assert (run.stat().st_mode & 0o777, (run / "token").stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_folder_with_other_things_in_it_is_never_used_nor_removed(run):
    (run / "thesis.tex").write_text("years of work")

    with pytest.raises(Refused, match="other things"):
        make_folder(run)
    with pytest.raises(Refused, match="other things"):
        purge()

    assert (run / "thesis.tex").exists()


def test_purge_asks_before_it_removes(run):
    make_folder(run)

    asked = subprocess.run(
        [sys.executable, "-m", "atipico.cli", "down", "--purge"],
        input="n\n",
        text=True,
        capture_output=True,
        timeout=60,
    )
    refused = run.exists()
    told = atipico("down", "--purge", "--yes")

    assert (asked.returncode, refused) == (1, True)
    assert (told.returncode, run.exists()) == (0, False)


def test_a_file_gets_a_job_like_that_of_payments_on_its_own_measurement(run, tmp_path, monkeypatch):
    jobs = tmp_path / "home" / "jobs"
    jobs.mkdir(parents=True)
    (jobs / "machine.toml").write_text('model = "machine"\nstream = "machine"\n')
    (jobs / "payments.toml").write_text('model = "payments"\nstream = "payments"   # the measurement\n[features]\n')
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path / "home"))

    write_jobs(run, "transactions")
    with_file = {job.name: job.read_text() for job in (run / "jobs").iterdir()}
    write_jobs(run, None)

    assert with_file["transactions.toml"] == 'model = "payments"\nstream = "transactions"\n[features]\n'
    assert sorted(with_file) == ["machine.toml", "payments.toml", "transactions.toml"]
    assert not (run / "jobs" / "transactions.toml").exists()


def test_every_job_in_the_folder_of_jobs_runs_and_a_file_that_one_reads_gets_no_other(run, tmp_path, monkeypatch):
    jobs = tmp_path / "home" / "jobs"
    jobs.mkdir(parents=True)
    for name in ("payments", "mine"):
        (jobs / f"{name}.toml").write_text(f'model = "{name}"\nstream = "{name}"\n[features]\nx = "x"\n')
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path / "home"))

    write_jobs(run, "mine")

    assert sorted(job.name for job in (run / "jobs").iterdir()) == ["mine.toml", "payments.toml"]
    assert (run / "jobs" / "mine.toml").read_text() == (jobs / "mine.toml").read_text()


def test_a_job_whose_model_is_still_to_be_learnt_waits_for_it(run, tmp_path, monkeypatch):
    home = tmp_path / "home"
    for name in ("payments", "mine"):
        job = home / "jobs" / f"{name}.toml"
        job.parent.mkdir(parents=True, exist_ok=True)
        job.write_text(f'model = "{name}"\nstream = "{name}"\n[features]\nx = "x"\n')
    (home / "data" / "mine").mkdir(parents=True)
    (home / "data" / "mine" / "learn.toml").write_text('name = "mine"\n')
    monkeypatch.setenv("ATIPICO_HOME", str(home))

    write_jobs(run, "mine")
    before = (run / "jobs" / "mine.toml").read_text()
    (home / "models" / "mine").mkdir(parents=True)
    write_jobs(run, "mine")

    assert 'model = "payments"' in before  # until then the file is scored as payments are
    assert (run / "jobs" / "mine.toml").read_text() == (home / "jobs" / "mine.toml").read_text()


def test_a_job_that_is_none_ends_up_with_its_name(run, tmp_path, monkeypatch):
    jobs = tmp_path / "home" / "jobs"
    jobs.mkdir(parents=True)
    (jobs / "mine.toml").write_text('model = "mine"\n')
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path / "home"))

    with pytest.raises(Refused, match=r"jobs/mine.toml is no job: 'stream'"):
        write_jobs(run, None)


@pytest.mark.parametrize(("fields", "told"), [(("amount", "customer", "terminal"), "mine"), (("amount",), None)])
def test_the_payments_job_reads_a_file_only_if_that_has_all_its_fields(tmp_path, monkeypatch, fields, told):
    (tmp_path / "data" / "mine").mkdir(parents=True)
    text = "".join(f'{name} = "{name}"\n' for name in fields)
    (tmp_path / "data" / "mine" / "dataset.toml").write_text(f'measurement = "mine"\ntime = "t"\n[fields]\n{text}')
    (tmp_path / "jobs").symlink_to(home() / "jobs")
    file = tmp_path / "mine.csv"
    file.write_text("t,amount,customer,terminal\n2026-01-01,1,1,1\n")
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path))

    assert like_payments(file) == told


def test_the_rate_is_the_files_where_there_is_one_else_that_of_payments(run):
    import tomllib

    def rates(data, rate):
        write_streams(run, data, rate)
        streams = tomllib.loads((run / "generator.toml").read_text())["streams"]
        return {name: stream["rate"] for name, stream in streams.items()}

    assert rates(None, None) == {"payments": 20, "machine": 1}
    assert rates(None, 200.0) == {"payments": 200, "machine": 1}
    assert rates(Path('/a "quoted" file.csv'), 500.0) == {"payments": 20, "machine": 1, "file": 500}


@pytest.mark.parametrize(
    ("status", "body", "scores"),
    [
        (200, b'{"results":[{"statement_id":0}]}', 0),
        (200, b'{"results":[{"series":[{"values":[[0,2]]},{"values":[[0,3]]}]}]}', 5),
    ],
)
def test_the_scores_of_all_series_are_counted(run, monkeypatch, status, body, scores):
    with a_store_that_answers(status, body) as port:
        monkeypatch.setenv("ATIPICO_STORE_PORT", str(port))

        assert scores_since(0) == scores


def test_a_store_that_is_not_there_shows_no_scores_and_one_that_fails_is_quoted(run, monkeypatch):
    assert scores_since(0) == 0

    with a_store_that_answers(500, b'{"error":"out of paper"}') as port:
        monkeypatch.setenv("ATIPICO_STORE_PORT", str(port))

        with pytest.raises(NotYet, match=r"it answered 500: .*out of paper"):
            scores_since(0)


@contextlib.contextmanager
def a_store_that_answers(status: int, body: bytes):
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
