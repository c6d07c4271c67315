"""Parts of the GPU benchmark; needs this package, NumPy and, on a GPU, CuPy."""
