#!/bin/sh
# Prints how many compilers to run at once: one per CPU, but not more than fit into memory. The
# largest translation units (Asio, Beast, sanitizers) take up to 1.5 GiB.
cpus=$(nproc)
by_memory=$(awk '/^MemAvailable:/ {print int($2 / 1572864)}' /proc/meminfo)
[ "${by_memory:-1}" -lt 1 ] && by_memory=1
[ "$cpus" -gt "$by_memory" ] && cpus=$by_memory
echo "$cpus"
