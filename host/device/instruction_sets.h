// Functions that are built for several instruction sets; the loader picks.
#pragma once

// One body, three instruction sets. Sanitizers and resolvers do not get along: plain there.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define SLIPWAY_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SLIPWAY_CLONES
#endif
