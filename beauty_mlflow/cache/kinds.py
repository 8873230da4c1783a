"""What the cache may hold. Light, so that a usage error costs nothing."""

KINDS = {
    "pictures": "decoded pictures of one size",
    "activations": "a frozen trunk's output at one boundary",
    "head": "what the head sees",
    "statistics": "a random network's batch-norm statistics",
    "costs": "measured speeds",
    "files": "pictures fetched from S3",
}
