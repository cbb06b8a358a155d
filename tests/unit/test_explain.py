"""Exact parts: the Shapley values of their definition, adding up, and telling the cause where it is known."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from atipico.agent.work import outcomes
from atipico.cli.main import app
from atipico.config import home
from atipico.errors import Refused
from atipico.features.block import Rows
from atipico.learn.average import compile_average
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.explain import Explainer
from atipico.learn.graph_reader import read_graph
from atipico.learn.shapley import shapley
from atipico.learn.terms import Trees, innermost
from atipico.registry.scorer import ModelScorer
from causes import UNUSED, known_causes
from explaining import by_definition, registered, samples

KINDS = {
    "logistic": (lambda: make_pipeline(StandardScaler(), LogisticRegression()), "log-odds"),
    "forest": (lambda: RandomForestClassifier(12, max_depth=6, random_state=0), "probability"),
    "extra trees": (lambda: ExtraTreesClassifier(12, max_depth=6, random_state=0), "probability"),
    "histogram": (lambda: HistGradientBoostingClassifier(max_iter=20, random_state=0), "log-odds"),
    "lightgbm": (lambda: LGBMClassifier(n_estimators=20, num_leaves=7, num_threads=1, verbose=-1), "log-odds"),
    "bagging": (lambda: BaggingClassifier(n_estimators=12, max_features=3, random_state=0), "probability"),
    "ada boost": (lambda: AdaBoostClassifier(n_estimators=12, random_state=0), "log-odds"),
    "gradient boosting": (lambda: GradientBoostingClassifier(n_estimators=12, random_state=0), "log-odds"),
    "isolation": (lambda: IsolationForest(n_estimators=12, max_samples=64, random_state=0), "log2 of the strangeness"),
}


def averaged(estimators, shares) -> Ensemble:
    return Ensemble([Member(str(one), str(one), share, one) for one, share in zip(estimators, shares, strict=True)])


def trees_of(estimator, columns: int = 5) -> Trees:
    return innermost(read_graph(compile_average([estimator], columns)).term)[0]


@pytest.mark.parametrize("name", [name for name in KINDS if name != "logistic"])
def test_parts_of_trees_are_shapley_values_by_their_definition(name):
    known, truth = samples()
    trees = trees_of(KINDS[name][0]().fit(known, truth))

    for row, reference in zip(known[:3], known[3:6], strict=True):
        (parts,) = trees.parts(row, reference[None]).of

        np.testing.assert_allclose(parts, by_definition(trees.values, row, reference), atol=1e-9)


def test_parts_beside_the_whole_training_are_lightgbms_own_where_trees_have_one_split():
    # Its own parts follow the training's shares down a tree; with one split that is the mean over the training's rows.
    known, truth = samples()
    stumps = LGBMClassifier(n_estimators=30, num_leaves=2, num_threads=1, verbose=-1).fit(known, truth)

    parts = shapley(trees_of(stumps).leaves, known[0], known).mean(axis=0)

    np.testing.assert_allclose(parts, stumps.predict_proba(known[:1], pred_contrib=True)[0, :5], atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_base_and_parts_add_up_to_what_the_registered_model_gives(name, tmp_path):
    make, unit = KINDS[name]
    known, truth = samples()
    kind = "unsupervised" if name == "isolation" else "supervised"
    explainer = registered(make().fit(known, truth), tmp_path, kind)

    told = explainer.of(known[:20])

    raw = {"probability": lambda x: x, "log-odds": lambda x: 1 / (1 + np.exp(-x)), "log2 of the strangeness": np.exp2}
    for one, score in zip(told, explainer.model.score(known[:20]), strict=True):
        assert (one.unit, one.score) == (unit, score)
        given = explainer.model.of_raw(raw[unit](np.array([one.base + one.parts.sum()])))
        assert given == pytest.approx(score, abs=1e-6)
        assert one.parts[4] == 0 or name == "logistic"


def test_parts_of_a_mean_of_estimators_add_up_to_its_score(tmp_path):
    known, truth = samples()
    members = [KINDS[name][0]().fit(known, truth) for name in ("lightgbm", "forest", "logistic")]

    explainer = registered(averaged(members, [0.5, 0.3, 0.2]), tmp_path)

    for one in explainer.of(known[:20]):
        assert one.unit == "score"
        assert one.base + one.parts.sum() == pytest.approx(one.score, abs=1e-9)
        assert one.base == pytest.approx(explainer.model.score(explainer.references).mean(), abs=1e-9)


def test_parts_of_a_mean_of_forests_are_the_mean_of_their_parts(tmp_path):
    known, truth = samples()
    one, other = (KINDS[name][0]().fit(known, truth) for name in ("forest", "extra trees"))

    explainer = registered(averaged([one, other], [0.25, 0.75]), tmp_path)
    (told,) = explainer.of(known[:1])

    apart = [
        (shapley(trees_of(forest).leaves, known[0], explainer.references) / 12).mean(axis=0) for forest in (one, other)
    ]
    np.testing.assert_allclose(told.parts, 0.25 * apart[0] + 0.75 * apart[1], atol=1e-9)


def test_a_tree_that_is_one_leaf_has_no_parts(tmp_path):
    known, truth = samples()
    boosting = LGBMClassifier(n_estimators=2, min_child_samples=5000, num_threads=1, verbose=-1).fit(known, truth)

    (told,) = registered(boosting, tmp_path).of(known[:1])

    assert not told.parts.any()
    assert told.base == pytest.approx(told.value)


def test_a_model_that_is_neither_trees_nor_lines_is_refused_with_its_name(tmp_path):
    known, truth = samples()

    with pytest.raises(Refused, match="GaussianNB"):
        registered(GaussianNB().fit(known, truth), tmp_path, compiled=False)


def test_a_model_served_by_its_library_is_explained_too(tmp_path):
    known, truth = samples()

    (told,) = registered(KINDS["histogram"][0]().fit(known, truth), tmp_path, compiled=False).of(known[:1])

    assert told.base + told.parts.sum() == pytest.approx(told.value)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return known_causes(tmp_path_factory.mktemp("world"))


def test_the_largest_part_of_a_simulated_fraud_is_what_made_it(case):
    told = Explainer(case.folder).of(case.rows)

    first = [one.largest(case.table.columns)[0][0] for one in told]

    for kind in "123":
        of_kind = [case.is_cause(kind, name) for name, its in zip(first, case.kind, strict=True) if its == kind]
        assert np.mean(of_kind) > 0.9


def test_a_feature_that_the_model_does_not_look_at_has_no_part_at_all(case):
    at = case.table.columns.index(UNUSED)
    rows = case.rows.copy()
    rows[:, at] = 1e12

    told = Explainer(case.folder).of(rows)

    assert not any(one.parts[at] for one in told)


def test_the_live_why_names_first_what_has_one_of_the_largest_exact_parts(case):
    exact = [one.largest(case.table.columns) for one in Explainer(case.folder).of(case.rows)]
    live = [one.why for one in outcomes(Rows(case.rows, {}), ModelScorer(case.model), case.table.columns)]

    first = [why.split("=")[0] for why in live]

    assert np.mean([name == parts[0][0] for name, parts in zip(first, exact, strict=True)]) > 0.8
    assert np.mean([name in dict(parts[:3]) for name, parts in zip(first, exact, strict=True)]) > 0.95


def typed(case, *words: object, given: str | None = None) -> tuple[int, str]:
    """Exit code and all that is printed, with the case's folder as home."""
    house = case.folder.parents[2]
    for name in ("jobs", "data"):
        if not (house / name).exists():
            (house / name).symlink_to(home() / name)
    done = CliRunner().invoke(app, ["explain", *map(str, words)], input=given, env={"ATIPICO_HOME": str(house)})
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


