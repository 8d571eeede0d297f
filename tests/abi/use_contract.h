/* use_contract.h -- what a plugin writes with the macros of the contract, in the words that C and
 * C++ share. */
#include "slipway/plugin.h"

static int has_init(const slw_entry* entry) { return SLW_HAS(entry, init); }
#ifdef COUNT_MAY_THROW /* must not compile from C++17 on */
#undef SLW_NOEXCEPT
#define SLW_NOEXCEPT
#endif
static uint32_t count(void) SLW_NOEXCEPT { return (uint32_t)has_init(NULL); }

SLW_PLUGIN_NOTE(SLW_KIND_REWARD | SLW_KIND_LOGGER, 0, 0, "", "13.0");
const slw_entry slipway_plugin_v1 = {
    sizeof(slw_entry), SLW_ABI_MAJOR, SLW_ABI_MINOR, 0, {0, 0, 0}, NULL, NULL, count, NULL, NULL};
