// SPDX-License-Identifier: Apache-2.0
// torch_build.hpp -- the LibTorch that something is compiled with; its C++ objects may cross only
// between equals.
#pragma once
#include <torch/headeronly/version.h>

#define SLW_TORCH_BUILD_TEXT_(number) #number
#define SLW_TORCH_BUILD_TEXT(number) SLW_TORCH_BUILD_TEXT_(number)
#ifdef _GLIBCXX_USE_CXX11_ABI
#  define SLW_TORCH_BUILD \
    "libtorch " TORCH_VERSION " cxx11abi=" SLW_TORCH_BUILD_TEXT(_GLIBCXX_USE_CXX11_ABI)
#else
#  define SLW_TORCH_BUILD "libtorch " TORCH_VERSION " libc++"
#endif
