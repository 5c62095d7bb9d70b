// SPDX-License-Identifier: Apache-2.0
#include "target/quirks.h"

#include <algorithm>
#include <cstdio>

namespace dragoman::target {
namespace {

constexpr uint32_t kAmd = 0x1002;
constexpr uint32_t kIntel = 0x8086;
constexpr uint32_t kNvidia = 0x10de;
constexpr uint32_t kQualcomm = 0x5143;
constexpr uint32_t kMesa = 0x10005;

bool IsLlvmpipe(const DeviceProfile& profile) {
  return profile.type == DeviceType::kCpu && (profile.vendor_id == kMesa || profile.driver_name == "llvmpipe");
}

// Whether the driver is of Mesa and older than that version; they all say "Mesa 22.3.6" and more after it.
bool IsMesaBefore(const DeviceProfile& profile, int major, int minor) {
  int has_major = 0, has_minor = 0;
  if (std::sscanf(profile.driver_info.c_str(), "Mesa %d.%d", &has_major, &has_minor) != 2) return false;
  return has_major < major || (has_major == major && has_minor < minor);
}

constexpr uint64_t kDozenViewBytes = uint64_t{4} << 27;

void UseByteOffsets(DeviceProfile& profile) {
  if (profile.int64) profile.address_form = AddressForm::kByteOffset32;
}

constexpr Quirk kQuirks[] = {
    {"amd_byte_offsets", [](const DeviceProfile& p) { return p.vendor_id == kAmd; }, UseByteOffsets,
     "A base and a zero-extended 32-bit offset are one addressing mode of the hardware: a three-buffer kernel has 16 "
     "instructions in place of 27 on RDNA 3 and 13 in place of 23 on Vega.",
     ""},
    {"amd_gcn_narrow_units", [](const DeviceProfile& p) { return p.vendor_id == kAmd && p.subgroup_min_size == 64; },
     [](DeviceProfile& p) { p.multiply_add_cycles = 4; },
     "A wave of 64 takes four cycles on the 16 lanes of its unit: a tile needs four waves to keep the four units of a "
     "compute unit busy.",
     ""},
    {"intel_byte_offsets", [](const DeviceProfile& p) { return p.vendor_id == kIntel; }, UseByteOffsets,
     "The compiler then does one 64-bit addition an access: 448 cycles in place of 556 on Gen 9, 534 for 576 on DG2, "
     "600 for 752 on Battlemage.",
     ""},
    {"intel_tile_registers", [](const DeviceProfile& p) { return p.vendor_id == kIntel; },
     [](DeviceProfile& p) { p.tile_registers = 52; },
     "A thread has 128 registers whatever its width: tiles of 8x8 results an invocation spill 100 to 140 of them on "
     "every generation; tiles of 8x4 none, but 10 where each element of a convolution is loaded from a place of its "
     "own.",
     ""},
    {"nvidia_matrix_registers", [](const DeviceProfile& p) { return p.vendor_id == kNvidia; },
     [](DeviceProfile& p) { p.matrix_registers = 208; },
     "An invocation has 255 registers: matrix tiles of 64x64 results a subgroup take 160 of them and read shared "
     "memory least.",
     ""},
    {"nvk_matrix_registers", [](const DeviceProfile& p) { return p.driver_name == "NVK"; },
     [](DeviceProfile& p) { p.matrix_registers = 160; },
     "NVK's compiler keeps 64x64 results a subgroup with 32 elements of K in registers, and spills 2 to 87 with 64.",
     ""},
    {"intel_matrix_registers", [](const DeviceProfile& p) { return p.vendor_id == kIntel; },
     [](DeviceProfile& p) { p.matrix_registers = 0; },
     "Matrix tiles spill there: at the smallest subgroup 8 to 24 registers on Battlemage and 81 to 147 on DG2, at the "
     "default one 13 to 28 and 197 to 416.",
     ""},
    {"qualcomm_tile_registers", [](const DeviceProfile& p) { return p.vendor_id == kQualcomm; },
     [](DeviceProfile& p) { p.tile_registers = 52; },
     "Adreno 6xx has 128 registers for an invocation in a workgroup of 256: tiles of 8x8 results spill up to 29 of "
     "them.",
     ""},
    {"qualcomm_byte_offsets", [](const DeviceProfile& p) { return p.vendor_id == kQualcomm; }, UseByteOffsets,
     "Turnip adds the offset in the load: 49 instructions and 4 registers in place of 76 and 6 on Adreno 740.", ""},
    {"llvmpipe_zero_products", IsLlvmpipe, [](DeviceProfile& p) { p.drops_zero_products = true; },
     "Its code generator answers a product or quotient with a constant 0 without looking at the other operand: NaN and "
     "infinity times 0 are 0, and so is 1 / 0.",
     ""},
    {"mesa_widened_comparisons", [](const DeviceProfile& p) { return IsMesaBefore(p, 24, 2); },
     [](DeviceProfile& p) { p.misreads_widened_comparisons = true; },
     "From 19.2 on it compares what was sign-extended from 32 to 64 bits with a constant by looking whether the "
     "constant "
     "is within 32 bits, and takes the least of them, -2^31, for 2^31: x < c is then false for every c up to 2^31. A "
     "sign extension that is spelled out by words costs nothing more.",
     "https://gitlab.freedesktop.org/mesa/mesa/-/commit/270446ee2145186ba4af6c0934ad58e4dbf91448"},
    {"llvmpipe_f64_rounding", [](const DeviceProfile& p) { return IsLlvmpipe(p); },
     [](DeviceProfile& p) { p.misrounds_f64 = true; },
     "Without AVX-512 it truncates and rounds f64 by way of narrower numbers: -0 becomes 0, and a conversion to 64-bit "
     "integers by words loses its low ones. Floor and ceil are exact.",
     ""},
    {"llvmpipe_short_kernels", IsLlvmpipe, [](DeviceProfile& p) { p.unrolling_is_costly = true; },
     "LLVM compiles a kernel at its first dispatch, in time that grows with its length: 20 ms for one line, 330 ms for "
     "an unrolled tile product.",
     ""},
    {"llvmpipe_lane_loops", [](const DeviceProfile& p) { return IsLlvmpipe(p) && IsMesaBefore(p, 23, 1); },
     [](DeviceProfile& p) { p.loads_visit_lanes = true; },
     "Its code generator makes a loop over the lanes of each access to memory, which passes the vectors of addresses "
     "or "
     "of results through memory once a lane: 150 cycles for eight lanes, of 4 bytes or of 8, on Xeons of 2023.",
     ""},
    {"llvmpipe_loop_limit", [](const DeviceProfile& p) { return IsLlvmpipe(p) && IsMesaBefore(p, 25, 0); },
     [](DeviceProfile& p) { p.max_loop_iterations = 65535; },
     "Its code generator counts the iterations of all loops of an invocation, in one counter, and leaves every loop "
     "once 65535 are spent: sums are cut off, and what loops follow is left out. Mesa 25.0 removed it.",
     "https://docs.mesa3d.org/relnotes/25.0.0.html"},
    // After the vendors' rows: Dozen's devices have the vendor of their GPU.
    {"dozen_buffer_views", IsDozen,
     [](DeviceProfile& p) { p.max_buffer_bytes = std::min(p.max_buffer_bytes, kDozenViewBytes); },
     "Addresses go through one view of the whole buffer. Direct3D 12 promises views of 2^27 elements, which are 32-bit "
     "words here: what lies beyond may read as 0.",
     "https://learn.microsoft.com/windows/win32/direct3d12/constants"},
    {"dozen_access_chains", IsDozen, [](DeviceProfile& p) { p.address_form = AddressForm::kAccessChain; },
     "An address is a view's number in the upper word and an offset in the lower. Access chains add to the offset "
     "alone, in 32 bits; the sum of an address and a byte offset is one of 64 bits, which is then cut in two again.",
     ""},
    {"dozen_zero_products", IsDozen, [](DeviceProfile& p) { p.drops_zero_products = true; },
     "It does not preserve signed zeros, infinities and NaN: Mesa's compiler then answers a product with a constant "
     "zero of either sign with 0.",
     ""},
};

}  // namespace

bool IsDozen(const DeviceProfile& profile) { return profile.driver_name == "Dozen"; }

std::span<const Quirk> Quirks() { return kQuirks; }

void ApplyQuirks(DeviceProfile& profile) {
  for (const Quirk& quirk : kQuirks) {
    if (quirk.applies(profile)) quirk.change(profile);
  }
}

}  // namespace dragoman::target
