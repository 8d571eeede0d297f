// What a run's use of the machine is judged by.
#pragma once

namespace slipway {

// The rate by which a run's use of the machine is judged: a large sgemm on all threads, or on the
// accelerator where models compute there. Measured by the first call, in about 50 ms; every later
// one returns the same.
double machine_sgemm();

}  // namespace slipway
