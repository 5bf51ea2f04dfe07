"""The pointer wins over the configuration, and adds the versions that it alone knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from promoted_scene import fabricated, settings_in

from monitor.baselines import pointer
from monitor.baselines.file import document_bytes, write
from monitor.baselines.in_force import load_baselines, pointed
from monitor.errors import InputError


def promote(folder, baseline, version=None):
    """Put a baseline in force."""
    pointer.store(folder, baseline.content_hash, document_bytes(baseline), {}, anew=True)
    pointer.point(folder, baseline.model, version or baseline.version, baseline.content_hash)


def test_without_a_pointer_the_configuration_says_what_is_in_force(tmp_path):
    settings = settings_in(tmp_path)
    first = fabricated("3")
    write(first, tmp_path / "first.json")
    assert load_baselines(settings) == {("churn", "3"): first}


def test_the_pointer_wins_over_the_configuration_and_adds_versions(tmp_path):
    settings = settings_in(tmp_path)
    write(fabricated("3"), tmp_path / "first.json")
    again, retrained = fabricated("3", seed=2), fabricated("4")
    for baseline in (again, retrained):
        promote(tmp_path / "baselines", baseline)
    assert load_baselines(settings) == {("churn", "3"): again, ("churn", "4"): retrained}
    (tmp_path / "first.json").unlink()
    assert load_baselines(settings)["churn", "3"] == again


def test_what_the_pointer_names_stands_in_the_settings_too(tmp_path):
    settings = settings_in(tmp_path)
    write(fabricated("3"), tmp_path / "first.json")
    assert pointed(settings) == settings
    promote(tmp_path / "baselines", fabricated("4"))
    promoted = tmp_path / "baselines" / f"{fabricated('4').content_hash}.json"
    assert pointed(settings).models["churn"].baseline == {"3": tmp_path / "first.json", "4": promoted}
    assert load_baselines(pointed(settings)) == load_baselines(settings)


def test_a_model_that_is_not_revalidated_has_no_pointer(tmp_path):
    settings = settings_in(tmp_path)
    write(fabricated("3"), tmp_path / "first.json")
    promote(tmp_path / "baselines", fabricated("3", seed=2))
    model = replace(settings.models["churn"], revalidation=None)
    assert load_baselines(replace(settings, models={"churn": model})) == {("churn", "3"): fabricated("3")}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (Path.unlink, "there is no such file"),
        (lambda path: path.write_text("{"), "is cut"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"stay", b"rest")), "was changed or damaged"),
    ],
)
def test_a_pointer_to_a_file_that_is_missing_or_damaged_is_an_error_with_its_remedy(tmp_path, spoil, words):
    settings = settings_in(tmp_path)
    write(fabricated("3"), tmp_path / "first.json")
    promote(tmp_path / "baselines", fabricated("3", seed=2))
    name = fabricated("3", seed=2).content_hash
    spoil(tmp_path / "baselines" / f"{name}.json")
    with pytest.raises(InputError) as refused:
        load_baselines(settings)
    [problem] = refused.value.problems
    assert problem.place == f"{tmp_path / 'baselines' / 'current.json'}: churn.3"
    assert words in problem.finding
    assert name in problem.finding
    assert "or take the entry out: then the configuration's own is in force" in problem.remedy


def test_a_pointer_to_a_baseline_of_another_version_or_model_is_an_error_and_so_is_a_damaged_one(tmp_path):
    settings = settings_in(tmp_path)
    write(fabricated("3"), tmp_path / "first.json")
    promote(tmp_path / "baselines", fabricated("4"), version="3")
    with pytest.raises(InputError, match="is a baseline of version `4`"):
        load_baselines(settings)
    (tmp_path / "baselines" / "current.json").write_text("[")
    with pytest.raises(InputError, match=r"current\.json: is damaged"):
        load_baselines(settings)
