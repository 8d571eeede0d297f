/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.h -- everything that a plugin author includes. */
#ifndef SLW_PLUGIN_H
#define SLW_PLUGIN_H
#include "abi.h"
#include "config.h"
#include "tensor.h"
#include "entry.h"
#include "host.h"
#include "model.h"
#include "reward.h"
#include "callback.h"
#include "logger.h"
#include "metric.h"
#include "search.h"
#include "loss.h"
#endif
