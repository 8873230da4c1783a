import socket
import time

import pytest

from beauty_mlflow.errors import SweepError
from beauty_mlflow.search.executors.ray.cluster import ADDRESS, share
from beauty_mlflow.search.executors.ray.executor import RayExecutor


@pytest.mark.parametrize(
    ("address", "match"),
    [
        ("127.0.0.1:{closed}", r"127\.0\.0\.1:\d+ \(RAY_ADDRESS\) can't be reached: .*refused"),
        ("127.0.0.1:{deaf}", "can't be reached: timed out"),
        ("no-such-host.invalid:6379", "no-such-host.invalid:6379 .* can't be reached"),
        ("127.0.0.1", "expected the head node's host:port"),
        ("ray://127.0.0.1:10001", "expected the head node's host:port, from a machine of the cluster"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_within_30_seconds(monkeypatch, work, address, match):
    with socket.socket() as closed, socket.socket() as deaf:
        closed.bind(("127.0.0.1", 0))
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        ports = {"closed": closed.getsockname()[1], "deaf": deaf.getsockname()[1]}
        monkeypatch.setenv(ADDRESS, address.format(**ports))
        begun = time.monotonic()
        with pytest.raises(SweepError, match=match):
            RayExecutor(work.complete, slots=1)
        assert time.monotonic() - begun < 30


def test_a_server_of_another_kind_is_not_taken_for_ray(monkeypatch, work, slots):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv(ADDRESS, f"127.0.0.1:{server.getsockname()[1]}")
        answered = slots.submit(answer_as_a_web_server, server)
        with pytest.raises(SweepError, match="what answers there isn't Ray"):
            RayExecutor(work.complete, slots=1)
        answered.result()


def answer_as_a_web_server(server):
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("nodes", "slots", "expected"),
    [
        ([(4, 0)], 2, (2, 0)),
        ([(2, 0), (2, 0)], 1, (2, 0)),  # no node has the four that there are in all
        ([(3, 0), (2, 0)], 3, (1, 0)),
        ([(8, 0), (2, 0)], 3, (2, 0)),
        ([(1, 0)], 2, (0, 0)),
        ([], 1, (0, 0)),
        ([(8, 2), (64, 0)], 2, (4, 1)),  # who has a GPU needs no node without one
        ([(8, 4), (8, 4)], 2, (8, 4)),
        ([(8, 1)], 3, (2, 0.3333)),
        ([(8, 3)], 2, (4, 1)),
    ],
)
def test_each_trial_gets_what_fits_on_the_nodes(nodes, slots, expected):
    assert share(nodes, slots) == expected
