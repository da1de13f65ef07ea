"""Many open one store at once, before it is there."""

import threading

from memory import Memory
from memory.errors import MemoryFault


def test_many_make_one_store_at_once(tmp_path):
    faults = []

    def open_one(directory, start):
        start.wait()
        try:
            with Memory.open(directory) as memory:
                memory.sessions.create(title="one of six")
        except MemoryFault as error:
            faults.append(error)

    for number in range(30):
        start = threading.Barrier(6)
        threads = [threading.Thread(target=open_one, args=(tmp_path / str(number), start)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with Memory.open(tmp_path / str(number)) as memory:
            assert (faults, memory.sessions.count()) == ([], 6)
        assert not list((tmp_path / str(number)).glob("*.tmp"))
