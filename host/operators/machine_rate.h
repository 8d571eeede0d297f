// What a run's use of the machine is judged by.
#pragma once

namespace slipway {

// The rate, in operations a second, that no run can pass whose products round to bfloat16 (`bf16`)
// or do not: the processor's multiply-add peak on all threads (compute/peak.h), of float32 where it
// has none for bfloat16; on an accelerator, where models compute there, a large product instead.
// Measured by the first call for each, in some 20 ms. `seen`: a rate that was reached; where it is
// above the peak, the machine was busy when that was measured: it is measured again, and the best
// counts. [loop]
double machine_peak(bool bf16, double seen);

}  // namespace slipway
