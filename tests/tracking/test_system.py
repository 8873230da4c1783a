import time

from beauty_mlflow.tracking.system import Sampler

MLFLOW_NAMES = {
    "system/cpu_utilization_percentage",
    "system/system_memory_usage_megabytes",
    "system/system_memory_usage_percentage",
    "system/disk_usage_percentage",
    "system/disk_usage_megabytes",
    "system/disk_available_megabytes",
    "system/network_receive_megabytes",
    "system/network_transmit_megabytes",
}


def collected(interval, seconds, first_step=0):
    sampler = Sampler(first_step=first_step, interval=interval)
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    return sampler


def test_even_a_short_run_has_a_sample_of_each_metric():
    samples = collected(interval=60, seconds=0.05).take()
    assert [set(sample.values) for sample in samples] == [MLFLOW_NAMES]
    values = samples[0].values
    for name in ("cpu_utilization", "system_memory_usage", "disk_usage"):
        assert 0 <= values[f"system/{name}_percentage"] <= 100
    assert values["system/network_receive_megabytes"] >= 0


def test_steps_go_on_after_the_last_one():
    samples = collected(interval=0.02, seconds=0.3, first_step=7).take()
    assert len(samples) > 2
    assert [sample.step for sample in samples] == list(range(7, 7 + len(samples)))
    times = [sample.timestamp for sample in samples]
    assert times == sorted(times)


def test_samples_are_handed_over_once_unless_put_back():
    sampler = collected(interval=60, seconds=0)
    samples = sampler.take()
    assert sampler.take() == []
    sampler.put_back(samples)
    assert sampler.take() == samples


def test_a_second_stop_does_nothing():
    sampler = collected(interval=60, seconds=0)
    sampler.stop()
    assert len(sampler.take()) == 1
