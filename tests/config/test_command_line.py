"""Parsing of command lines: values keep their quotes and types."""

from __future__ import annotations

import math

import pytest
from support.commands import run_here

CSV = ("data=csv", "data.path=x.csv", "model=linear", "task=regression")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ('data.target="1"', "1"),
        ("data.target='1'", "1"),
        ("data.target=1", 1),
        ('data.target="true"', "true"),
        ("data.target=true", True),
        ('data.target="null"', "null"),
        ('data.target="1e5"', "1e5"),
        ('data.target="größe, m"', "größe, m"),
        ('data.target="it\'s"', "it's"),
        ("data.target='it\\'s'", "it's"),
        ('data.target="a\\"b"', 'a"b'),
        ("data.target=a\\ b", "a b"),
        ('data.target="a=b"', "a=b"),
        ('data.target="[1]"', "[1]"),
        ('data.target="\\${seed}"', "${seed}"),
        ("data.drop=['1','true',x]", ["1", "true", "x"]),
        ("data.missing=[-999,'-999',null]", [-999, "-999", None]),
        ('data.test_rows={split: "1"}', {"split": "1"}),
    ],
)
def test_a_value_is_the_same_with_and_without_the_flag_m(plan, word, value):
    key = word.partition("=")[0].removeprefix("data.")
    target = () if key == "target" else ("data.target=y",)
    alone = plan(*CSV, *target, word, multirun=False)[0]
    swept = plan(*CSV, *target, word, "seed=0,1")[0]
    assert [job.config["data"][key] for job in alone] == [value]
    assert [job.config["data"][key] for job in swept] == [value, value]
    assert alone[0].id == swept[0].id


def test_swept_values_keep_quotes_and_types(plan):
    jobs, _ = plan(*CSV, 'data.target="1",1,"true",\'a b\',"it\'s"')
    assert [job.config["data"]["target"] for job in jobs] == ["1", 1, "true", "a b", "it's"]
    jobs, _ = plan("clip={norm: 1},{value: 0.5}", "seed=3")
    assert [job.config["clip"] for job in jobs] == [
        {"norm": 1, "value": None, "adaptive": None},
        {"norm": None, "value": 0.5, "adaptive": None},
    ]


@pytest.mark.parametrize("multirun", [True, False])
def test_mappings_of_one_key_are_merged(plan, multirun):
    jobs, _ = plan("clip={norm: 0.1}", "clip={value: 0.5}", multirun=multirun)
    assert jobs[0].config["clip"] == {"norm": 0.1, "value": 0.5, "adaptive": None}


@pytest.mark.slow
def test_a_glob_selects_complete_options_only(plan):
    names = [job.choices["optimizer"] for job in plan("optimizer=glob(*)")[0]]
    assert "adam" in names
    assert "custom" not in names, "its class is not set"
    assert not any("/" in name for name in names)
    assert {job.choices["optimizer"] for job in plan("optimizer=glob([scratch/ada*])")[0]} >= {
        "scratch/adam",
        "scratch/adagrad",
    }
    assert [job.choices["optimizer"] for job in plan("optimizer=glob(adam*,exclude=adam?*)")[0]] == ["adam"]


@pytest.mark.parametrize(
    "word", ["baseline=null", "logger=null", "debug=null", "schedule=null", "~logger", "~debug", "clip=null"]
)
def test_null_selects_the_option_none(plan, word):
    (job,), _ = plan(word, "seed=0")
    (usual,), _ = plan("seed=0")
    assert job.id == usual.id
    assert job.config | {"logger": None} == usual.config | {"logger": None}


def test_a_value_may_be_set_that_only_the_swept_optimizers_have(plan):
    jobs, _ = plan("optimizer=momentum,nesterov", "optimizer.momentum=0.5")
    assert [job.config["optimizer"]["momentum"] for job in jobs] == [0.5, 0.5]


def test_null_can_be_swept(plan):
    jobs, _ = plan("problem=diabetes_linear", "optimizer=sgd", "baseline=null,ridge")
    assert [job.config["baseline"] is None for job in jobs] == [True, False]
    assert [job.name.rpartition("-")[0] for job in jobs] == ["sgd-nobaseline", "sgd-ridge"]


def test_values_that_give_the_same_run_are_reported(plan):
    jobs, notes = plan("optimizer=sgd,momentum", "optimizer.momentum=0")
    assert len(jobs) == 1
    assert notes == ["trained once, for the configuration is the same: optimizer=sgd | optimizer=momentum"]
    jobs, notes = plan("seed=0,0,1")
    assert len(jobs) == 2
    assert notes == ["trained once, though given 2 times: seed=0"]
    assert plan("seed=0,1")[1] == []


def test_names_typed_as_numbers_are_names(plan):
    assert plan("sweep=2024")[0][0].folder.parent.name == "2024"
    assert plan("sweep=true")[0][0].sweep == "true"
    assert plan("logger.project=2024")[0][0].config["logger"]["project"] == "2024"
    assert plan("output_dir='~/x'")[0][0].folder.parts[:3] != ("~",)
    assert "~" not in str(plan("output_dir='~/x'", "data_dir='~/y'")[0][0].config["data_dir"])


def test_cfg_shows_the_config_of_the_run(monkeypatch, capsys):
    def shown(*words):
        code, output = run_here(["--cfg", "job", *words], monkeypatch, capsys)
        assert not code
        return output

    assert "target: null" in shown("data=digits", "schedule=null").splitlines()
    assert "target: 0.95" in shown().splitlines()
    assert shown("-p", "optimizer", "optimizer=sgd").startswith("_target_: torch.optim.SGD")
    assert "data_seed: 3" in shown("--resolve", "seed=3").splitlines()


def test_options_of_a_user_folder_are_available_under_new_names_only(plan, refused, tmp_path):
    (tmp_path / "mine" / "optimizer").mkdir(parents=True)
    (tmp_path / "mine" / "optimizer" / "slow.yaml").write_text("_target_: torch.optim.SGD\n_partial_: true\nlr: 1e-9\n")
    (tmp_path / "mine" / "problem").mkdir()
    sweep = "# @package _global_\nhydra: {sweeper: {params: {seed: '0,1'}}}\n"
    (tmp_path / "mine" / "problem" / "twice.yaml").write_text(sweep)
    mine = str(tmp_path / "mine")
    assert plan("optimizer=slow", config_dir=mine)[0][0].config["optimizer"]["lr"] == 1e-9
    assert [job.config["seed"] for job in plan("problem=twice", config_dir=mine)[0]] == [0, 1]
    assert "no such folder" in refused(config_dir=str(tmp_path / "other"))
    (tmp_path / "mine" / "optimizer" / "adam.yaml").write_text("lr: 1\n")
    assert "descentlab has a optimizer/adam.yaml too" in refused(config_dir=mine)


def test_ranges_are_those_of_descentlabs_own_classes(plan, refused):
    assert (
        plan("~model", "+model={_target_: mine.Net, hidden: 64, dropout: 3}", "optimizer.lr=0.1")[0][0].config["model"][
            "hidden"
        ]
        == 64
    )
    assert "model.hidden=64 is not allowed" in refused("model.hidden=64")
    own = plan("optimizer=custom", "optimizer._target_=mine.Sgd", "optimizer.lr=-1")[0]
    assert own[0].config["optimizer"]["lr"] == -1
    assert math.isclose(plan("optimizer.lr=1e-3")[0][0].config["optimizer"]["lr"], 1e-3)
