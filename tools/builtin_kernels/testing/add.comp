// SPDX-License-Identifier: Apache-2.0
// target[i] = lhs[i] + rhs[i], for i < count; u32.
#version 460
#extension GL_EXT_buffer_reference : require
layout(local_size_x = 64) in;
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint data[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Record {
  Words lhs;
  Words rhs;
  Words target;
  uint count;
};
layout(push_constant) uniform Constants {
  Record record;
  uint num_segments;
  uint zero;
};
void main() {
  const uint index = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 64 + gl_LocalInvocationID.x;
  if (index < record.count) record.target.data[index] = record.lhs.data[index] + record.rhs.data[index];
}
