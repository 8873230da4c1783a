"""The commands that numbers depend on: how each is begun and gone on with, and what has to hold whatever happens."""

import csv
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

from arguments import options, toml

from beauty_mlflow.cache.store import Cache
from beauty_mlflow.data.splits.manifest import read_split
from beauty_mlflow.errors import ManifestError
from beauty_mlflow.tracking import names

TRAINING = {
    "network": "tiny",
    "blocks": 1,
    "epochs": 6,
    "patience": 6,
    "batch_size": 16,
    "dense_units": 8,
    "weights": "random",
    "learning_rate": 0.003,
    "recipe": "thesis",
    "cache": "none",
    "figures": "false",  # where they aren't the matter
}
SEARCH = {
    "description": "A search that is cut short.",
    "objective": "best_val_loss",
    "confirm": 1,
    "confirm_seeds": 1,
    "sampler": "grid",
    "pruner": "none",
    "trials": 2,
    "parameters": {
        **{name: value for name, value in TRAINING.items() if name != "blocks"},
        "epochs": 2,
    },
    "space": {"blocks": {"type": "int", "low": 0, "high": 1}},
}
GATE = "minimum_accuracy = 0\nmacro_f1_change = -1\nrecall_loss = 1\n"
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
# what another run, or another hour, has otherwise
_OWN = re.compile(r"system/|.*seconds$|.*images_per_second$")


def figures_of(run):
    return {name: value for name, value in run.data.metrics.items() if not _OWN.match(name)}


def trainings(place):
    return [run for run in place.runs() if run.info.run_name.startswith("finetune")]


def promoting(run):
    """Return the command."""
    return ["promote", "--candidate", run.info.run_id, "--gate", "gate.toml"]


def nothing(_):
    """A work may need nothing."""


def train(place):
    place.run(["finetune", *options({"data": place.data, **TRAINING})]).require()


def train_offline(place):
    place.run(["finetune", "--offline", *options({"data": place.data, **TRAINING})]).require()


def train_two(place):
    """And promote the first, which has learned nothing."""
    given = {"data": place.data, **TRAINING}
    place.run(["finetune", *options({**given, "learning_rate": 1e-30, "epochs": 1})]).require()
    place.run(["finetune", *options({**given, "epochs": 12})]).require()
    for run in trainings(place):
        place.run(["evaluate", "--model", run.info.run_id]).require()
    first, _ = trainings(place)
    (place / "out" / "gate.toml").write_text(GATE)
    place.run(promoting(first)).require()


class Work:
    """One kind of work; ``prepare`` does what is done before it."""

    prepare = staticmethod(nothing)

    def arguments(self, place):
        """Return the command."""
        raise NotImplementedError

    def goes_on(self, place, _):
        """Return the command that goes on after those that said this: the same one, unless another was named."""
        return self.arguments(place)

    def has_begun(self, _):
        """Return whether the part of the work that is looked at has begun."""
        return True

    def look(self, place):
        """Assert that nothing half-written is taken for whole."""

    def result(self, place):
        """Return what the finished work came to: what has to be equal, and numbers by their names."""
        raise NotImplementedError


class Splitting(Work):
    def arguments(self, place):
        return [
            "split",
            *options({"data": place.pictures, "out": place / "out" / "split.csv", "materialize": "copy", "seed": 1}),
        ]

    def goes_on(self, place, _):
        if (place / "out" / "split").exists():  # it comes last, at once; what is there isn't replaced
            return []
        return self.arguments(place)

    def look(self, place):
        folder, manifest = place / "out" / "split", place / "out" / "split.csv"
        try:
            sizes = read_split(manifest).sizes
        except (ManifestError, FileNotFoundError):
            sizes = None
        if folder.exists():
            copied = Counter(path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file())
            assert dict(copied) == {"train": sizes["train"], "validation": sizes["val"], "test": sizes["test"]}

    def result(self, place):
        out = place / "out"
        files = sorted(path for path in out.rglob("*") if not re.match(r"\.", path.relative_to(out).parts[0]))
        return {str(path.relative_to(out)): path.read_bytes() for path in files if path.is_file()}, {}


class Training(Work):
    def arguments(self, place):
        return ["finetune", *options({"data": place.data, **TRAINING, "figures": "true"})]

    def goes_on(self, place, said):
        named = re.findall(r"it goes on with: mlflow run \. -e finetune -P resume=(\w+)", said)
        if not named:
            return self.arguments(place)
        if said.rstrip().endswith("send them with: beauty sync"):
            return ["sync"]
        if place.client.get_run(named[-1]).info.status == "FINISHED":
            return []
        return ["finetune", "--resume", named[-1]]

    def look(self, place):
        for run in place.runs():
            for name in CURVES:
                points = Counter(point.step for point in place.client.get_metric_history(run.info.run_id, name))
                assert set(points.values()) <= {1}, (name, points)
                assert sorted(points) == list(range(1, len(points) + 1))
            for model in self._models(place, run):
                whole = "model.keras" in str(sorted(self._files(model)))
                assert model.status != "READY" or whole

    def result(self, place):
        (run,) = [run for run in place.runs() if run.info.status == "FINISHED"]
        (model,) = self._models(place, run)
        numbers = {
            (name, point.step): point.value
            for name in CURVES
            for point in place.client.get_metric_history(run.info.run_id, name)
        }
        assert not place.needless_states
        exact = place.artifacts(run), model.status, sorted(self._files(model)), names.STATE in run.data.tags
        return exact, {**numbers, **figures_of(run)}

    def _models(self, place, run):
        return place.client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")

    def _files(self, model):
        folder = Path(unquote(urlsplit(model.artifact_location).path))
        return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


