"""What the page tells a browser, over a real store: views, news, health, and what it refuses."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from atipico.heartbeat import row
from atipico.web import local_hosts_only
from running_page import S, follow, label, outcome, pair, sample, serving
from waiting import until


@pytest.fixture
def both(tmp_path):
    """A store with ten samples of `pumps`, a second apart, the seventh anomalous; and a page over it."""
    with pair(tmp_path) as both:
        both.start = time.time_ns() - 20 * S
        for at in range(10):
            both.write(
                sample(both.start + at * S, 20.0 + at, id=at), outcome(both.start + at * S, 0.9 if at == 6 else 0.1)
            )
        yield both


def test_a_job_shows_with_its_stream_and_the_numbers_that_can_be_drawn(both):
    told = both.get("/api/names")

    assert told["jobs"] == [{"job": "pumps", "stream": "pumps", "fields": ["heat"], "id": "sample_id"}]


def test_few_samples_come_one_by_one_with_their_exact_times(both):
    view = both.view()

    assert view["step"] == "0"
    assert view["values"]["t"] == [str(both.start + at * S) for at in range(10)]
    assert view["values"]["v"] == [20.0 + at for at in range(10)]
    assert view["scores"]["score"][6] == 0.9


def test_many_samples_come_as_buckets_that_lose_no_peak(tmp_path):
    with pair(tmp_path, points=100) as both:
        start = time.time_ns() // (60 * S) * 60 * S - 600 * S
        heats = [float(at % 7) for at in range(600)]
        heats[333] = 99.0
        both.write(*(sample(start + at * S, heat) for at, heat in enumerate(heats)))
        both.write(*(outcome(start + at * S, 0.95 if at == 333 else 0.1) for at in range(600)))

        view = both.view(**{"from": start, "to": start + 600 * S, "points": 60})

        assert view["step"] == str(10 * S)
        assert len(view["values"]["t"]) == 60
        assert max(view["values"]["hi"]) == 99.0
        assert max(view["scores"]["score"]) == 0.95
        assert view["flags"] == {"from": str(start), "t": [str(start + 330 * S)], "n": [1]}
        assert [mark["fields"]["heat"] for mark in view["marks"]] == [99.0]


def test_an_anomaly_carries_its_sample_its_reason_and_its_exact_time(both):
    both.write(outcome(both.start + 6 * S, 0.9, why="heat=26 (usual 20)"))

    view = both.view()

    [mark] = view["marks"]
    assert (mark["time"], mark["score"], mark["why"]) == (str(both.start + 6 * S), 0.9, "heat=26 (usual 20)")
    assert mark["fields"] == {"heat": 26.0, "sample_id": 6}
    assert (view["flagged"], view["complete"]) == (1, True)


def test_a_sample_that_could_not_be_scored_is_listed_with_the_reason(both):
    both.write(sample(both.start + 10 * S, 5.0), outcome(both.start + 10 * S, 0.0, why="no heat", scored=False))

    view = both.view()

    assert view["unscored"] == 1
    assert [mark["why"] for mark in view["marks"] if not mark["scored"]] == ["no heat"]
    assert len(view["scores"]["t"]) == 10


def test_late_labels_tell_what_was_true_and_what_was_missed(both):
    before = both.view()["marks"]

    both.write(
        label(both.start + 15 * S, 6, 1), label(both.start + 15 * S + 1, 2, 1), label(both.start + 15 * S + 2, 3, 0)
    )
    after = both.view()["marks"]

    assert [mark["label"] for mark in before] == [None]
    assert [(mark["fields"]["sample_id"], mark["anomalous"], mark["label"]) for mark in after] == [
        (2, False, 1),
        (6, True, 1),
    ]
    assert after[0]["score"] == 0.1


def test_a_label_that_was_corrected_is_no_longer_missed(both):
    both.write(*(label(both.start + 15 * S + id, id, 1) for id in (2, 3, 6)))
    before = both.view()["marks"]

    both.write(label(both.start + 16 * S, 2, 0), label(both.start + 16 * S + 1, 6, 0))
    after = both.view()["marks"]

    assert [(mark["fields"]["sample_id"], mark["label"]) for mark in before] == [(2, 1), (3, 1), (6, 1)]
    assert [(mark["fields"]["sample_id"], mark["label"]) for mark in after] == [(3, 1), (6, 0)]


def test_labels_of_another_stream_with_the_same_ids_are_not_taken(both):
    both.write(label(both.start + 15 * S, 6, 1, stream="others"))

    assert [mark["label"] for mark in both.view()["marks"]] == [None]


def test_whole_numbers_that_a_browser_would_round_come_as_text(both):
    at = both.start + 11 * S
    both.write(f"pumps,shard=0 heat=1.0,sample_id={2**60 + 1}i {at}", outcome(at, 0.8))

    assert str(2**60 + 1) in [mark["fields"]["sample_id"] for mark in both.view()["marks"]]


@pytest.mark.parametrize(
    ("params", "status", "says"),
    [
        ({"job": "pump", "field": "heat", "last": 60}, 404, "did you mean 'pumps'"),
        ({"job": "pumps", "field": "heta", "last": 60}, 404, "did you mean 'heat'"),
        ({"job": "pumps' OR '1'='1", "field": "heat", "last": 60}, 404, "no job"),
        ({"job": "pumps", "field": 'heat" FROM "scores', "last": 60}, 404, "no number"),
        ({"job": "pumps", "field": "heat", "last": "1e9"}, 400, "last='1e9'"),
        ({"job": "pumps", "field": "heat", "from": 5, "to": 4}, 400, "has to be later"),
        ({"job": "pumps", "field": "heat", "last": 60, "points": 10**9}, 400, "points="),
        ({"field": "heat", "last": 60}, 400, "job="),
    ],
)
def test_what_is_not_there_or_not_sensible_is_refused_in_one_sentence(both, params, status, says):
    told = both.get("/api/view", status=status, **params)

    assert says in told["error"]
    assert "Traceback" not in told["error"]


@pytest.mark.parametrize("name", ['we"ird', "it's", "two words", "back\\slash", "ñandú"])
def test_names_that_need_quoting_work(tmp_path, name):
    with pair(tmp_path) as both:
        now = time.time_ns() - S
        written = name.replace(" ", "\\ ")
        both.write(sample(now, 7.0, stream=written), outcome(now, 0.9, job=written, stream=written))

        view = both.view(job=name)

        assert view["values"]["v"] == [7.0]
        assert [mark["fields"]["heat"] for mark in view["marks"]] == [7.0]


def test_news_come_by_themselves_and_go_on_where_a_browser_was(both):
    place = both.view()["place"]
    first, now = follow(both.page, place), time.time_ns()
    first.next("news")

    both.write(sample(now, 50.0), outcome(now, 0.99))
    marks, values = [], [0.0]
    while not marks or values[-1:] != [50.0]:  # two questions to the store: it may be written to between them
        _, news, id = first.next("news")
        marks, values = marks + news["marks"], news["values"]["v"]
    first.close()
    later = time.time_ns()
    both.write(sample(later, 51.0), outcome(later, 0.2))
    second = follow(both.page, place, last_event=id)
    _, caught_up, _ = second.next("news")
    second.close()

    assert [mark["time"] for mark in marks] == [str(now)]
    assert str(later) in caught_up["values"]["t"]
    assert int(caught_up["values"]["from"]) <= now


def test_a_label_that_comes_late_is_news(both):
    events = follow(both.page, both.view()["place"])

    both.write(label(time.time_ns(), 6, 1))

    until(lambda: events.next("news")[1]["labels"] == {"6": 1}, within_s=15)
    events.close()


def test_browsers_with_the_same_view_are_served_by_one_poller(both):
    def asked_by(browsers: int) -> int:
        events = [follow(both.page, both.view()["place"]) for _ in range(browsers)]
        for one in events:
            one.next("news")
        before = len(both.asked)
        for _ in range(10):
            events[0].next("news")
        after = len(both.asked)
        for one in events:
            one.close()
        until(lambda: threads("feed") == 0, within_s=15)
        return after - before

    assert asked_by(6) <= 1.5 * asked_by(1)


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_a_browser_too_many_is_told_to_wait_and_gets_the_place_of_one_that_leaves(tmp_path):
    with pair(tmp_path, clients=1) as both:
        both.write(sample(time.time_ns(), 1.0), outcome(time.time_ns(), 0.1))
        place = both.view()["place"]
        first = follow(both.page, place)
        first.next("news")

        refused = requests.get(f"{both.page}/events?job=pumps&field=heat&place={place}", timeout=10)
        first.close()

        assert refused.status_code == 429
        assert "close one" in refused.json()["error"]
        until(lambda: _followed(both.page, place), within_s=15)


def _followed(url: str, place: str) -> bool:
    try:
        follow(url, place).close()
    except AssertionError:
        return False
    return True


def test_a_store_that_goes_away_is_told_and_news_go_on_when_it_is_back(tmp_path):
    with pair(tmp_path) as both:
        now = time.time_ns()
        both.write(sample(now, 1.0), outcome(now, 0.1))
        gone = threading.Event()

        def sometimes(environ, start_response):
            if gone.is_set():
                start_response("503 Service Unavailable", [])
                return [b'{"error":"gone"}']
            path = environ["PATH_INFO"]
            answer = requests.post(
                both.store + path,
                environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])),
                headers={"Content-Type": environ["CONTENT_TYPE"]},
                timeout=10,
            )
            start_response(f"{answer.status_code} -", [("Content-Type", "application/json")])
            return [answer.content]

        from atipico.page.service import create_app
        from atipico.page.settings import PageSettings

        with serving(sometimes) as store, serving(create_app(PageSettings(store_url=store, every=0.1))) as page:
            place = requests.get(f"{page}/api/view?job=pumps&field=heat&last=60", timeout=10).json()["place"]
            events = follow(page, place)
            events.next("news")

            gone.set()
            _, told, _ = events.next("trouble")
            asked = requests.get(f"{page}/api/view?job=pumps&field=heat&last=60", timeout=10)
            gone.clear()
            later = time.time_ns()
            both.write(sample(later, 2.0))

            assert told["kind"] == "down"
            assert (asked.status_code, asked.headers["Retry-After"]) == (503, "1")
            until(lambda: str(later) in events.next("news")[1]["values"]["t"], within_s=15)
            events.close()


def test_nothing_scored_yet_is_an_empty_answer_and_no_error(tmp_path):
    with pair(tmp_path) as both:
        assert both.get("/api/names")["jobs"] == []
        assert both.get("/api/parts", last=60)["parts"] == []


def test_a_part_that_is_not_heard_of_is_silent_and_a_new_process_is_a_restart(tmp_path):
    with pair(tmp_path) as both:
        now = time.time_ns()
        heard = [("agent", 1, 30), ("agent", 1, 28), ("agent", 2, 3), ("host", 1, 30), ("host", 1, 20)]
        heard.append(("agent", 2, -30))  # so that it is not silent, however long this takes to ask
        for part, started, ago in heard:
            line = row(part, started, 1).rpartition(" ")[0]
            both.write(f"{line} {now - ago * S}")

        told = both.get("/api/parts", last=60)

        assert {one["part"]: one["state"] for one in told["parts"]} == {"agent": "up", "host": "silent"}
        assert told["restarts"] == {"agent": 1, "host": 0}


def test_alerts_that_last_are_told_the_newest_first_and_those_that_are_over_are_not(tmp_path):
    def alert(ago: int, firing: bool, pump: str) -> str:
        tags = f"atipico_job=pumps,atipico_level=critical,pump={pump},source=pumps"
        return f"alerts,{tags} firing={str(firing).lower()},hits=1i {now - ago * S}"

    with pair(tmp_path) as both:
        now = time.time_ns()
        both.write(alert(50, True, "a"), alert(40, False, "a"), alert(30, True, "a"))
        both.write(alert(20, True, "b"), alert(10, True, "c"), alert(5, False, "c"))

        told = both.get("/api/parts", last=60)["alerts"]

        about = {"job": "pumps", "stream": "pumps", "level": "critical"}
        assert told == [
            {**about, "tags": {"pump": "b"}, "since": str(now - 20 * S)},
            {**about, "tags": {"pump": "a"}, "since": str(now - 30 * S)},
        ]


def test_what_waits_to_be_scored_is_told_in_samples_and_seconds(tmp_path):
    with pair(tmp_path) as both:
        now = time.time_ns()
        both.write(*[sample(now - (30 - at) * S, 1.0, at) for at in range(30)])
        both.write(outcome(now - 21 * S, 0.1), outcome(now - 1 * S, 0.1, job="quick"))

        told = both.get("/api/parts", last=60)["jobs"]

        assert told == [
            {"job": "pumps", "behind_s": 20.0, "samples": 20, "more": False},
            {"job": "quick", "behind_s": 0.0, "samples": 0, "more": False},
        ]


def test_every_answer_forbids_what_is_not_from_here(both):
    for path in ("/", "/static/js/main.js", "/api/names", "/nothing"):
        policy = requests.get(both.page + path, timeout=10).headers["Content-Security-Policy"]

        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


@pytest.mark.parametrize("path", ["/static/../settings.py", "/static/%2e%2e/settings.py", "/static//etc/passwd"])
def test_only_static_files_are_served(both, path):
    prepared = requests.Request("GET", both.page + path).prepare()
    prepared.url = both.page + path

    assert requests.Session().send(prepared, timeout=10).status_code in (400, 404)


def test_another_sites_name_is_refused(both, tmp_path):
    from atipico.page.service import create_app
    from atipico.page.settings import PageSettings

    with serving(local_hosts_only(create_app(PageSettings(store_url=both.store)), "127.0.0.1")) as url:
        answer = requests.get(url, headers={"Host": "evil.example"}, timeout=10)

    assert answer.status_code == 403
