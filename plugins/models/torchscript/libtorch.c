/* AOTInductor packages want libtorch.so, which holds nothing and, in a wheel with CUDA, wants the
 * CUDA half. This one wants nothing. */
extern int slipway_stands_for_libtorch;
int slipway_stands_for_libtorch = 0;
