// SPDX-License-Identifier: Apache-2.0
// Copies 16 bytes an invocation; the invocation after the last copies the remaining 0 to 15 bytes. Both addresses are
// multiples of 16. Bytes after the last stay as they are.
#version 460
#extension GL_EXT_buffer_reference : require
layout(local_size_x = 256) in;
layout(buffer_reference, std430, buffer_reference_align = 16) restrict buffer Units { uvec4 data[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly restrict buffer Record {
  Units source;
  Units target;
  uint num_units;
  uint num_remaining_bytes;
};
layout(push_constant) uniform Constants {
  Record record;
  uint num_segments;
  uint zero;
};
void main() {
  const uint index = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 256 + gl_LocalInvocationID.x;
  if (index < record.num_units) {
    record.target.data[index] = record.source.data[index];
  } else if (index == record.num_units && record.num_remaining_bytes != 0) {
    for (uint word = 0; word * 4 < record.num_remaining_bytes; ++word) {
      const uint num_bytes = min(record.num_remaining_bytes - word * 4, 4);
      const uint mask = num_bytes == 4 ? ~0u : (1u << (num_bytes * 8)) - 1;
      uint value = record.source.data[index][word];
      if (num_bytes != 4) value = (value & mask) | (record.target.data[index][word] & ~mask);
      record.target.data[index][word] = value;
    }
  }
}