def test_a_sample_of_a_file_is_explained_with_the_features_that_it_had_when_it_came(case):
    row = int(case.flagged[0])
    file = f"read_parquet('{case.file}', file_row_number = true)"
    ((id,),) = duckdb.sql(f"SELECT transaction_id FROM {file} WHERE file_row_number = {row}").fetchall()
    words = ("--model", "causes", "--job", "transactions", "--dataset", "payments", "--id", id)

    code, told = typed(case, case.file, *words, "--json")

    assert code == 0, told
    found = json.loads(told)
    assert list(found["features"].values()) == case.table.values[row].tolist()
    assert found["base"] + sum(found["parts"].values()) == pytest.approx(found["value"])
    assert (found["id"], found["unit"], found["version"]) == (str(id), "log-odds", "causes@1")
    assert "all together" in typed(case, case.file, *words)[1]


def test_features_typed_as_json_are_explained(case):
    row = dict(zip(case.table.columns, case.rows[0].tolist(), strict=True))

    one, many = (
        typed(case, "-", "--model", "causes@1", "--json", given=json.dumps(body))[1]
        for body in (row, {"rows": [row, row]})
    )

    (exact,) = Explainer(case.folder).of(case.rows[:1])
    assert list(json.loads(one)["parts"].values()) == exact.parts.tolist()
    assert [json.loads(line)["parts"] for line in many.splitlines()] == [json.loads(one)["parts"]] * 2


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("FILE", "--model", "causes"), 2, "which sample?"),
        (("-", "--model", "causes", "--id", "7"), 2, "CSV or Parquet"),
        (("no.csv", "--model", "causes", "--id", "7"), 2, "does not exist"),
        (("FILE", "--model", "cause", "--id", "7"), 1, "did you mean 'causes'?"),
        (
            ("FILE", "--model", "causes", "--job", "transactions", "--dataset", "payments", "--id", "-7"),
            1,
            "no sample -7",
        ),
        (("FILE", "--model", "causes", "--job", "payments", "--id", "7", "--id", "8"), 1, "name the job that does"),
        (("-", "--model", "causes"), 1, "amount"),
    ],
)
def test_wrong_words_say_what_was_needed(case, words, code, told):
    found = typed(case, *(case.file if word == "FILE" else word for word in words), given='{"amont": 3}')

    assert found[0] == code, found
    assert told in " ".join(found[1].replace("│", " ").split())
