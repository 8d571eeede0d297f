// The post-processor's templates.
#include "text/post_processor.h"

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway {

void PostProcessor::add(const Json& description, const std::string& origin) {
  if (description.is_null()) return;
  const std::string type = description.is_object() ? description.value("type", "") : "";
  if (type == "ByteLevel") return;  // moves offsets only
  if (type == "Sequence") {
    for (const Json& each : description.at("processors")) add(each, origin);
    return;
  }
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    // (text, id) of the token before a text, and of the one after it
    before.insert(before.begin(), description.at("cls").at(1).get<int32_t>());
    after.push_back(description.at("sep").at(1).get<int32_t>());
    return;
  }
  if (type != "TemplateProcessing")
    fail(
        "{}: post-processor \"{}\" is not supported (ByteLevel, TemplateProcessing, "
        "BertProcessing, RobertaProcessing and Sequence are)",
        origin, excerpt(type));
  std::vector<int32_t> left, right;
  bool seen = false;
  for (const Json& piece : description.at("single")) {
    if (piece.contains("Sequence")) {
      if (seen)
        fail("{}: a post-processor template that repeats the text is not supported", origin);
      seen = true;
      continue;
    }
    const Json& ids = description.at("special_tokens")
                          .at(piece.at("SpecialToken").at("id").get<std::string>())
                          .at("ids");
    for (const Json& id : ids) (seen ? right : left).push_back(id.get<int32_t>());
  }
  // a later processor goes around what an earlier one made
  before.insert(before.begin(), left.begin(), left.end());
  after.insert(after.end(), right.begin(), right.end());
}

}  // namespace slipway
