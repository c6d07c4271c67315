// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011),
// bit by bit as on the host. A number costs 8 bytes written and 20 wide products.
#pragma once

#include "elementwise.cuh"

namespace quasim_device {

// The uniform in [0, 1) of draw `draw` of shot `shot`: 53 bits of the first two words.
QUASIM_DEVICE double philox_uniform(u64 seed, u64 shot, u64 draw) {
  u32 c0 = static_cast<u32>(shot);
  u32 c1 = static_cast<u32>(shot >> 32);
  u32 c2 = static_cast<u32>(draw);
  u32 c3 = static_cast<u32>(draw >> 32);
  u32 k0 = static_cast<u32>(seed);
  u32 k1 = static_cast<u32>(seed >> 32);
  QUASIM_UNROLL
  for (int round = 0; round < 10; ++round) {
    const u64 a = u64{0xD2511F53} * c0;
    const u64 b = u64{0xCD9E8D57} * c2;
    c0 = static_cast<u32>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<u32>(b);
    c2 = static_cast<u32>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<u32>(a);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  const u64 bits = (static_cast<u64>(c0 >> 5) << 26) + (c1 >> 6);
  return static_cast<double>(bits) * 0x1p-53;
}

// uniforms[s] = uniform number `draw` of shot first_shot + s.
QUASIM_DEVICE void shot_uniforms(const Block& block, double* uniforms, i64 seed, i64 first_shot,
                                 i64 shots, i64 draw) {
  for_share(block, shots, [&](u64 s) {
    uniforms[s] = philox_uniform(static_cast<u64>(seed), static_cast<u64>(first_shot) + s,
                                 static_cast<u64>(draw));
  });
}

}  // namespace quasim_device
