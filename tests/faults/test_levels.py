import re
from pathlib import Path
from statistics import median

import pytest
from faults_end import ends_well
from faults_events import Day
from faults_scene import until

MEGABYTE = 2**20


def resident(pid):
    """Bytes of memory that are this process's own."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.long_form
@pytest.mark.parametrize("client", ["kafka-python", "confluent"])
def test_memory_and_file_descriptors_stay_level_while_the_broker_comes_and_goes(scene_of, mortal, client):
    rounds, away = 240, 20
    scene = scene_of(client=client, day=Day(ids=200 * rounds, large=1))
    size = len(scene.messages) // rounds + 1
    daemon, read = scene.start(), 0
    memory, files = [], []
    for number in range(rounds):
        piece = scene.messages[number * size : (number + 1) * size]
        if number % away == away - 1:
            mortal.kill()
            until(lambda: not daemon.ready(), "it notices", 60)
            mortal.start()
            until(daemon.ready, "it reads again", 60)
        scene.produce(piece)
        read += len(piece)
        daemon.settle(read, 60)
        memory.append(resident(daemon.pid))
        files.append(descriptors(daemon.pid))
    third = rounds // 3
    for name, levels in (("MB", [n // MEGABYTE for n in memory]), ("descriptors", files)):
        thirds = [levels[at : at + third] for at in range(0, rounds, third)]
        print(f"{client}, {name}, median and most of each third:", [(median(some), max(some)) for some in thirds])  # noqa: T201 - figures for the notes
    assert max(files[-third:]) <= max(files[:-third]) + 4, files
    grown = median(memory[-third:]) - median(memory[third:-third])
    assert grown <= 24 * MEGABYTE, [n // MEGABYTE for n in memory]
    ends_well(scene, daemon)
