"""The GPU engine: CUDA kernels, on a GPU through CuPy or emulated on the host."""
