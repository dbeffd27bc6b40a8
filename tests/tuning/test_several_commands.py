"""Several tuning commands in one sweep: what distinguishes their arms, and settings that must be equal."""

from __future__ import annotations

import pytest

from descentlab.errors import UsageError
from descentlab.store.manifest import Manifest

SMALL = ("sweep=mine", "trials=2", "seeds=1")


@pytest.mark.slow
def test_arms_that_differ_in_a_word_of_the_whole_command_are_distinct(tune):
    first = tune(*SMALL, "batch_size=32")
    assert list(first.arms) == ["adam"]
    second = tune(*SMALL, "batch_size=64")
    assert list(second.arms) == ["adam batch_size=64", "adam batch_size=32"]
    assert second.arms["adam batch_size=32"].trials == first.arms["adam"].trials
    assert not any(arm.superseded for arm in second.manifest.arms)
    third = tune(*SMALL, "batch_size=32")
    assert third.started == []
    assert set(third.arms) == set(second.arms)


def test_messages_use_the_names_of_the_manifest(tune):
    tune(*SMALL, "batch_size=32")
    tune.messages.clear()
    tune(*SMALL, "batch_size=64")
    assert any(message.startswith("digits_mlp: adam batch_size=64: selected") for message in tune.messages)


def test_arms_that_differ_in_their_search_ranges_only_are_distinct(tune):
    tune(*SMALL, "search.lr=[1e-5,0.1]")
    second = tune(*SMALL, "search.lr=[1e-4,1]")
    assert list(second.arms) == ["adam search.lr=[1e-4,1]", "adam search.lr=[1e-5,0.1]"]
    third = tune(*SMALL, "search.lr=[0.0001,1.0]")  # the same range as in the second command
    assert third.started == []
    assert len(third.arms) == 2


def test_optimizers_that_differ_in_their_search_node_only_are_two_arms(tune, tmp_path):
    folder = tmp_path / "mine" / "optimizer"
    folder.mkdir(parents=True)
    (folder / "wide.yaml").write_text("# @package _global_\ndefaults: [adam, _self_]\nsearch: {lr: [1.0e-6, 1.0]}\n")
    tune.config_dir = folder.parent
    tuned = tune("optimizer=adam,wide", "trials=2", "seeds=1")
    assert list(tuned.arms) == ["adam", "wide"]
    assert [arm.space["lr"] for arm in tuned.manifest.arms] == [[1e-5, 0.1], [1e-6, 1.0]]
    assert tuned.arms["adam"].default == tuned.arms["wide"].default


@pytest.mark.parametrize("words", [("sampler=halton",), ("sampler_seed=1",), ("halving=2",)], ids=" ".join)
def test_a_sweep_is_extended_with_the_same_sampling_only(tune, words):
    tune(*SMALL)
    with pytest.raises(UsageError, match=r"sweep=mine was tuned with sampler=sobol .* halving=null, and this command has"):
        tune(*SMALL, *words)


def test_a_sweep_is_not_extended_with_another_version_of_the_sampler(tune):
    tuned = tune(*SMALL)
    path = tuned.sweep / "tuning.json"
    path.write_text(path.read_text().replace(tuned.manifest.version, "scipy 1.0"))
    with pytest.raises(UsageError, match=r"was tuned with sampler=sobol \(scipy 1.0\)"):
        tune(*SMALL)


def test_arms_that_another_command_adds_before_this_one_starts_are_kept(tune):
    planned = tune.tuner(*SMALL, "optimizer=sgd")
    tune(*SMALL, "optimizer=adam")
    assert set(tune.train(*planned).arms) == {"sgd", "adam"}


@pytest.mark.slow
def test_seeds_of_the_arms_of_other_commands_stay_in_the_manifest(tune):
    tune(*SMALL, "tuning_seeds=2", "optimizer=adam")
    found = tune(*SMALL, "optimizer=sgd").manifest
    assert found.tuning_seeds == [1000, 1001]
    assert tune(*SMALL, "optimizer=adam,sgd").manifest.tuning_seeds == [1000]


def test_a_swept_range_is_refused_with_the_way_to_compare_two(tune):
    with pytest.raises(UsageError, match=r"a command has one range of search\.lr for all its arms.*the same sweep=NAME"):
        tune.tuner("search.lr=[1e-5,0.1],[1e-4,1]")


def test_a_manifest_without_ids_of_arms_is_refused(tune):
    tuned = tune(*SMALL)
    path = tuned.sweep / "tuning.json"
    path.write_text(path.read_text().replace('"id"', '"key"'))
    with pytest.raises(UsageError, match=r"tuning\.json cannot be read"):
        Manifest.read(tuned.sweep)
