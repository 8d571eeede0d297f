// LibTorch's archive carries Gloo's code and not its headers. These five declare what
// ProcessGroupGloo.hpp names, for dist/c10d.cc alone; nothing here is laid out or called but
// Context's two functions, which are LibTorch's.
#pragma once
