// How the allocator of the process, jemalloc, is set up; it reads these when the process begins.
// docs/decisions/0018-allocator.md says why there is one.

extern "C" {

// Memory that was freed goes back to the system within this time, by threads of the allocator, so
// that nobody who allocates has to do it: of 2000 unfinished bodies of 100 KB each nothing may
// stay. It is long enough for the next batch to find the buffers of the last one. MALLOC_CONF in
// the environment goes before. NOLINTNEXTLINE(readability-identifier-naming): the library looks for
// this name.
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:0";

}  // extern "C"
