// Exists so that compute/torch.h is precompiled once.
