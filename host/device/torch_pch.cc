// Exists so that device/torch.h is precompiled once.
