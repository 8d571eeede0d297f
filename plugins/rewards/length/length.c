/* Reward: how long a completion is, in plain C. Also the shortest complete plugin without the C++
 * sugar.
 *
 * With n the completion's length in `unit` and t the option `target`:
 *   mode "longer"   min(n / t, 1)
 *   mode "shorter"  max(1 - n / t, 0)
 *   mode "near"     max(1 - |n - t| / t, 0) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slipway/plugin.h"

enum mode { LONGER, SHORTER, NEAR };
typedef struct length_reward {
  slw_plugin base;
  enum mode mode;
  int tokens; /* else characters */
  double target;
} length_reward;

static const char* const kModes[] = {"longer", "shorter", "near", NULL};
static const char* const kUnits[] = {"chars", "tokens", NULL};
static const slw_option kMode = {sizeof(slw_option),
                                 SLW_STRING,
                                 "mode",
                                 "What earns more: longer, shorter, or near the target.",
                                 "\"near\"",
                                 NULL,
                                 NULL,
                                 kModes,
                                 0,
                                 0};
static const slw_option kUnit = {sizeof(slw_option),
                                 SLW_STRING,
                                 "unit",
                                 "What is counted: characters (code points) or tokens.",
                                 "\"chars\"",
                                 NULL,
                                 NULL,
                                 kUnits,
                                 0,
                                 0};
static const slw_option kTarget = {sizeof(slw_option),
                                   SLW_INT,
                                   "target",
                                   "The length that the mode refers to.",
                                   "100",
                                   "1",
                                   NULL,
                                   NULL,
                                   0,
                                   0};
static const slw_option* const kOptions[] = {&kMode, &kUnit, &kTarget, NULL};
static const char* const kInterfaces[] = {SLW_REWARD, NULL};
static const slw_descriptor kDescriptor = {sizeof(slw_descriptor),
                                           SLW_KIND_REWARD,
                                           "org.slipway.reward.length",
                                           "Length",
                                           "1.0.0",
                                           "How long the completion is, in characters or tokens.",
                                           "Apache-2.0",
                                           kInterfaces,
                                           kOptions};

static slw_status fail(slw_error* err, slw_status code, const char* text) {
  /* As much of it as this host has: it may be older than these headers, its slw_error shorter. */
  const size_t head = offsetof(slw_error, message);
  if (err != NULL && err->struct_size > head) {
    const size_t room = err->struct_size - head;
    err->code = code;
    snprintf(err->message, room < sizeof err->message ? room : sizeof err->message, "%s", text);
  }
  return code;
}

static double characters(slw_str text) {
  uint64_t i, n = 0;
  /* not a continuation byte */
  for (i = 0; i < text.size; ++i) n += ((unsigned char)text.data[i] & 0xC0) != 0x80;
  return (double)n;
}

static slw_status score(slw_plugin* p, const slw_reward_batch* batch, float* out, slw_error* err) {
  const length_reward* self = (const length_reward*)p;
  uint32_t i;
  if (self->tokens && batch->size > 0 && !SLW_HAS(batch, completion_offsets))
    return fail(err, SLW_FAILED_PRECONDITION, "the host gives no token ids; use unit = \"chars\"");
  if (!self->tokens && batch->size > 0 && !SLW_HAS(batch, completions))
    return fail(err, SLW_INVALID_ARGUMENT, "a batch without texts");
  for (i = 0; i < batch->size; ++i) {
    const double n = self->tokens
                         ? (double)(batch->completion_offsets[i + 1] - batch->completion_offsets[i])
                         : characters(batch->completions[i]);
    const double share = n / self->target;
    double value = self->mode == LONGER    ? share
                   : self->mode == SHORTER ? 1 - share
                   : share < 1             ? share
                                           : 2 - share;
    out[i] = (float)(value < 0 ? 0 : value > 1 ? 1 : value);
  }
  return SLW_OK;
}

static const slw_reward_info kInfo = {sizeof(slw_reward_info), 0, "length", 1.0};
static const slw_reward_info* const kInfos[] = {&kInfo};
static const slw_reward kReward = {sizeof(slw_reward), 1, kInfos, score};

static void destroy(slw_plugin* p) { free(p); }
static const void* get_interface(slw_plugin* p, const char* id) {
  (void)p;
  return strcmp(id, SLW_REWARD) == 0 ? &kReward : NULL;
}

/* The host has checked the options against the schema: each is there and has its type. */
static const slw_value* option(const slw_value* config, const char* name) {
  uint64_t i;
  for (i = 0; i < config->v.table.size; ++i) {
    const slw_pair* pair = &config->v.table.items[i];
    if (pair->key.size == strlen(name) && memcmp(pair->key.data, name, strlen(name)) == 0)
      return &pair->value;
  }
  return NULL;
}
static int is(const slw_value* value, const char* text) {
  return value->v.s.size == strlen(text) && memcmp(value->v.s.data, text, strlen(text)) == 0;
}

static slw_status create(const slw_host* host, const char* id, const slw_value* config,
                         slw_plugin** out, slw_error* err) {
  const slw_value *mode = option(config, "mode"), *unit = option(config, "unit"),
                  *target = option(config, "target");
  length_reward* self;
  (void)host;
  if (strcmp(id, kDescriptor.id) != 0)
    return fail(err, SLW_NOT_FOUND, "no such plugin in this file");
  if (mode == NULL || unit == NULL || target == NULL)
    return fail(err, SLW_INVALID_ARGUMENT, "an option is missing");
  self = (length_reward*)calloc(1, sizeof *self);
  if (self == NULL) return fail(err, SLW_OUT_OF_MEMORY, "out of memory");
  self->base.struct_size = sizeof(slw_plugin);
  self->base.descriptor = &kDescriptor;
  self->base.self = self;
  self->base.destroy = destroy;
  self->base.get_interface = get_interface;
  self->mode = is(mode, "longer") ? LONGER : is(mode, "shorter") ? SHORTER : NEAR;
  self->tokens = is(unit, "tokens");
  self->target = (double)target->v.i;
  *out = &self->base;
  return SLW_OK;
}

static slw_status init(const slw_host* host, const char* path, slw_error* err) {
  (void)host, (void)path, (void)err;
  return SLW_OK;
}
static void deinit(void) {}
static uint32_t count(void) { return 1; }
static const slw_descriptor* describe(uint32_t index) { return index == 0 ? &kDescriptor : NULL; }

SLW_PLUGIN_NOTE(SLW_KIND_REWARD, 0, 0, "", "");
SLW_PLUGIN_ID(SLW_KIND_REWARD, "org.slipway.reward.length");
SLW_EXPORT const slw_entry slipway_plugin_v1 = {
    sizeof(slw_entry), SLW_ABI_MAJOR, SLW_ABI_MINOR, 0, {0, 0, 0}, init, deinit, count,
    describe,          create};
