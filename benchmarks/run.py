"""All benchmarks, one after the other: ratios in one run, never limits that a test fails on."""

from __future__ import annotations

import bench_decide
import bench_derive
import bench_gate
import bench_impl
import bench_monitor
import bench_peers
import bench_reference
import bench_verify

if __name__ == "__main__":
    for benchmark in (
        bench_derive,
        bench_decide,
        bench_peers,
        bench_impl,
        bench_reference,
        bench_verify,
        bench_gate,
        bench_monitor,
    ):
        benchmark.main()
        print()
