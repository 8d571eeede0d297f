/* What an author of an older version wrote: a reward with an option, and a callback. `build` compiled it with the headers of each
 * released minor, once; the binaries beside those must keep working in every later host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slipway/plugin.h"

static const slw_option bonus = {sizeof(slw_option), SLW_FLOAT, "bonus", "Added to each score.", "0.25", NULL, NULL, NULL, 0, 0};
static const slw_option *const options[] = {&bonus, NULL};
static const char *const reward_interfaces[] = {SLW_REWARD, NULL}, *const callback_interfaces[] = {SLW_CALLBACK, NULL};
static const slw_descriptor descriptors[] = {
    {sizeof(slw_descriptor), SLW_KIND_REWARD, "org.slipway.frozen.reward", "Old reward", "1.0.0", "Bytes of the completion, plus the bonus.",
     "Apache-2.0", reward_interfaces, options},
    {sizeof(slw_descriptor), SLW_KIND_CALLBACK, "org.slipway.frozen.callback", "Old callback", "1.0.0", "Stops after three steps.", "Apache-2.0",
     callback_interfaces, NULL}};

typedef struct old_plugin {
  slw_plugin base;
  double bonus;
  int32_t steps;
} old_plugin;

static slw_status score(slw_plugin *p, const slw_reward_batch *batch, float *out, slw_error *err) {
  uint32_t i;
  (void)err;
  for (i = 0; i < batch->size; ++i) out[i] = (float)((double)batch->completions[i].size + ((old_plugin *)p->self)->bonus);
  return SLW_OK;
}
static const slw_reward reward = {sizeof(slw_reward), 1, NULL, score};

static slw_status on_event(slw_plugin *p, const slw_event *event, uint32_t *control, slw_error *err) {
  (void)err;
  if (event->type == SLW_ON_STEP_END && ++((old_plugin *)p->self)->steps == 3) *control |= SLW_STOP_TRAINING;
  return SLW_OK;
}
static slw_status save(slw_plugin *p, slw_ostream *out, slw_error *err) {
  const int32_t steps = ((old_plugin *)p->self)->steps;
  (void)err;
  return out->write(out, &steps, sizeof steps) == (int64_t)sizeof steps ? SLW_OK : SLW_INTERNAL;
}
static slw_status load(slw_plugin *p, slw_istream *in, slw_error *err) {
  (void)err;
  return in->read(in, &((old_plugin *)p->self)->steps, sizeof(int32_t)) == (int64_t)sizeof(int32_t) ? SLW_OK : SLW_DATA_LOSS;
}
static const slw_callback callback = {sizeof(slw_callback), 0, 1u << SLW_ON_STEP_END, on_event, save, load};

static void destroy(slw_plugin *p) { free(p->self); }
static const void *get_interface(slw_plugin *p, const char *id) {
  if (p->descriptor == &descriptors[0] && strcmp(id, SLW_REWARD) == 0) return &reward;
  return p->descriptor == &descriptors[1] && strcmp(id, SLW_CALLBACK) == 0 ? &callback : NULL;
}
static slw_status create(const slw_host *host, const char *id, const slw_value *config, slw_plugin **out, slw_error *err) {
  old_plugin *self = calloc(1, sizeof *self);
  uint64_t i;
  (void)host, (void)err;
  if (self == NULL) return SLW_OUT_OF_MEMORY;
  self->base.struct_size = sizeof self->base;
  self->base.descriptor = strcmp(id, descriptors[0].id) == 0 ? &descriptors[0] : &descriptors[1];
  self->base.self = self;
  self->base.destroy = destroy;
  self->base.get_interface = get_interface;
  for (i = 0; i < config->v.table.size; ++i)
    if (strncmp(config->v.table.items[i].key.data, "bonus", 5) == 0) self->bonus = config->v.table.items[i].value.v.f;
  *out = &self->base;
  return SLW_OK;
}
static slw_status init(const slw_host *host, const char *path, slw_error *err) {
  (void)host, (void)path, (void)err;
  return SLW_OK;
}
static void deinit(void) {}
static uint32_t count(void) { return 2; }
static const slw_descriptor *describe(uint32_t i) { return i < 2 ? &descriptors[i] : NULL; }

SLW_PLUGIN_NOTE(SLW_KIND_REWARD | SLW_KIND_CALLBACK, 0, 0, "", "");
const slw_entry slipway_plugin_v1 = {sizeof(slw_entry), SLW_ABI_MAJOR, SLW_ABI_MINOR, 0, {0, 0, 0}, init, deinit, count, describe, create};
