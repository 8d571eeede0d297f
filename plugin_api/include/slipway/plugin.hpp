// SPDX-License-Identifier: Apache-2.0
// plugin.hpp -- C++17 sugar over the C tables: no exception leaves, no pointer is trusted, no
// boilerplate is written.
#pragma once
#include "callback.hpp"
#include "core.hpp"
#include "logger.hpp"
#include "loss.hpp"
#include "metric.hpp"
#include "reward.hpp"
#include "search.hpp"
