/* SPDX-License-Identifier: Apache-2.0 */
/* model.h -- a model whose weights the host owns. */
#ifndef SLW_MODEL_H
#define SLW_MODEL_H
#include "host.h"
#include "operators.h"
SLW_EXTERN_C_BEGIN

/* ---- slipway.model/1: what every model plugin says about itself ----------------------------- */
#define SLW_MODEL "slipway.model/1"
enum {
  SLW_PARAM_TRAINABLE = 1u << 0,
  SLW_PARAM_BUFFER = 1u << 1,
  SLW_PARAM_NO_DECAY = 1u << 2,
  SLW_PARAM_FP32 = 1u << 3
};
typedef int32_t slw_init;
enum { SLW_INIT_ZERO, SLW_INIT_ONE, SLW_INIT_NORMAL, SLW_INIT_UNIFORM };

typedef struct slw_param {
  uint32_t struct_size;
  uint32_t flags;
  const char *name;            /* "blocks.3.attn.q.weight" */
  const char *checkpoint_name; /* name in a HF safetensors file, NULL = same */
  const int64_t *shape;
  int32_t ndim;
  int32_t segment;   /* -1 = none; else which segment reads it (prefetch, sharding) */
  int32_t tied_to;   /* index of the parameter it shares storage with, -1 = none */
  int32_t shard_dim; /* preferred dim to split for tensor/ZeRO sharding, -1 = any */
  slw_init init;
  int32_t reserved;
  double init_scale; /* std or bound */
} slw_param;

typedef struct slw_model_info {
  uint32_t struct_size;
  uint32_t flags;
  int64_t vocab_size, max_positions, hidden_size;
  int32_t segment_count, reserved;
  uint64_t kv_bytes_per_token;
  double flops_per_token; /* forward only, at the reference length */
} slw_model_info;

typedef struct slw_model {
  uint32_t struct_size;
  uint32_t param_count;
  /* [param_count] */
  const slw_param *const *params;
  /* [main] */
  slw_status(SLW_CALL *info)(slw_plugin *p, slw_model_info *out, slw_error *err) SLW_NOEXCEPT;
  /* optional: non-tensor state */
  slw_status(SLW_CALL *save)(slw_plugin *p, slw_ostream *out, slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *load)(slw_plugin *p, slw_istream *in, slw_error *err) SLW_NOEXCEPT;
  /* since 1.2: the file of a model's folder that save() writes and load() reads; NULL = there is
   * none */
  const char *state_file;
} slw_model;

/* ---- path A, slipway.model.torch-stable/1: forward written with torch/csrc/stable; the host's
 * autograd records it -- Batches are packed: T tokens of all sequences lie end to end, there is no
 * batch dimension and no padding. Segment 0 (embedding) takes ids [T] int64 and gives hidden [T,
 * d]; blocks map hidden to hidden; the last segment (final norm and head) maps hidden [N, d] to
 * logits [N, vocab], for whichever N rows the host wants. Attention is the host's: the model passes
 * `context` on, unchanged, and so the same forward trains, prefills and decodes with the host's
 * cache. The host's operators: operators.h.
 *
 * The head may end in any operator, and its logits may lie in memory in any way. Where they are
 * linear_v1's result, the host writes their gradient over them before it goes back; else it writes
 * it beside them. So whatever else a head keeps of logits that it returns, it must not expect to
 * find them there once the backward pass has begun: LibTorch then says that they were modified in
 * place.
 *
 * What to build: create() receives, beside the plugin's own options, the table "config" with the
 * names of a Hugging Face config.json (the host makes the same names from GGUF metadata). */
#define SLW_MODEL_TORCH_STABLE "slipway.model.torch-stable/1"
typedef struct AtenTensorOpaque *slw_aten; /* LibTorch's AtenTensorHandle */
typedef struct slw_model_torch_stable {
  uint32_t struct_size;
  uint32_t flags;
  /* what the host's cache must hold: layers, G, D; 0 = attends nothing */
  int32_t kv_layers, kv_heads, kv_width;
  int32_t reserved;
  /* [loop] handles are borrowed; valid until the next bind. Gradients, hooks, sharding: all the
   * host's. */
  slw_status(SLW_CALL *bind)(slw_plugin *p, const slw_aten *params, uint32_t n, slw_error *err)
      SLW_NOEXCEPT;
  /* [loop] x and positions are borrowed; *out is a new reference that the host releases */
  slw_status(SLW_CALL *forward)(slw_plugin *p, int32_t segment, slw_aten x, slw_aten positions,
                                int64_t context, int32_t training, slw_aten *out, slw_error *err)
      SLW_NOEXCEPT;
} slw_model_torch_stable;

/* ---- path B, slipway.model.torch-native/1: the plugin is a torch::nn::Module; needs the very same
 * LibTorch build ---- The module has its weights when it is created, float32 on the CPU; its
 * parameters() are those of slw_model.params, in that order. The host moves their storage into its
 * own. One forward gives logits of whole padded sequences: such a model trains, evaluates and
 * predicts; it has no cache to write texts with. */
