"""Which number format to compute in."""

from beauty_mlflow.errors import ParameterError, did_you_mean
from beauty_mlflow.hardware import CPU_INFO, cpu_flags
from beauty_mlflow.training.recipes import PRECISIONS, Precision

_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
_FLOAT16_COMPUTE_CAPABILITY = (7, 0)  # NVIDIA's tensor cores begin with Volta


def resolve_precision(precision: str) -> Precision:
    """Turn ``auto`` into the fastest format that this machine computes natively; others stay as they are.

    float16 where TensorFlow sees GPUs that all have tensor cores (compute capability 7.0 on), bfloat16 on a
    CPU with AVX512-BF16 or AMX (as /proc/cpuinfo says, so on Linux only), float32 elsewhere.

    Raises:
        ParameterError: If there is no such precision.
    """
    if precision == "auto":
        return _fastest()
    if precision not in PRECISIONS:
        known = ("auto", *PRECISIONS)
        hint = did_you_mean(precision, known)
        raise ParameterError(f"Unknown precision '{precision}': expected one of {', '.join(known)}.{hint}")
    return precision


def _fastest() -> Precision:
    capabilities = gpu_capabilities()
    if capabilities:
        return "float16" if min(capabilities) >= _FLOAT16_COMPUTE_CAPABILITY else "float32"
    return "bfloat16" if cpu_flags(CPU_INFO) & _BFLOAT16_FLAGS else "float32"


def gpu_capabilities() -> list[tuple[int, int]]:
    """Return the compute capability of each GPU that TensorFlow sees; (0, 0) where it isn't known."""
    import tensorflow as tf

    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return [detail.get("compute_capability", (0, 0)) for detail in details]
