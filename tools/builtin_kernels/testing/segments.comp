// SPDX-License-Identifier: Apache-2.0
// Segmented: in each segment target[i] = source[i] + addend, for i < count; u32.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 64) in;
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint data[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Record {
  Words source;
  Words target;
  uint count;
  uint addend;
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Starts { uint data[]; };
layout(push_constant) uniform Constants {
  uint64_t records;
  uint num_segments;
  uint zero;
};
void main() {
  const uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  Starts starts = Starts(records + 24ul * num_segments);
  if (group >= starts.data[num_segments]) return;
  uint segment = 0;
  while (starts.data[segment + 1] <= group) ++segment;
  Record record = Record(records + 24ul * segment);
  const uint index = (group - starts.data[segment]) * 64 + gl_LocalInvocationID.x;
  if (index < record.count) record.target.data[index] = record.source.data[index] + record.addend;
}
