/* Slots of every function table: where each function pointer lies, in units of a pointer. A plugin
 * built years ago calls by these numbers. Each minor appends a block; a block is never edited.
 * Compiling this file is the test; abi.slots also checks that no function pointer of the headers is
 * missing here. */
#include "slipway/plugin.h"

#define SLOT(type, member, n)                                                      \
  _Static_assert(offsetof(type, member) == (n) * sizeof(void*), #type "." #member  \
                                                                      " left its " \
                                                                      "slot")
#define ENDS(type, n) _Static_assert(sizeof(type) >= (n) * sizeof(void*), #type " lost members")

/* ---- minor 0 ---- */

SLOT(slw_istream, read, 1);
ENDS(slw_istream, 2);

SLOT(slw_ostream, write, 1);
ENDS(slw_ostream, 2);

SLOT(DLManagedTensorVersioned, deleter, 2);
ENDS(DLManagedTensorVersioned, 10);

SLOT(slw_plugin, destroy, 3);
SLOT(slw_plugin, get_interface, 4);
ENDS(slw_plugin, 5);

SLOT(slw_entry, init, 2);
SLOT(slw_entry, deinit, 3);
SLOT(slw_entry, count, 4);
SLOT(slw_entry, describe, 5);
SLOT(slw_entry, create, 6);
ENDS(slw_entry, 7);

SLOT(slw_host, log, 4);
SLOT(slw_host, stop_requested, 5);
SLOT(slw_host, get_service, 6);
ENDS(slw_host, 7);

SLOT(slw_host_tensor, alloc, 1);
SLOT(slw_host_tensor, scratch, 2);
SLOT(slw_host_tensor, current_stream, 3);
ENDS(slw_host_tensor, 4);

SLOT(slw_host_random, seed, 1);
SLOT(slw_host_random, uniform, 2);
ENDS(slw_host_random, 3);

SLOT(slw_host_metrics, scalar, 1);
SLOT(slw_host_metrics, column, 2);
ENDS(slw_host_metrics, 3);

SLOT(slw_host_train, param_count, 1);
SLOT(slw_host_train, param_name, 2);
SLOT(slw_host_train, tensor, 3);
SLOT(slw_host_train, set_learning_rate, 4);
SLOT(slw_host_train, set_clip_norm, 5);
SLOT(slw_host_train, skip_step, 6);
SLOT(slw_host_train, shard, 7);
ENDS(slw_host_train, 8);

SLOT(slw_host_text, encode, 1);
SLOT(slw_host_text, decode, 2);
ENDS(slw_host_text, 3);

SLOT(slw_host_store, append, 1);
SLOT(slw_host_store, replay, 2);
ENDS(slw_host_store, 3);

SLOT(slw_host_workers, parallel_for, 1);
ENDS(slw_host_workers, 2);

SLOT(slw_host_thread_check, is_main, 1);
SLOT(slw_host_thread_check, is_loop, 2);
ENDS(slw_host_thread_check, 3);

SLOT(slw_model, info, 2);
SLOT(slw_model, save, 3);
SLOT(slw_model, load, 4);
ENDS(slw_model, 5);

SLOT(slw_model_torch_stable, bind, 3);
SLOT(slw_model_torch_stable, forward, 4);
ENDS(slw_model_torch_stable, 5);

SLOT(slw_model_torch_native, module, 2);
ENDS(slw_model_torch_native, 3);

SLOT(slw_grad_sink, ready, 3);
ENDS(slw_grad_sink, 4);

SLOT(slw_model_c, bind, 1);
SLOT(slw_model_c, forward, 2);
SLOT(slw_model_c, backward, 3);
SLOT(slw_model_c, drop, 4);
ENDS(slw_model_c, 5);

SLOT(slw_model_generate, open, 1);
SLOT(slw_model_generate, prefill, 2);
SLOT(slw_model_generate, step, 3);
SLOT(slw_model_generate, select, 4);
SLOT(slw_model_generate, close, 5);
ENDS(slw_model_generate, 6);

SLOT(slw_reward, score, 2);
ENDS(slw_reward, 3);

SLOT(slw_reward_async, submit, 1);
SLOT(slw_reward_async, cancel, 2);
ENDS(slw_reward_async, 3);

SLOT(slw_callback, on_event, 2);
SLOT(slw_callback, save, 3);
SLOT(slw_callback, load, 4);
ENDS(slw_callback, 5);

SLOT(slw_logger, begin, 1);
SLOT(slw_logger, scalars, 2);
SLOT(slw_logger, text, 3);
SLOT(slw_logger, table, 4);
SLOT(slw_logger, histogram, 5);
SLOT(slw_logger, flush, 6);
SLOT(slw_logger, end, 7);
ENDS(slw_logger, 8);

SLOT(slw_search, begin, 1);
SLOT(slw_search, ask, 2);
SLOT(slw_search, report, 3);
SLOT(slw_search, tell, 4);
SLOT(slw_search, enqueue, 5);
SLOT(slw_search, best, 6);
ENDS(slw_search, 7);

/* ---- minor 1 ---- */

SLOT(slw_metric_plugin, begin, 1);
SLOT(slw_metric_plugin, reduce, 2);
SLOT(slw_metric_plugin, update, 3);
SLOT(slw_metric_plugin, finish, 4);
ENDS(slw_metric_plugin, 5);

SLOT(slw_loss, tokens, 1);
SLOT(slw_loss, logits, 2);
ENDS(slw_loss, 3);

/* ---- minor 2 ---- */

ENDS(slw_model, 6);

SLOT(slw_model_torch_native, forward, 3);
ENDS(slw_model_torch_native, 4);

/* ---- minor 3 ---- */

ENDS(slw_reward_batch, 13);
ENDS(slw_loss_batch, 13);
