// SageMaker's hosts: one process on each, unless a launcher started several there.
#pragma once
#include <optional>

#include "dist/variables.h"

namespace slipway {

// The place among SageMaker's hosts, from SM_HOSTS and SM_CURRENT_HOST, from SM_RESOURCE_CONFIG, or
// from `file`, which SageMaker writes; nothing where there is none of them or one host only. Throws
// Error where they are not valid.
std::optional<Place> sagemaker_place(const Variables& variables, const fs::path& file);

}  // namespace slipway
