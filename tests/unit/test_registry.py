"""Models are kept whole, or not served at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import NotYet, Refused
from atipico.learn.compile import compile_estimator
from atipico.learn.register import register
from atipico.registry.calibration import Calibration
from atipico.registry.compiled import Compiled
from atipico.registry.estimator import load_estimator, raw_scores
from atipico.registry.manifest import digest_of, read_manifest, write_manifest
from atipico.registry.models import Model, load
from atipico.registry.shelf import UnknownModel, open_shelf
from trained import COLUMNS, small

KINDS = ("supervised", "unsupervised")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of models: small@1, small@2 (another forest), strange@1 (unsupervised), plain@1 (not compiled)."""
    folder = tmp_path_factory.mktemp("models")
    register(small(), folder)
    register(small(seed=1), folder)
    register(small("strange", "unsupervised"), folder)
    register(small("plain"), folder, compiled=False)
    return folder


@pytest.fixture
def models(made, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(made, tmp_path / "models")


def rehashed(folder):
    """Make the manifest agree with files that were changed: as if they had been registered so."""
    manifest = read_manifest(folder)
    write_manifest(folder, manifest.model_copy(update={"files": {n: digest_of(folder / n) for n in manifest.files}}))


@pytest.mark.parametrize("kind", KINDS)
def test_the_compiled_form_gives_what_scikit_learn_gives_on_any_row(kind):
    trained = small(kind=kind)
    rows = np.random.default_rng(9).standard_t(2, (5000, len(COLUMNS))) * 3

    compiled = Compiled(compile_estimator(trained.estimator, len(COLUMNS)), len(COLUMNS))(rows)

    assert np.abs(compiled - raw_scores(trained.estimator, kind)(rows)).max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_gets_the_same_score_alone_and_among_others(made, kind):
    model = load(made / ("small" if kind == "supervised" else "strange") / "1")
    rows = np.random.default_rng(3).normal(0, 2, (64, len(COLUMNS)))

    alone = np.array([model.score(row[None])[0] for row in rows])

    assert (alone == model.score(rows)).all()


def test_a_forest_with_a_tree_of_one_leaf_compiles_too():
    from sklearn.ensemble import IsolationForest

    rows = np.repeat([[1.0, 2.0]], 40, axis=0)
    rows[0] = 3.0
    forest = IsolationForest(n_estimators=6, max_samples=4, random_state=0).fit(rows)
    assert any(estimator.tree_.node_count == 1 for estimator in forest.estimators_)

    compiled = Compiled(compile_estimator(forest, 2), 2)(rows)

    assert np.abs(compiled + forest.score_samples(rows)).max() < 1e-12


def test_a_registered_model_gives_its_golden_scores_and_knows_its_columns(made):
    model = load(made / "small" / "2")

    assert model.id == "small@2"
    assert model.columns == COLUMNS
    assert model.info().usual["amount"][0] < 0  # the usual rows are those below 2
    model.check()


def test_a_row_that_is_not_finite_gets_nan_and_its_neighbours_their_scores(made):
    model = load(made / "small" / "1")
    rows = np.zeros((4, 3))

    clean = model.score(rows)
    rows[1, 2], rows[2, 0] = np.nan, 1e39  # beyond float32
    scores = model.score(rows)

    assert np.isnan(scores[[1, 2]]).all()
    assert (scores[[0, 3]] == clean[[0, 3]]).all()


def test_golden_rows_that_get_other_scores_keep_a_model_from_being_served(models):
    shutil.copy(models / "small" / "2" / "model.onnx", models / "small" / "1" / "model.onnx")
    rehashed(models / "small" / "1")

    with pytest.raises(Refused, match=r"model small@1: golden row \d+ gets .*, it must get .* within 1e-06"):
        load(models / "small" / "1")


def test_without_the_golden_rows_the_wrong_model_would_be_served(models, monkeypatch):
    right = load(models / "small" / "1")
    shutil.copy(models / "small" / "2" / "model.onnx", models / "small" / "1" / "model.onnx")
    rehashed(models / "small" / "1")
    monkeypatch.setattr(Model, "check", lambda self: None)

    wrong = load(models / "small" / "1")

    assert np.abs(wrong.score(right.golden.rows) - right.golden.scores).max() > 0.01


@pytest.mark.parametrize("name", ["model.onnx", "card.md", "golden.json", "model.skops"])
def test_a_file_that_is_not_the_registered_one_is_refused(models, name):
    with (models / "small" / "1" / name).open("ab") as file:
        file.write(b" ")

    with pytest.raises(Refused, match=rf"model small@1: .*{name} has SHA-256 .* registered .*register it again"):
        load(models / "small" / "1")


@pytest.mark.parametrize("name", ["model.onnx", "golden.json"])
def test_a_missing_file_is_refused_by_its_name(models, name):
    (models / "small" / "1" / name).unlink()

    with pytest.raises(Refused, match=f"{name} is missing"):
        load(models / "small" / "1")


def test_a_model_that_is_too_large_is_refused(models):
    with pytest.raises(Refused, match="its files hold more than 1000 bytes"):
        load(models / "small" / "1", largest=1000)


def test_a_model_in_the_folder_of_another_is_refused(models):
    shutil.copytree(models / "small" / "1", models / "small" / "9")

    with pytest.raises(Refused, match="is of model small@1; it belongs into small/1"):
        load(models / "small" / "9")


@pytest.mark.parametrize("text", ["", "name = 3", "name = \x00", "threshold = nan", "[columns]"])
def test_a_manifest_that_is_not_whole_is_refused(models, text):
    (models / "small" / "1" / "model.toml").write_text(text)

    with pytest.raises(Refused, match=r"is not (whole|understood)"):
        load(models / "small" / "1")


@settings(max_examples=60)
@given(data=st.binary(max_size=400), name=st.sampled_from(["model.onnx", "golden.json", "calibration.json"]))
def test_garbage_in_any_file_is_refused_and_breaks_nothing(made, tmp_path_factory, data, name):
    folder = shutil.copytree(made / "strange" / "1", tmp_path_factory.mktemp("garbage") / "strange" / "1")
    (folder / name).write_bytes(data)
    rehashed(folder)

    with pytest.raises(Refused):
        load(folder)


def test_a_name_in_a_manifest_may_be_any_text(tmp_path):
    trained = small()._replace(columns=('a "b" \\ c', "ü=1\n", "[x]"), card="ñ", trained_on='x"y\\z')

    model = register(trained, tmp_path)

    assert model.columns == trained.columns


def test_a_model_without_a_compiled_form_is_served_by_its_estimator(made):
    rows = np.random.default_rng(5).normal(0, 2, (50, 3))

    assert np.abs(load(made / "plain" / "1").score(rows) - load(made / "small" / "1").score(rows)).max() < 1e-6


def test_a_skops_file_with_a_type_that_is_not_ours_is_refused(tmp_path):
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    skops.io.dump(FunctionTransformer(subprocess.getoutput), tmp_path / "model.skops")

    with pytest.raises(Refused, match=r"types that are not on the allow-list.*getoutput"):
        load_estimator(tmp_path / "model.skops")


def test_a_skops_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "model.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 10**6)
    monkeypatch.setattr("atipico.registry.estimator.LARGEST_UNPACKED", 10**5)

    with pytest.raises(Refused, match="unpacks to 1000000 bytes; at most 100000"):
        load_estimator(tmp_path / "model.skops")


def test_an_estimator_that_cannot_be_compiled_is_refused_with_the_way_out(tmp_path):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    trained = small()
    boosted = make_pipeline(MinMaxScaler(), HistGradientBoostingClassifier(max_iter=3))
    boosted.fit(trained.known, ~trained.usual)

    with pytest.raises(Refused, match=r"Pipeline can't be compiled.*compiled=False"):
        register(trained._replace(estimator=boosted), tmp_path)
    assert not list(tmp_path.glob("small/*"))
    assert not list(tmp_path.glob(".new-*"))
    model = register(trained._replace(estimator=boosted), tmp_path, compiled=False)

    assert model.id == "small@1"


@pytest.mark.parametrize("kind", ["bagging", "voting", "stacking", "sigmoid", "isotonic"])
def test_scikit_learns_own_ensembles_are_models_like_any_other_compiled_or_not(kind, tmp_path):
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression

    trained, line = small(), LogisticRegression()
    forest = RandomForestClassifier(5, max_depth=4, random_state=0)
    ensemble = {
        "bagging": BaggingClassifier(line, n_estimators=3, max_features=2, random_state=0),
        "voting": VotingClassifier([("line", line), ("forest", forest)], voting="soft"),
        "stacking": StackingClassifier([("line", line), ("forest", forest)]),
        "sigmoid": CalibratedClassifierCV(forest, method="sigmoid"),
        "isotonic": CalibratedClassifierCV(forest, method="isotonic"),
    }[kind].fit(trained.known, ~trained.usual)
    trained = trained._replace(estimator=ensemble)

    if kind == "isotonic":
        with pytest.raises(Refused, match=r"can't be compiled.*compiled=False"):
            register(trained, tmp_path)
    else:
        register(trained, tmp_path)
    by_itself = register(trained, tmp_path, compiled=False)

    told = ensemble.predict_proba(trained.known)[:, 1]
    for version in range(1, by_itself.manifest.version + 1):
        assert np.abs(load(tmp_path / "small" / str(version)).score(trained.known) - told).max() < 1e-6


def test_one_bad_model_is_listed_with_its_reason_and_stops_no_other(models):
    (models / "small" / "2" / "model.onnx").write_bytes(b"")
    (models / "strange" / "1" / "golden.json").unlink()

    shelf = open_shelf(models)

    assert sorted(shelf.models) == ["plain@1", "small@1"]
    assert "model.onnx has SHA-256" in shelf.refused["small@2"]
    assert shelf.get("small").id == "small@1"
    with pytest.raises(NotYet, match=r"strange@1 is not served: .*golden\.json is missing"):
        shelf.get("strange")


def test_a_name_alone_is_its_newest_version(models):
    shutil.copytree(models / "small" / "2", models / "small" / "10")
    text = (models / "small" / "10" / "model.toml").read_text().replace("version = 2", "version = 10")
    (models / "small" / "10" / "model.toml").write_text(text)

    shelf = open_shelf(models)

    assert shelf.get("small").id == "small@10"
    assert shelf.get("small@2").id == "small@2"


def test_an_unknown_name_gets_the_nearest_one(made):
    with pytest.raises(UnknownModel, match="no model 'smal'; did you mean 'small'"):
        open_shelf(made).get("smal")


def test_registering_again_makes_the_next_version_and_leaves_no_draft(tmp_path):
    ids = [register(small(), tmp_path).id for _ in range(2)]

    assert ids == ["small@1", "small@2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]


@settings(max_examples=100)
@given(
    known=st.lists(st.floats(0, 1), min_size=3, max_size=300, unique=True), raw=st.lists(st.floats(-1, 2), min_size=2)
)
def test_shares_grow_with_the_raw_score_and_stay_within_0_and_1(known, raw):
    calibration = Calibration.of(np.array(known))

    shares = calibration(np.sort(raw))

    assert ((shares >= 0) & (shares <= 1)).all()
    assert (np.diff(shares) >= 0).all()


def test_the_share_is_that_of_known_samples_that_are_less_strange():
    known = np.random.default_rng(0).gamma(2, size=20_000)
    calibration = Calibration.of(known)

    for share in (0.01, 0.5, 0.99, 0.999):
        assert calibration(np.quantile(known, [share]))[0] == pytest.approx(share, abs=2e-3 * min(1, 20 * (1 - share)))


def test_serving_imports_neither_scikit_learn_nor_pandas_nor_scipy(models):
    shutil.rmtree(models / "plain")
    code = (
        "import json, pathlib, sys\n"
        "from atipico.classifier import app\n"
        "from atipico.classifier.service import create_app\n"
        "from atipico.registry.shelf import open_shelf\n"
        "shelf = open_shelf(pathlib.Path(sys.argv[1]))\n"
        "create_app(shelf, 'small', 1000)\n"
        "heavy = {'sklearn', 'pandas', 'scipy', 'skops', 'onnx', 'skl2onnx'}\n"
        "print(json.dumps([sorted(shelf.models), sorted(heavy & set(sys.modules))]))"
    )

    out = subprocess.run([sys.executable, "-c", code, models], capture_output=True, text=True, check=True).stdout

    assert json.loads(out) == [["small@1", "small@2", "strange@1"], []]
