// Huge pages for the memory of one thread.
#pragma once

namespace jindou::app {

// What the calling thread allocates from now on comes from mappings for which the system is asked
// for huge pages, where it gives any to who asks (transparent_hugepage: madvise or always). For the
// thread that fills RocksDB's memtables: each page of theirs is new, so one in thirteen messages of
// 200 bytes paid for a page fault. Not for all threads: an idle server would hold 31 MiB more.
// Without jemalloc, as under a sanitizer, nothing happens. Call once for a thread.
void use_huge_pages_on_this_thread();

}  // namespace jindou::app
