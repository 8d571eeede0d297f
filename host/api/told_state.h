// Where a run stands, as the library tells it.
#pragma once
#include "loop/run.h"
#include "slipway/trainer.hpp"

namespace slipway {

RunState told(const Run& run);

}  // namespace slipway
