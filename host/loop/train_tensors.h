// The tensors that callbacks may see, as slipway.host.train/1 hands them out.
#pragma once
#include "model/model.h"
#include "optim/optimizer.h"
#include "plugin/train_access.h"

namespace slipway {

// Lets `access` reach the model's trainable parameters, their gradients and the optimizer's
// "exp_avg" and "exp_avg_sq". Tensors on an accelerator are copied to the host when they are asked
// for, and back at the end of the event. Model and optimizer must outlive the access's use.
void give_tensors(TrainAccess& access, Model& model, Optimizer& optimizer);

}  // namespace slipway
