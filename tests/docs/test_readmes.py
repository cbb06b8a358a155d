"""What the pages say is what the house does: settings, links, commands, the picture of the parts."""

from __future__ import annotations

import re
import shutil

import pytest

from atipico.engines.embedded.parts import embedded
from docs.pages import add_lines, agrees, commands, links
from docs.reader import HOUSE

SERVICES = HOUSE / "services" / "atipico"
CONFIGS = sorted(SERVICES.rglob("config.toml"))
PAGES = [
    *sorted(HOUSE.glob("*.md")),
    *sorted((HOUSE / "docs").rglob("*.md")),
    *sorted(SERVICES.rglob("README.md")),
]
FOLLOWED = (
    "README.md",
    "CONTRIBUTING.md",
    "services/atipico/classifier/README.md",
    "docs/simulator.md",
    "docs/labels.md",
    "docs/backup.md",
)
WITHOUT_ARROW = {"lab"}  # parts of the stack that samples do not go through
REAL_BENCH = (
    "ATIPICO_REAL=DIR .venv/bin/python bench/chain.py --real --points 20000 --naive-points 300 --fields 30 --trees 100"
)
SEEN_ELSEWHERE = {  # command -> why it is not typed here
    "./up.sh": "typed before the others are, by the fixture `running`",
    "./down.sh": "typed by it at the end",
    "./up.sh docker": "needs Docker; tests/compose/test_containers.py does it where that is asked for",
    "./up.sh docker --only influxdb,grafana": "the same",
    "./test.sh": "what runs this very test",
    "./test.sh tests/unit -k name": "the same",
    "./test.sh --real tests/real/test_sweeper.py -s": "the same, where the real servers are asked for",
    "make audit": "needs the network; test_audit.py tries what it does with the answer",
    "make": "shows help; its commands are those of ./up.sh, ./down.sh and ./test.sh",
    "make dashboards": "test_grafana.py holds the tracked files to what it writes",
    ".venv/bin/python bench/chain.py": "minutes; test_bench.py tries its parts",
    REAL_BENCH: "minutes; test_real_bench.py does it with few samples",
    ".venv/bin/python bench/soak.py --faults 84 --seed 21": "minutes; test_faults.py does the same faults",
    ".venv/bin/python bench/memory.py": "minutes; test_memory.py does the same in two",
    ".venv/bin/python bench/features.py payments.parquet": "the same",
    ".venv/bin/python bench/methods.py FILE": "an hour; test_bench_methods.py tries its parts",
    ".venv/bin/atipico data make payments --out payments.parquet": "the same; test_data_make.py makes a smaller one",
}


def name_of(page) -> str:
    return str(page.relative_to(HOUSE))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.parent.name)
def test_a_services_readme_shows_its_very_config_file(config):
    assert config.read_text() in (config.parent / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page):
    missing = [link for link in links(page) if not (page.parent / link).exists()]

    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_a_page_names_is_there(page):
    named = re.findall(r"`((?:services|jobs|models|bench|compose)/[^`\s<]*)`", page.read_text())
    shown = {
        "jobs/pumps.toml",
        "compose/.env",
        *re.findall(r"`([\w./]+)`:\n\n`{3,}", page.read_text()),
    }  # made by who follows the page

    missing = [name for name in named if name not in shown and not list(HOUSE.glob(name.rstrip("/")))]

    assert not missing


@pytest.mark.skipif(not shutil.which("curl"), reason="the pages ask with curl, which is not here")
@pytest.mark.parametrize("page", FOLLOWED)
def test_every_command_of_a_page_does_what_it_is_shown_for(running, page):
    found = commands((HOUSE / page).read_text())

    printed = {command: running.type(command) for command in found if command not in SEEN_ELSEWHERE}

    assert found
    assert all(output.strip() for output in printed.values()), printed
    assert not [output for command, output in printed.items() if command.startswith("curl") and '"error"' in output]


def test_no_command_stands_on_a_page_that_no_test_follows():
    # README.es.md has the commands of the English one, docs/learn.md a test of its own.
    followed = {*FOLLOWED, "README.es.md", "docs/learn.md"}

    others = [command for page in PAGES if name_of(page) not in followed for command in commands(page.read_text())]

    assert set(others) <= SEEN_ELSEWHERE.keys()


def test_the_spanish_readme_has_the_commands_and_the_links_of_the_english_one():
    english, spanish = HOUSE / "README.md", HOUSE / "README.es.md"

    assert commands(english.read_text()) == commands(spanish.read_text())
    assert set(links(english)) - {"README.es.md"} == set(links(spanish)) - {"README.md"}


def test_the_picture_of_the_architecture_has_every_part_and_a_row_for_every_arrow(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_RUN", str(tmp_path))
    page = (HOUSE / "docs" / "architecture.md").read_text()
    picture = "\n".join(re.findall(r"^ {4}.*$", page, re.MULTILINE))
    rows = {arrow for row in re.findall(r"^\| ([^|]+→[^|]+) \|", page, re.MULTILINE) for arrow in row.split(", ")}
    parts = {part.name for part in embedded()} - WITHOUT_ARROW

    drawn = {f"{a} → {b}" for line in picture.splitlines() for a, b in re.findall(r"(?=\b(\w+) ─\w*─▶ (\w+))", line)}

    assert drawn
    assert drawn <= rows
    assert parts == {end for arrow in rows for end in arrow.split(" → ")}
    assert all(re.search(rf"\b{part}\b", picture) for part in parts)


def test_what_does_not_agree_is_found_out():
    assert not agrees("1200 samples\n", "1201 samples\n")
    assert agrees('{"n":17}\n', '{"n":…}')
    with pytest.raises(AssertionError, match="0 times"):
        add_lines("a\nb\n", " c\n+d\n")
    assert add_lines("a = [1]\nb\n", "-a = […]\n+a = […, 2]\n") == "a = [1, 2]\nb\n"
    assert commands("Text\n\n    ./up.sh      starts\n    not a command\n") == ["./up.sh"]
