// The products of a model on tensors: x w^T, and rows of a table.
#pragma once
#include "compute/torch.h"
#include "kernels/kernels.h"
#include "operators/product_weights.h"

namespace slipway {

// x [T, k] w [n, k]^T -> [T, n]; throws Error on operands that do not fit. Decodes on packed
// weights inside a PackedWeightsScope. Differentiable: a weight that has a gradient buffer is added
// into there, in the product itself, and no gradient of its size exists beside the buffer.
at::Tensor linear(const at::Tensor& x_TK, const at::Tensor& w_NK);
// The same plus a bias [n], which may be undefined.
at::Tensor linear(const at::Tensor& x_TK, const at::Tensor& w_NK, const at::Tensor& bias_N);

// Whether a tensor is what linear() gave, as autograd recorded it: its backward needs the operands
// alone, not the result.
bool comes_from_linear(const at::Tensor& tensor);

// Rows `ids` [T] (int64) of w [V, d] -> [T, d]; throws Error when an id is out of range.
// Differentiable, as above.
at::Tensor embedding(const at::Tensor& w_VD, const at::Tensor& ids_T);

// ---- for operators with a backward of their own -------------------------------------------------

// Throws Error unless w [n, k] is contiguous float32 with k columns.
void require_weight(const at::Tensor& w_NK, int64_t k);
// A weight [n, k] as kernels take it, of those that lie in memory (stored_matrix.h has the others).
// Throws Error as require_weight() does.
Weight weight_of(const at::Tensor& w_NK, int64_t k);
// y [rows, n1 + n2 + ...] = x [w1; w2; ...]^T, plus `addend` that lies as y does (nullptr: nothing;
// may be y); nothing recorded. x [rows, k] and y lie where the weights do, without gaps. On packed
// weights inside a scope that keeps all of them; x and y are float32 then.
void product(ConstValues x, int64_t rows, int64_t k, const ProductWeights& weights,
             const float* addend, Values y);

// dx [rows, k] = dy [rows, n1 + n2 + ...] [w1; w2; ...]; where dx lies, without gaps.
void input_gradient(ConstValues dy, int64_t dy_row, int64_t rows, const ProductWeights& weights,
                    int64_t k, float* dx);

// to [to_rows, d] += from [N, d], row i to row rows[i] (int64, all valid), in order of i: a row
// that is met twice is summed the same way every time. All contiguous, on one device.
void add_rows(const at::Tensor& from_ND, const at::Tensor& rows_N, int64_t to_rows, float* to);

// Whether autograd records an operator of these operands.
bool records(std::initializer_list<const at::Tensor*> operands);
// The edge of an operand of an operator's node: none where it is undefined, or a parameter whose
// gradient goes straight into its buffer.
torch::autograd::Edge gradient_edge(const at::Tensor& operand);
torch::autograd::edge_list gradient_edges(std::initializer_list<const at::Tensor*> operands);

// Where a parameter's gradient goes: into its buffer, or into a new tensor that autograd takes.
class GradientTarget {
 public:
  GradientTarget() = default;  // not wanted
  GradientTarget(const at::Tensor& parameter, bool wanted);
  float* data() const { return data_; }               // nullptr = not wanted
  const at::Tensor& tensor() const { return made_; }  // undefined where the buffer took it

 private:
  at::Tensor made_;
  float* data_ = nullptr;
};

}  // namespace slipway
