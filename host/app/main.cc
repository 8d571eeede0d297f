// The program: one command per file in this folder.
#include <cstdio>

int main() { std::puts("slipway " SLIPWAY_VERSION); }
