// Functions that are built for other instruction sets than the rest.
#pragma once

// One body, three instruction sets; the loader picks. Sanitizers and resolvers do not get along:
// plain there.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define SLIPWAY_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SLIPWAY_CLONES
#endif

// One function for one instruction set, which the caller has made sure of.
#if defined(__x86_64__)
#define SLIPWAY_TARGET(name) __attribute__((target(name)))
#else
#define SLIPWAY_TARGET(name)
#endif
