// What an attention block may be given.
#include "operators/attention_call.h"

#include "base/error.h"
#include "operators/operands.h"
#include "operators/rotary.h"

namespace slipway {
namespace {

// Operands by their names in the operator's schema.
class Operands {
 public:
  Operands(const char* op, const at::Tensor& x) : op_(op), x_(x) {}

  // Undefined is right, too, unless it is needed.
  void require(const char* name, const at::Tensor& w, at::IntArrayRef shape, bool needed) const {
    if (!w.defined() && !needed) return;
    require_operand(op_, name, w, shape, x_);
  }
  void forbid(const char* name, const at::Tensor& w, const char* why) const {
    if (w.defined()) fail("{}: {} was given, {}", op_, name, why);
  }

 private:
  const char* op_;
  const at::Tensor& x_;
};

void check_numbers(const char* op, const AttentionBlock& b) {
  if (b.heads < 1 || b.kv_heads < 1 || b.heads % b.kv_heads != 0)
    fail("{}: {} heads do not divide into {} groups", op, b.heads, b.kv_heads);
  if (b.width < 1) fail("{}: a head's width must be positive, it is {}", op, b.width);
  if (!(b.softcap >= 0)) fail("{}: softcap must not be negative, it is {}", op, b.softcap);
  if (b.window < 0) fail("{}: window must not be negative, it is {}", op, b.window);
  if (b.inverse_frequencies.defined() && !is_frequencies(b.inverse_frequencies, b.width))
    fail(
        "{}: inverse_frequencies must be float32 [r / 2] in the processor's memory, r at most a "
        "head's width of {}; was {}",
        op, b.width, described(b.inverse_frequencies));
}

// Of q or k: of each head, or of the whole row.
void check_head_norm(const Operands& operands, const char* name, const at::Tensor& w,
                     const AttentionCall& call, int64_t heads) {
  const bool whole = w.defined() && w.dim() == 1 && w.size(0) == heads * call.shape.width;
  operands.require(name, w, {whole ? heads * call.shape.width : call.shape.width}, false);
}

void check_weights(const AttentionCall& call, const at::Tensor& x, const AttentionBlock& b) {
  const Operands operands(call.op, x);
  const int64_t d = call.hidden;
  const bool fused = !b.k.defined() && !b.v.defined();
  const int64_t q_rows = fused ? call.columns() : call.attended();
  operands.require("norm", b.norm, {d}, false);
  if (b.norm_kind == NormKind::kLayer && b.norm.defined())
    operands.require("norm_bias", b.norm_bias, {d}, false);
  else operands.forbid("norm_bias", b.norm_bias, "and there is no layer norm that takes it");
  operands.require("q", b.q, {q_rows, d}, true);
  operands.require("q_bias", b.q_bias, {q_rows}, false);
  if (fused) {
    operands.forbid("k_bias", b.k_bias, "and without k and v q_bias holds all three");
    operands.forbid("v_bias", b.v_bias, "and without k and v q_bias holds all three");
  } else {
    operands.require("k", b.k, {call.cached(), d}, true);
    operands.require("v", b.v, {call.cached(), d}, true);
    operands.require("k_bias", b.k_bias, {call.cached()}, false);
    operands.require("v_bias", b.v_bias, {call.cached()}, false);
  }
  operands.require("o", b.o, {d, call.attended()}, true);
  operands.require("o_bias", b.o_bias, {d}, false);
  operands.require("post_norm", b.post_norm, {d}, false);
  check_head_norm(operands, "q_norm", b.q_norm, call, call.shape.heads);
  check_head_norm(operands, "k_norm", b.k_norm, call, call.shape.kv_heads);
}

}  // namespace

AttentionCall checked_attention(const char* op, const at::Tensor& x, const AttentionBlock& block,
                                const at::Tensor& positions) {
  require_operands(floats_together({&x}) && x.dim() == 2, op, "x [T, d] float32", {&x});
  check_numbers(op, block);
  const AttentionCall call{op, {block.heads, block.kv_heads, block.width}, x.size(0), x.size(1)};
  check_weights(call, x, block);
  require_operands(positions.defined() && positions.dim() == 1 && positions.size(0) == call.rows &&
                       positions.scalar_type() == at::kLong && positions.device() == x.device(),
                   op, "positions [T] int64 beside x [T, d]", {&positions, &x});
  return call;
}

}  // namespace slipway
