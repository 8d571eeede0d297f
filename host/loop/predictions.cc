// Prediction files.
#include "loop/predictions.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/json_text.h"
#include "weights/safetensors_stream.h"

namespace slipway {
namespace {

constexpr int64_t kPadding = -100;

// The shortest decimal that is this float again.
double shortest(float value) {
  const std::string text = fmt::format("{}", value);
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

class JsonLines : public PredictionFile {
 public:
  JsonLines(const fs::path& path, const std::set<std::string>& outputs, const Tokenizer& tokenizer)
      : file_(path), outputs_(outputs), tokenizer_(tokenizer) {}

  static bool needs_predictions(const std::set<std::string>& outputs) {
    return outputs.contains("prediction") || outputs.contains("predictions");
  }

  void follow(EvaluationHooks& hooks) override {
    hooks.predictions = needs_predictions(outputs_);
    hooks.on_part = [this](const EvaluatedPart& part) {
      std::string lines;
      for (size_t e = 0; e < part.examples.size(); ++e) lines += json_text(row(part, e)) + "\n";
      file_.write(lines);
    };
  }
  void commit() override { file_.commit(); }

 private:
  Json row(const EvaluatedPart& part, size_t e) const {
    const auto begin = static_cast<size_t>(part.offsets[e]),
               count = static_cast<size_t>(part.offsets[e + 1]) - begin;
    const std::span<const int32_t> ids = part.examples[e].ids,
                                   labels = std::span(part.labels).subspan(begin, count);
    const auto predictions = part.predictions.empty()
                                 ? std::span<const int32_t>()
                                 : std::span(part.predictions).subspan(begin, count);
    Json out = Json::object();
    const auto put = [&](const char* name, const auto& value) {
      if (outputs_.contains(name)) out[name] = value();
    };
    const auto before = static_cast<size_t>(std::max<int64_t>(1, part.examples[e].loss_begin));
    const auto prompt = ids.first(std::min(ids.size(), before));
    put("prompt", [&] { return tokenizer_.decode(prompt); });
    put("label", [&] { return tokenizer_.decode_after(prompt, labels); });
    put("prediction", [&] { return tokenizer_.decode_after(prompt, predictions); });
    put("label_ids", [&] { return std::vector<int32_t>(labels.begin(), labels.end()); });
    put("predictions",
        [&] { return std::vector<int32_t>(predictions.begin(), predictions.end()); });
    put("logprobs", [&] {
      std::vector<double> each;
      for (size_t i = begin; i < begin + count; ++i) each.push_back(shortest(part.logprobs[i]));
      return each;
    });
    return out;
  }

  DurableFile file_;
  std::set<std::string> outputs_;
  const Tokenizer& tokenizer_;
};

class PaddedArrays : public PredictionFile {
 public:
  PaddedArrays(const fs::path& path, const std::set<std::string>& outputs,
               std::span<const Example> examples, int64_t vocab)
      : width_(longest(examples)),
        vocab_(vocab),
        logits_padding_(outputs.contains("logits") ? static_cast<size_t>(vocab) : 0,
                        static_cast<float>(kPadding)) {
    const auto count = static_cast<int64_t>(examples.size());
    std::vector<SafetensorsStream::Tensor> tensors;
    for (const auto& [name, encoding] :
         {std::pair("label_ids", Encoding::kI64), std::pair("predictions", Encoding::kI64),
          std::pair("logprobs", Encoding::kF32), std::pair("logits", Encoding::kF32)}) {
      if (!outputs.contains(name)) continue;
      index_[name] = tensors.size();
      tensors.push_back({name, encoding, {count, width_}});
      if (tensors.back().name == "logits") tensors.back().shape.push_back(vocab);
    }
    file_.emplace(path, tensors);
  }

  void follow(EvaluationHooks& hooks) override {
    hooks.predictions = index_.contains("predictions");
    hooks.on_part = [this](const EvaluatedPart& part) { add(part); };
    if (index_.contains("logits"))
      hooks.on_logits = [this](const EvaluatedPart& part, size_t label,
                               const at::Tensor& logits_NV) { add_logits(part, label, logits_NV); };
  }
  void commit() override { file_->commit(); }

 private:
  static int64_t longest(std::span<const Example> examples) {
    size_t out = 0;
    for (const Example& example : examples) out = std::max(out, example.ids.size());
    return static_cast<int64_t>(out);
  }

  void add(const EvaluatedPart& part) {
    for (size_t e = 0; e < part.examples.size(); ++e) {
      const auto row = static_cast<int64_t>(part.first + e), width = width_;
      std::vector<int64_t> labels(static_cast<size_t>(width), kPadding), predictions = labels;
      std::vector<float> logprobs(static_cast<size_t>(width), static_cast<float>(kPadding));
      std::vector<bool> predicted(static_cast<size_t>(width), false);
      for (auto i = static_cast<size_t>(part.offsets[e]);
           i < static_cast<size_t>(part.offsets[e + 1]); ++i) {
        const auto at = static_cast<size_t>(part.positions[i]);
        labels[at] = part.labels[i];
        logprobs[at] = part.logprobs[i];
        predicted[at - 1] = true;
        if (!part.predictions.empty()) predictions[at - 1] = part.predictions[i];
      }
      write("label_ids", row * width, labels.data(), width);
      write("predictions", row * width, predictions.data(), width);
      write("logprobs", row * width, logprobs.data(), width);
      for (int64_t column = 0; index_.contains("logits") && column < width; ++column)
        if (!predicted[static_cast<size_t>(column)])
          write("logits", (row * width + column) * vocab_, logits_padding_.data(), vocab_);
    }
  }

  void add_logits(const EvaluatedPart& part, size_t label, const at::Tensor& logits_NV) {
    const auto* logits = logits_NV.const_data_ptr<float>();
    auto e =
        static_cast<size_t>(std::ranges::upper_bound(part.offsets, static_cast<int64_t>(label)) -
                            part.offsets.begin()) -
        1;
    for (int64_t r = 0; r < logits_NV.size(0); ++r, ++label, logits += vocab_) {
      while (part.offsets[e + 1] <= static_cast<int64_t>(label)) ++e;
      write("logits",
            (static_cast<int64_t>(part.first + e) * width_ + part.positions[label] - 1) * vocab_,
            logits, vocab_);
    }
  }

  void write(const char* name, int64_t first, const void* data, int64_t count) {
    if (const auto found = index_.find(name); found != index_.end())
      file_->write(found->second, first, data, count);
  }

  int64_t width_, vocab_;
  std::vector<float> logits_padding_;
  std::map<std::string, size_t, std::less<>> index_;
  std::optional<SafetensorsStream> file_;
};

bool is_of_arrays(const fs::path& path) { return path.extension() == ".safetensors"; }

class WrittenElsewhere : public PredictionFile {
 public:
  WrittenElsewhere(bool predictions, bool logits) : predictions_(predictions), logits_(logits) {}

  void follow(EvaluationHooks& hooks) override {
    hooks.predictions = predictions_;
    hooks.on_part = [](const EvaluatedPart&) {};
    if (logits_) hooks.on_logits = [](const EvaluatedPart&, size_t, const at::Tensor&) {};
  }
  void commit() override {}

 private:
  bool predictions_, logits_;
};

}  // namespace

std::unique_ptr<PredictionFile> open_predictions(const fs::path& path,
                                                 const std::set<std::string>& outputs,
                                                 std::span<const Example> examples,
                                                 const Tokenizer& tokenizer, int64_t vocab_size) {
  if (is_of_arrays(path))
    return std::make_unique<PaddedArrays>(path, outputs, examples, vocab_size);
  return std::make_unique<JsonLines>(path, outputs, tokenizer);
}

std::unique_ptr<PredictionFile> predictions_for_first_rank(const fs::path& path,
                                                           const std::set<std::string>& outputs) {
  return is_of_arrays(path)
             ? std::make_unique<WrittenElsewhere>(outputs.contains("predictions"),
                                                  outputs.contains("logits"))
             : std::make_unique<WrittenElsewhere>(JsonLines::needs_predictions(outputs), false);
}

}  // namespace slipway
