import pytest
from faults_disk import SmallDisk, no_file_grows
from faults_end import ends_well, keeps_the_truth, letters_of


def ends_loudly(daemon, scene):
    """Exit code and last words, without a traceback."""
    assert daemon.wait() in {2, 74}, daemon.said[-3000:]
    assert str(scene.store) in daemon.said.splitlines()[-1], daemon.said[-3000:]


@pytest.fixture
def disk(tmp_path):
    small = SmallDisk(tmp_path / "disk")
    if small.refusal:
        pytest.fail(f"no small disk can be mounted here, it takes root or user namespaces: {small.refusal}")
    yield small
    small.close()


def test_a_full_disk_ends_it_loudly_and_with_room_again_it_goes_on_where_it_was(scene_of, disk):
    scene = scene_of()
    scene.store = disk.inside / "state"
    half = len(scene.messages) // 2
    scene.produce(scene.messages[:half])
    daemon = scene.start(prefix=disk.prefix)
    daemon.settle(half)
    disk.fill()
    scene.produce(scene.messages[half:])
    ends_loudly(daemon, scene)
    ends_loudly(scene.start(prefix=disk.prefix), scene)
    disk.free()
    disk.remount("ro")
    ends_loudly(scene.start(prefix=disk.prefix), scene)
    disk.remount("rw")
    truth = scene.truth()
    daemon = scene.start(prefix=disk.prefix)
    daemon.settle(truth.read)
    daemon.stop()
    scene.store = disk.seen / "state"
    keeps_the_truth(scene, truth)
    assert letters_of(scene) == truth.dead_letters


@pytest.mark.long_form
def test_files_that_may_not_grow_are_a_full_disk_too(scene_of):
    scene = scene_of()
    half = len(scene.messages) // 2
    scene.produce(scene.messages[:half])
    daemon = scene.start()
    daemon.settle(half)
    no_file_grows(daemon.pid, scene.store)
    scene.produce(scene.messages[half:])
    ends_loudly(daemon, scene)
    ends_well(scene)