#define SLW_MODEL_TORCH_NATIVE "slipway.model.torch-native/1"
typedef struct slw_model_torch_native {
  uint32_t struct_size;
  uint32_t flags;
  const char *torch_build; /* must equal the host's, byte for byte; also in the ELF note */
  /* copy-constructs a std::shared_ptr<torch::nn::Module> at `out`; the host destroys it before
   * destroy(p) */
  slw_status(SLW_CALL *module)(slw_plugin *p, void *out, slw_error *err) SLW_NOEXCEPT;
  /* since 1.2 [loop] ids and mask are const at::Tensor *, [B, L] int64: tokens from the left, mask
     1 there and 0 on the padding, whose ids are 0. Copy-constructs an at::Tensor at `out`: logits
     [B, L, vocab] float32, recorded where autograd is on. The module's mode is set */
  slw_status(SLW_CALL *forward)(slw_plugin *p, const void *ids, const void *mask, int32_t training,
                                void *out, slw_error *err) SLW_NOEXCEPT;
} slw_model_torch_native;

/* ---- path C, slipway.model.c/1: own kernels, explicit backward, DLPack only ----------------- */
#define SLW_MODEL_C "slipway.model.c/1"
typedef struct slw_saved slw_saved; /* the plugin's activations for one segment call */

typedef struct slw_segment_args {
  uint32_t struct_size;
  int32_t segment;
  const DLTensor *input;      /* ids [tokens] i32 for segment 0, hidden [tokens, d] after */
  const DLTensor *positions;  /* [tokens] i32 */
  const DLTensor *cu_seqlens; /* [sequences + 1] i32: packed batches, no padding */
  const DLTensor *labels;     /* last segment only; NULL = return logits */
  /* keep = 0: return no slw_saved (no-grad, or the host will recompute) */
  int32_t training, keep;
  slw_stream stream;
} slw_segment_args;

typedef struct slw_grad_sink {
  uint32_t struct_size;
  uint32_t reserved;
  const DLTensor *const *grads; /* [param_count], host storage, add into; NULL = frozen */
  void *ctx;
  /* all writes to grads[param] are enqueued on `stream`: the host may start its all-reduce */
  void(SLW_CALL *ready)(void *ctx, uint32_t param, slw_stream stream) SLW_NOEXCEPT;
} slw_grad_sink;

typedef struct slw_model_c {
  uint32_t struct_size;
  uint32_t flags;
  slw_status(SLW_CALL *bind)(slw_plugin *p, const DLTensor *const *params, uint32_t n,
                             slw_error *err) SLW_NOEXCEPT;
  /* *out: hidden state, logits [tokens, vocab], or log-probabilities of labels [tokens] (never
   * materialises logits) */
  slw_status(SLW_CALL *forward)(slw_plugin *p, const slw_segment_args *args,
                                DLManagedTensorVersioned **out, slw_saved **saved, slw_error *err)
      SLW_NOEXCEPT;
  /* consumes saved, also on failure; *grad_input is NULL for segment 0 */
  slw_status(SLW_CALL *backward)(slw_plugin *p, const slw_segment_args *args, slw_saved *saved,
                                 const DLTensor *grad_output, const slw_grad_sink *sink,
                                 DLManagedTensorVersioned **grad_input, slw_error *err)
      SLW_NOEXCEPT;
  void(SLW_CALL *drop)(slw_plugin *p, slw_saved *saved) SLW_NOEXCEPT;
} slw_model_c;

/* ---- slipway.model.generate/1: cached decoding; sampling stays in the host ------------------ */
#define SLW_MODEL_GENERATE "slipway.model.generate/1"
typedef struct slw_session slw_session;
typedef struct slw_model_generate {
  uint32_t struct_size;
  uint32_t flags;
  slw_status(SLW_CALL *open)(slw_plugin *p, int32_t max_sequences, int64_t max_tokens,
                             slw_stream stream, slw_session **out, slw_error *err) SLW_NOEXCEPT;
  /* ragged prompts; *logits [sequences, vocab] for the last token of each */
  slw_status(SLW_CALL *prefill)(slw_session *s, const DLTensor *ids, const DLTensor *cu_seqlens,
                                slw_stream stream, DLManagedTensorVersioned **logits,
                                slw_error *err) SLW_NOEXCEPT;
  slw_status(SLW_CALL *step)(slw_session *s, const DLTensor *ids, slw_stream stream,
                             DLManagedTensorVersioned **logits, slw_error *err) SLW_NOEXCEPT;
  /* keep rows[i] as row i: drops finished rows, copies for samples of a prompt, reorders beams */
  slw_status(SLW_CALL *select)(slw_session *s, const int32_t *rows, uint32_t n, slw_error *err)
      SLW_NOEXCEPT;
  void(SLW_CALL *close)(slw_session *s) SLW_NOEXCEPT;
} slw_model_generate;

SLW_EXTERN_C_END
#endif
