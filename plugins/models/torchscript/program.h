// What computes logits from token ids: a TorchScript archive, or an AOTInductor package.
#pragma once
#include <torch/nn/module.h>

#include <memory>
#include <string>

#include "slipway/core.hpp"

class Program {
 public:
  virtual ~Program() = default;
  // Its parameters under their names; none in a package, whose weights are part of its code.
  virtual std::shared_ptr<torch::nn::Module> module() = 0;
  // Logits [B, L, vocab] of ids [B, L] and mask [B, L] (1 at tokens), both int64. Throws
  // slipway::Error or c10::Error.
  virtual at::Tensor logits(const at::Tensor& ids_BL, const at::Tensor& mask_BL) = 0;
  // The archive as it is now, in the mode for inference; load() takes buffers from one, which no
  // file of weights holds.
  virtual void save(slw_ostream* out) const = 0;
  virtual void load(slw_istream* in) = 0;
};

std::unique_ptr<Program> open_script(const std::string& path);
std::unique_ptr<Program> open_package(const std::string& path);
