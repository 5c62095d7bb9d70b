// SPDX-License-Identifier: Apache-2.0
// TensorFlow's library exports these functions, but their headers include MLIR's, which its package does not carry.
#include "tensorflow_client.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tensorflow/core/framework/types.h"

namespace xla {

class KeyValueStoreInterface;

// Only passed through; its destructor is TensorFlow's, reached through the table of virtual functions.
class PjRtClient {
 public:
  virtual ~PjRtClient();
};

using PjRtValueType = std::variant<std::string, bool, int64_t, std::vector<int64_t>, float>;

absl::StatusOr<std::unique_ptr<PjRtClient>> GetCApiClient(
    absl::string_view device_type, const absl::flat_hash_map<std::string, PjRtValueType>& create_options,
    std::shared_ptr<KeyValueStoreInterface> store);

}  // namespace xla

namespace tensorflow {

absl::Status SetPjRtClientInTFGlobalResourceManager(const DeviceType& device_type,
                                                    std::unique_ptr<xla::PjRtClient> client);

}  // namespace tensorflow

namespace dragoman_tensorflow {

std::string MakeTensorFlowsClient(const std::string& device_type) {
  absl::StatusOr<std::unique_ptr<xla::PjRtClient>> client = xla::GetCApiClient(device_type, {}, nullptr);
  if (!client.ok()) return std::string(client.status().message());
  const absl::Status status =
      tensorflow::SetPjRtClientInTFGlobalResourceManager(tensorflow::DeviceType(device_type), *std::move(client));
  return std::string(status.message());
}

}  // namespace dragoman_tensorflow