class Caching(Training):
    """A training whose kept pictures take longer than all the rest."""

    def arguments(self, place):
        given = {**TRAINING, "cache": "pictures", "epochs": 2, "image_size": 160}
        return ["finetune", *options({"data": place.data, **given})]

    def has_begun(self, place):
        return any((place / "cache").rglob("*.npy*"))

    def look(self, place):
        super().look(place)
        _, problems = Cache(place / "cache" / "entries").verify()
        assert problems == []

    def result(self, place):
        stored = Cache(place / "cache" / "entries").stored()
        assert all(one.whole for one, _ in stored)
        exact, numbers = super().result(place)
        return (exact, sorted((one.kind, one.size) for one, _ in stored)), numbers


class Syncing(Training):
    """A whole training's figures, artifacts and model, none of which the store has heard of."""

    prepare = staticmethod(train_offline)

    def arguments(self, _):
        return ["sync"]

    def goes_on(self, *_):
        return ["sync"]

    def result(self, place):
        assert list((place / "state" / "spool").iterdir()) == []
        return super().result(place)


class Evaluation(Work):
    prepare = staticmethod(train)

    def arguments(self, place):
        (model,) = trainings(place)
        return ["evaluate", "--model", model.info.run_id]

    def goes_on(self, place, _):
        return [] if self._finished(place) else self.arguments(place)

    def result(self, place):
        (run,) = self._finished(place)
        return place.artifacts(run), figures_of(run)

    def _finished(self, place):
        ended = [run for run in place.runs() if names.EVALUATES in run.data.tags]
        return [run for run in ended if run.info.status == "FINISHED"]


class Promotion(Work):
    """The second model takes the first one's place."""

    prepare = staticmethod(train_two)

    def arguments(self, place):
        _, better = trainings(place)
        return promoting(better)

    def look(self, place):
        first, better = trainings(place)
        aliases = self._aliases(place)
        assert aliases["champion"] in (first.info.run_id, better.info.run_id)
        assert set(aliases) <= {"champion", "previous"}

    def result(self, place):
        _, better = trainings(place)
        versions = place.client.search_model_versions("name='beauty'")
        (version,) = [one for one in versions if one.run_id == better.info.run_id]
        audit = place.client.get_run(version.tags[names.PROMOTION_RUN])
        model = place.client.get_registered_model("beauty")
        assert audit.info.status == "FINISHED"
        assert audit.data.tags[names.PROMOTION_VERSION] == str(version.version)
        assert names.PROMOTION_MOVE not in model.tags
        tags = {name: value for name, value in version.tags.items() if name != names.PROMOTION_RUN}
        exact = self._aliases(place), len(versions), tags, place.artifacts(audit), self._verdicts(place)
        return exact, figures_of(audit)

    def _aliases(self, place):
        found = place.client.get_registered_model("beauty").aliases
        return {name: place.client.get_model_version("beauty", number).run_id for name, number in sorted(found.items())}

    def _verdicts(self, place):
        """Return the verdicts of the promotions that ended well: each decision once."""
        promotions = [run for run in place.runs() if names.PROMOTION in run.data.tags]
        return [run.data.tags[names.PROMOTION_VERDICT] for run in promotions if run.info.status == "FINISHED"]


class Sweeping(Work):
    def arguments(self, place):
        path = place / "out" / "search.toml"
        path.write_text(toml(SEARCH))
        return ["sweep", *options({"config": path, "data": place.data})]

    def look(self, place):
        complete = Counter(
            run.data.params["blocks"] for run in self._children(place, names.TRIAL_NUMBER) if self._is_complete(run)
        )
        assert set(complete.values()) <= {1}

    def result(self, place):
        (parent,) = [run for run in place.runs() if names.PARENT not in run.data.tags and names.STUDY in run.data.tags]
        assert parent.info.status == "FINISHED"
        children = [*self._children(place, names.TRIAL_NUMBER), *self._children(place, names.CONFIRM)]
        assert "RUNNING" not in {run.info.status for run in children}
        assert not list((place / "state" / "runs").iterdir())
        folder = place / "store" / "mlruns" / "beauty" / parent.info.run_id / "artifacts" / "search"
        with (folder / "trials.csv").open(newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row["state"] == "COMPLETE"]
        with (folder / "confirmed.csv").open(newline="") as stream:
            (confirmed,) = csv.DictReader(stream)
        numbers = {row["params.blocks"]: float(row["best_val_loss"]) for row in rows}
        return (len(rows), place.artifacts(parent)), {**numbers, "confirmed": float(confirmed["mean"])}

    def _children(self, place, tag):
        return [run for run in place.runs() if tag in run.data.tags]

    def _is_complete(self, run):
        return run.data.tags[names.TRIAL_STATE] == "COMPLETE"


WORKS = {
    "split": Splitting(),
    "cache": Caching(),
    "training": Training(),
    "sync": Syncing(),
    "evaluation": Evaluation(),
    "promotion": Promotion(),
    "sweep": Sweeping(),
}
