// SPDX-License-Identifier: Apache-2.0
#include "runtime/transfer.h"

#include <algorithm>
#include <cstring>

#include "base/format.h"
#include "runtime/event.h"
#include "runtime/host_copy.h"

namespace dragoman::runtime {
namespace {

using vulkan::MemoryKind;

// Dense data larger than this goes through staging memory in pieces, so that copying in and copying over overlap.
constexpr uint64_t kStagingPieceBytes = 16ull << 20;
constexpr uint64_t kReadbackPieceBytes = 32ull << 20;
constexpr size_t kMaxReadbackPieces = 4;  // of one tensor under way; beyond, ToHost waits
// So little the host reads from a card's memory itself: slowly, but without a copy that waits for the work before it.
constexpr size_t kMaxSlowReadBytes = 1024;
// A tensor larger than this goes through staging memory; what it costs is little beside what is done with it.
constexpr uint64_t kMaxArrivalBytes = 32ull << 20;
// Staging memory that waits for the device; beyond it, uploads wait.
constexpr uint64_t kMaxStagingBytes = 256ull << 20;

Status CheckView(const TensorType& type, const HostView& view) {
  for (const int64_t extent : type.dims) {
    if (extent < 0) return InvalidArgument(Format("The tensor type {} has a negative extent.", type.ToString()));
  }
  if (!view.byte_strides.empty() && view.byte_strides.size() != type.dims.size()) {
    return InvalidArgument(Format("A host array of type {} has {} strides, expected {}.", type.ToString(),
                                  view.byte_strides.size(), type.dims.size()));
  }
  if (view.data == nullptr && type.size_bytes() != 0) {
    return InvalidArgument(Format("A host array of type {} has no data.", type.ToString()));
  }
  return OkStatus();
}

StatusOr<std::shared_ptr<Allocation>> AllocateStaging(Core& core, uint64_t size_bytes) {
  Heap& heap = core.heap(MemoryKind::kUpload);
  if (heap.statistics().bytes_in_use > kMaxStagingBytes) RETURN_IF_ERROR(core.queue->WaitIdle());
  return heap.Allocate(size_bytes);
}

// One piece through staging memory: `write` fills it. Gives the moment when it is there.
StatusOr<Moment> Upload(Core& core, const Allocation& target, uint64_t offset_bytes, uint64_t size_bytes,
                        const std::function<void(std::byte*)>& write) {
  ASSIGN_OR_RETURN(std::shared_ptr<Allocation> staging, AllocateStaging(core, size_bytes));
  write(staging->host());
  StatusOr<Moment> done = core.queue->Record(
      [&](vulkan::Recorder& recorder) {
        recorder.Copy(staging->memory(), staging->offset_bytes(), target.memory(), target.offset_bytes() + offset_bytes,
                      size_bytes);
      },
      /*needs_barrier=*/false, size_bytes);
  if (done.ok()) core.queue->Retire(*done, std::move(staging));
  return done;
}

StatusOr<Moment> UploadAll(Core& core, const TensorType& type, const HostView& view, const Allocation& target) {
  const auto size_bytes = static_cast<uint64_t>(type.size_bytes());
  const auto* source = static_cast<const std::byte*>(view.data);
  if (!view.byte_strides.empty() || size_bytes <= kStagingPieceBytes) {
    return Upload(core, target, 0, size_bytes,
                  [&](std::byte* staging) { CopyToDense(type, source, view.byte_strides, staging); });
  }
  Moment done;
  for (uint64_t offset = 0; offset < size_bytes; offset += kStagingPieceBytes) {
    const uint64_t piece_bytes = std::min(kStagingPieceBytes, size_bytes - offset);
    ASSIGN_OR_RETURN(done, Upload(core, target, offset, piece_bytes,
                                  [&](std::byte* staging) { std::memcpy(staging, source + offset, piece_bytes); }));
  }
  return done;
}

// Memory for a tensor from the host, where it can be such that the host may write now: TensorFlow goes on only when a
// tensor has arrived, and one that waited for the step before would keep host and device from working at once.
StatusOr<std::shared_ptr<Allocation>> AllocateTarget(Core& core, uint64_t size_bytes, Placement placement, Stay stay) {
  Heap& heap = core.tensor_heap(placement);
  const bool may_arrive = core.arrivals != nullptr && placement == Placement::kDevice && stay == Stay::kPassing &&
                          size_bytes != 0 && size_bytes <= kMaxArrivalBytes;
  if (!may_arrive) return heap.Allocate(size_bytes);
  const bool is_idle = core.queue->IsComplete(core.queue->current_uses());
  if (is_idle && core.device->IsHostVisible(MemoryKind::kDevice)) return heap.Allocate(size_bytes);
  core.queue->CollectRetired();
  StatusOr<std::shared_ptr<Allocation>> arrival = core.arrivals->Allocate(size_bytes);
  return arrival.ok() ? arrival : heap.Allocate(size_bytes);
}

std::shared_ptr<Event> Deleted() { return ReadyEvent(InvalidArgument("The buffer was deleted or donated.")); }

// The host sees the tensor: wait, then copy.
std::shared_ptr<Event> ReadDirectly(const std::shared_ptr<BufferImpl>& buffer, std::shared_ptr<Allocation> allocation,
                                    void* destination, size_t size_bytes) {
  const std::shared_ptr<Core>& core = buffer->core();
  if (buffer->ready()->IsReady()) {
    const Status status = buffer->ready()->Await();
    if (status.ok()) std::memcpy(destination, allocation->host(), size_bytes);
    return ReadyEvent(status);
  }
  // Every submission ends with a barrier for the host, so the buffer's own is the one to wait for.
  return MakeFinishingEvent(core, buffer->ready_moment(), [=, allocation = std::move(allocation)] {
    std::memcpy(destination, allocation->host(), size_bytes);
  });
}

// One piece through staging memory.
StatusOr<std::shared_ptr<Event>> Download(const std::shared_ptr<Core>& core, std::shared_ptr<Allocation> source,
                                          uint64_t offset_bytes, std::byte* destination, uint64_t size_bytes) {
  ASSIGN_OR_RETURN(std::shared_ptr<Allocation> staging, core->heap(MemoryKind::kReadback).Allocate(size_bytes));
  const auto copy = [&](vulkan::Recorder& recorder) {
    recorder.Copy(source->memory(), source->offset_bytes() + offset_bytes, staging->memory(), staging->offset_bytes(),
                  size_bytes);
  };
  ASSIGN_OR_RETURN(const Moment done, core->queue->Record(copy, /*needs_barrier=*/true, size_bytes));
  RETURN_IF_ERROR(core->queue->EnsureSubmitted(done));
  return MakeFinishingEvent(
      core, done, [=, staging = std::move(staging)] { std::memcpy(destination, staging->host(), size_bytes); });
}

// Large tensors in pieces: while one is copied out the next is on its way, and staging memory stays small.
StatusOr<std::shared_ptr<Event>> ReadThroughStaging(const std::shared_ptr<BufferImpl>& buffer,
                                                    const std::shared_ptr<Allocation>& allocation, void* destination,
                                                    size_t size_bytes) {
  std::vector<std::shared_ptr<Event>> pieces;
  auto* target = static_cast<std::byte*>(destination);
  for (uint64_t offset = 0; offset < size_bytes; offset += kReadbackPieceBytes) {
    if (pieces.size() >= kMaxReadbackPieces) RETURN_IF_ERROR(pieces[pieces.size() - kMaxReadbackPieces]->Await());
    const uint64_t piece_bytes = std::min<uint64_t>(kReadbackPieceBytes, size_bytes - offset);
    StatusOr<std::shared_ptr<Event>> piece = Download(buffer->core(), allocation, offset, target + offset, piece_bytes);
    // Earlier pieces still write to the destination: the caller must not have it back before.
    for (size_t i = 0; !piece.ok() && i < pieces.size(); ++i) (void)pieces[i]->Await();
    RETURN_IF_ERROR(piece.status());
    pieces.push_back(*std::move(piece));
  }
  return pieces.size() == 1 ? pieces[0] : JoinEvents(pieces);
}

}  // namespace

StatusOr<std::shared_ptr<Buffer>> TransferFromHost(const std::shared_ptr<Core>& core, const TensorType& type,
                                                   const HostView& view, Placement placement, Stay stay) {
  RETURN_IF_ERROR(core->CheckUsable());
  RETURN_IF_ERROR(CheckView(type, view));
  const auto size_bytes = static_cast<uint64_t>(type.size_bytes());
  ASSIGN_OR_RETURN(std::shared_ptr<Allocation> allocation, AllocateTarget(*core, size_bytes, placement, stay));
  auto shared_type = std::make_shared<const TensorType>(type);
  std::shared_ptr<Event> ready = ReadyEvent();
  Moment ready_moment;
  if (allocation->host() != nullptr && core->queue->IsComplete(allocation->last_use())) {
    CopyToDense(type, view.data, view.byte_strides, allocation->host());
  } else if (size_bytes != 0) {
    ASSIGN_OR_RETURN(ready_moment, UploadAll(*core, type, view, *allocation));
    ready = MakeTimelineEvent(core, ready_moment);
  }
  return std::shared_ptr<Buffer>(std::make_shared<BufferImpl>(core, std::move(shared_type), std::move(allocation),
                                                              std::move(ready), ready_moment));
}

std::shared_ptr<Event> TransferToHost(const std::shared_ptr<BufferImpl>& buffer, void* destination, size_t size_bytes) {
  if (const Status status = buffer->core()->CheckUsable(); !status.ok()) return ReadyEvent(status);
  std::shared_ptr<Allocation> allocation = buffer->allocation();
  if (allocation == nullptr) return Deleted();
  if (size_bytes != buffer->size_bytes()) {
    return ReadyEvent(
        InvalidArgument(Format("A buffer of {} bytes is read into {} bytes.", buffer->size_bytes(), size_bytes)));
  }
  if (size_bytes == 0) return buffer->ready();
  if (allocation->host() != nullptr && (allocation->heap().is_read_by_host() || size_bytes <= kMaxSlowReadBytes)) {
    return ReadDirectly(buffer, std::move(allocation), destination, size_bytes);
  }
  StatusOr<std::shared_ptr<Event>> event = ReadThroughStaging(buffer, allocation, destination, size_bytes);
  return event.ok() ? *event : ReadyEvent(event.status());
}

StatusOr<std::shared_ptr<Buffer>> CopyOnDevice(const std::shared_ptr<BufferImpl>& buffer, Placement placement) {
  const std::shared_ptr<Core>& core = buffer->core();
  RETURN_IF_ERROR(core->CheckUsable());
  const std::shared_ptr<Allocation> source = buffer->allocation();
  if (source == nullptr) return InvalidArgument("The buffer was deleted or donated.");
  ASSIGN_OR_RETURN(std::shared_ptr<Allocation> target, core->tensor_heap(placement).Allocate(buffer->size_bytes()));
  std::shared_ptr<Event> ready = buffer->ready();
  Moment ready_moment = buffer->ready_moment();
  if (buffer->size_bytes() != 0) {
    const auto copy = [&](vulkan::Recorder& recorder) {
      recorder.Copy(source->memory(), source->offset_bytes(), target->memory(), target->offset_bytes(),
                    buffer->size_bytes());
    };
    ASSIGN_OR_RETURN(ready_moment, core->queue->Record(copy, /*needs_barrier=*/true, buffer->size_bytes()));
    ready = MakeTimelineEvent(core, ready_moment);
  }
  return std::shared_ptr<Buffer>(
      std::make_shared<BufferImpl>(core, buffer->shared_type(), std::move(target), std::move(ready), ready_moment));
}

}  // namespace dragoman::runtime
