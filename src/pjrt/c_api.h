// SPDX-License-Identifier: Apache-2.0
// The PJRT C ABI, version 0.90, as far as Dragoman speaks it: the names, orders and widths that a framework and a
// plugin must agree on. Declared here, row by row, so that no foreign header is needed; tests/test_pjrt_layout.py
// compares every offset, enumerator and slot with the published header.
//
// Rules of the ABI. A struct may grow at its end: `struct_size` says how much of it the other side knows, so a bigger
// struct is never refused and a field past the caller's size is absent (HAS_FIELD). Names are the framework's to read,
// not ours to keep: whatever a function returns lives as long as the object it was asked of, unless said.
#pragma once

#include "pjrt/c_types.h"

extern "C" {

inline constexpr int kPjrtApiMajor = 0;
inline constexpr int kPjrtApiMinor = 90;

// One row a function: what it is told and what it answers (the fields after the object).
#define PJRT_ARGS(function, ...)          \
  struct PJRT_##function##_Args {         \
    size_t struct_size;                   \
    PJRT_Extension_Base* extension_start; \
    __VA_ARGS__                           \
  }

PJRT_ARGS(Error_Destroy, PJRT_Error* error;);
PJRT_ARGS(Error_Message, const PJRT_Error* error; const char* message; size_t message_size;);
PJRT_ARGS(Error_GetCode, const PJRT_Error* error; PJRT_Error_Code code;);

PJRT_ARGS(Plugin_Initialize);
PJRT_ARGS(Plugin_Attributes, const PJRT_NamedValue* attributes; size_t num_attributes;);

PJRT_ARGS(Event_Destroy, PJRT_Event* event;);
PJRT_ARGS(Event_IsReady, PJRT_Event* event; bool is_ready;);
PJRT_ARGS(Event_Error, PJRT_Event* event;);
PJRT_ARGS(Event_Await, PJRT_Event* event;);
PJRT_ARGS(Event_OnReady, PJRT_Event* event; PJRT_Event_OnReadyCallback callback; void* user_arg;);
PJRT_ARGS(Event_Create, PJRT_Event* event;);
PJRT_ARGS(Event_Set, PJRT_Event* event; PJRT_Error_Code error_code; const char* error_message;
          size_t error_message_size;);

// The key-value callbacks serve several processes; Dragoman never calls them.
PJRT_ARGS(Client_Create, const PJRT_NamedValue* create_options; size_t num_options; void (*kv_get_callback)();
          void* kv_get_user_arg; void (*kv_put_callback)(); void* kv_put_user_arg; PJRT_Client * client;
          void (*kv_try_get_callback)(); void* kv_try_get_user_arg;);
PJRT_ARGS(Client_Destroy, PJRT_Client* client;);
PJRT_ARGS(Client_PlatformName, PJRT_Client* client; const char* platform_name; size_t platform_name_size;);
PJRT_ARGS(Client_ProcessIndex, PJRT_Client* client; int process_index;);
PJRT_ARGS(Client_PlatformVersion, PJRT_Client* client; const char* platform_version; size_t platform_version_size;);
PJRT_ARGS(Client_TopologyDescription, PJRT_Client* client; PJRT_TopologyDescription * topology;);
PJRT_ARGS(Client_Devices, PJRT_Client* client; PJRT_Device* const* devices; size_t num_devices;);
PJRT_ARGS(Client_AddressableDevices, PJRT_Client* client; PJRT_Device* const* addressable_devices;
          size_t num_addressable_devices;);
PJRT_ARGS(Client_LookupDevice, PJRT_Client* client; int id; PJRT_Device * device;);
PJRT_ARGS(Client_LookupAddressableDevice, PJRT_Client* client; int local_hardware_id;
          PJRT_Device * addressable_device;);
PJRT_ARGS(Client_AddressableMemories, PJRT_Client* client; PJRT_Memory* const* addressable_memories;
          size_t num_addressable_memories;);
PJRT_ARGS(Client_Compile, PJRT_Client* client; const PJRT_Program* program; const char* compile_options;
          size_t compile_options_size; PJRT_LoadedExecutable * executable;);
PJRT_ARGS(Client_DefaultDeviceAssignment, PJRT_Client* client; int num_replicas; int num_partitions;
          size_t default_assignment_size; int* default_assignment;);
PJRT_ARGS(Client_BufferFromHostBuffer, PJRT_Client* client; const void* data; PJRT_Buffer_Type type;
          const int64_t* dims; size_t num_dims; const int64_t* byte_strides; size_t num_byte_strides;
          PJRT_HostBufferSemantics host_buffer_semantics; PJRT_Device * device; PJRT_Memory * memory;
          PJRT_Buffer_MemoryLayout * device_layout; PJRT_Event * done_with_host_buffer; PJRT_Buffer * buffer;);
PJRT_ARGS(Client_CreateUninitializedBuffer, PJRT_Client* client; const int64_t* shape_dims; size_t shape_num_dims;
          PJRT_Buffer_Type shape_element_type; PJRT_Buffer_MemoryLayout * shape_layout; PJRT_Device * device;
          PJRT_Memory * memory; PJRT_Buffer * buffer;);

PJRT_ARGS(DeviceDescription_Id, PJRT_DeviceDescription* device_description; int id;);
PJRT_ARGS(DeviceDescription_ProcessIndex, PJRT_DeviceDescription* device_description; int process_index;);
PJRT_ARGS(DeviceDescription_Attributes, PJRT_DeviceDescription* device_description; size_t num_attributes;
          const PJRT_NamedValue* attributes;);
PJRT_ARGS(DeviceDescription_Kind, PJRT_DeviceDescription* device_description; const char* device_kind;
          size_t device_kind_size;);
PJRT_ARGS(DeviceDescription_DebugString, PJRT_DeviceDescription* device_description; const char* debug_string;
          size_t debug_string_size;);
PJRT_ARGS(DeviceDescription_ToString, PJRT_DeviceDescription* device_description; const char* to_string;
          size_t to_string_size;);

PJRT_ARGS(Device_GetDescription, PJRT_Device* device; PJRT_DeviceDescription * device_description;);
PJRT_ARGS(Device_IsAddressable, PJRT_Device* device; bool is_addressable;);
PJRT_ARGS(Device_LocalHardwareId, PJRT_Device* device; int local_hardware_id;);
PJRT_ARGS(Device_AddressableMemories, PJRT_Device* device; PJRT_Memory* const* memories; size_t num_memories;);
PJRT_ARGS(Device_DefaultMemory, PJRT_Device* device; PJRT_Memory * memory;);
PJRT_ARGS(Device_MemoryStats, PJRT_Device* device; int64_t bytes_in_use; int64_t peak_bytes_in_use;
          bool peak_bytes_in_use_is_set; int64_t num_allocs; bool num_allocs_is_set; int64_t largest_alloc_size;
          bool largest_alloc_size_is_set; int64_t bytes_limit; bool bytes_limit_is_set; int64_t bytes_reserved;
          bool bytes_reserved_is_set; int64_t peak_bytes_reserved; bool peak_bytes_reserved_is_set;
          int64_t bytes_reservable_limit; bool bytes_reservable_limit_is_set; int64_t largest_free_block_bytes;
          bool largest_free_block_bytes_is_set; int64_t pool_bytes; bool pool_bytes_is_set; int64_t peak_pool_bytes;
          bool peak_pool_bytes_is_set;);

PJRT_ARGS(Memory_Id, PJRT_Memory* memory; int id;);
PJRT_ARGS(Memory_Kind, PJRT_Memory* memory; const char* kind; size_t kind_size;);
PJRT_ARGS(Memory_Kind_Id, PJRT_Memory* memory; int kind_id;);
PJRT_ARGS(Memory_DebugString, PJRT_Memory* memory; const char* debug_string; size_t debug_string_size;);
PJRT_ARGS(Memory_ToString, PJRT_Memory* memory; const char* to_string; size_t to_string_size;);
PJRT_ARGS(Memory_AddressableByDevices, PJRT_Memory* memory; PJRT_Device* const* devices; size_t num_devices;);

PJRT_ARGS(ExecuteContext_Create, PJRT_ExecuteContext* context;);
PJRT_ARGS(ExecuteContext_Destroy, PJRT_ExecuteContext* context;);

PJRT_ARGS(Executable_Destroy, PJRT_Executable* executable;);
PJRT_ARGS(Executable_Name, PJRT_Executable* executable; const char* executable_name; size_t executable_name_size;);
PJRT_ARGS(Executable_NumReplicas, PJRT_Executable* executable; size_t num_replicas;);
PJRT_ARGS(Executable_NumPartitions, PJRT_Executable* executable; size_t num_partitions;);
PJRT_ARGS(Executable_NumOutputs, PJRT_Executable* executable; size_t num_outputs;);
PJRT_ARGS(Executable_SizeOfGeneratedCodeInBytes, PJRT_Executable* executable; int64_t size_in_bytes;);
PJRT_ARGS(Executable_Fingerprint, PJRT_Executable* executable; const char* executable_fingerprint;
          size_t executable_fingerprint_size;);
PJRT_ARGS(Executable_GetCostAnalysis, PJRT_Executable* executable; size_t num_properties;
          const PJRT_NamedValue* properties;);
PJRT_ARGS(Executable_GetCompiledMemoryStats, PJRT_Executable* executable; int64_t generated_code_size_in_bytes;
          int64_t argument_size_in_bytes; int64_t output_size_in_bytes; int64_t alias_size_in_bytes;
          int64_t temp_size_in_bytes; int64_t host_generated_code_size_in_bytes; int64_t host_argument_size_in_bytes;
          int64_t host_output_size_in_bytes; int64_t host_alias_size_in_bytes; int64_t host_temp_size_in_bytes;
          int64_t peak_memory_in_bytes; int64_t total_size_in_bytes;);
PJRT_ARGS(Executable_OutputElementTypes, PJRT_Executable* executable; PJRT_Buffer_Type * output_types;
          size_t num_output_types;);
PJRT_ARGS(Executable_OutputDimensions, PJRT_Executable* executable; size_t num_outputs; const int64_t* dims;
          const size_t* dim_sizes;);
PJRT_ARGS(Executable_OutputMemoryKinds, PJRT_Executable* executable; size_t num_outputs;
          const char* const* memory_kinds; const size_t* memory_kind_sizes;);
// Called twice: with code null to learn code_size, then with room for it.
PJRT_ARGS(Executable_OptimizedProgram, PJRT_Executable* executable; PJRT_Program * program;);
PJRT_ARGS(Executable_Serialize, const PJRT_Executable* executable; const char* serialized_bytes;
          size_t serialized_bytes_size; PJRT_SerializedExecutable * serialized_executable;
          void (*serialized_executable_deleter)(PJRT_SerializedExecutable* exec););
PJRT_ARGS(Executable_GetCompileOptions, PJRT_Executable* executable; const char* serialized_bytes;
          size_t serialized_bytes_size; PJRT_SerializedCompileOptions * serialized_compile_options;
          void (*serialized_compile_options_deleter)(PJRT_SerializedCompileOptions* options););
PJRT_ARGS(Executable_DeserializeAndLoad, PJRT_Client* client; const char* serialized_executable;
          size_t serialized_executable_size; PJRT_LoadedExecutable * loaded_executable;
          const char* overridden_serialized_compile_options; size_t overridden_serialized_compile_options_size;);

PJRT_ARGS(LoadedExecutable_Destroy, PJRT_LoadedExecutable* executable;);
PJRT_ARGS(LoadedExecutable_GetExecutable, PJRT_LoadedExecutable* loaded_executable; PJRT_Executable * executable;);
PJRT_ARGS(LoadedExecutable_GetDeviceAssignment, PJRT_LoadedExecutable* executable; const char* serialized_bytes;
          size_t serialized_bytes_size; PJRT_DeviceAssignmentSerialized * serialized_device_assignment;
          void (*serialized_device_assignment_deleter)(PJRT_DeviceAssignmentSerialized* da););
PJRT_ARGS(LoadedExecutable_AddressableDevices, PJRT_LoadedExecutable* executable;
          PJRT_Device* const* addressable_devices; size_t num_addressable_devices;);
PJRT_ARGS(LoadedExecutable_Delete, PJRT_LoadedExecutable* executable;);
PJRT_ARGS(LoadedExecutable_IsDeleted, PJRT_LoadedExecutable* executable; bool is_deleted;);
PJRT_ARGS(LoadedExecutable_Fingerprint, PJRT_LoadedExecutable* executable; const char* executable_fingerprint;
          size_t executable_fingerprint_size;);
PJRT_ARGS(LoadedExecutable_Execute, PJRT_LoadedExecutable* executable; PJRT_ExecuteOptions * options;
          PJRT_Buffer* const* const* argument_lists; size_t num_devices; size_t num_args;
          PJRT_Buffer * * const* output_lists; PJRT_Event * *device_complete_events; PJRT_Device * execute_device;);

PJRT_ARGS(Buffer_Destroy, PJRT_Buffer* buffer;);
PJRT_ARGS(Buffer_ElementType, PJRT_Buffer* buffer; PJRT_Buffer_Type type;);
PJRT_ARGS(Buffer_Dimensions, PJRT_Buffer* buffer; const int64_t* dims; size_t num_dims;);
PJRT_ARGS(Buffer_UnpaddedDimensions, PJRT_Buffer* buffer; const int64_t* unpadded_dims; size_t num_dims;);
PJRT_ARGS(Buffer_DynamicDimensionIndices, PJRT_Buffer* buffer; const size_t* dynamic_dim_indices;
          size_t num_dynamic_dims;);
PJRT_ARGS(Buffer_GetMemoryLayout, PJRT_Buffer* buffer; PJRT_Buffer_MemoryLayout layout;);
PJRT_ARGS(Buffer_ToHostBuffer, PJRT_Buffer* src; PJRT_Buffer_MemoryLayout * host_layout; void* dst; size_t dst_size;
          PJRT_Event * event;);
PJRT_ARGS(Buffer_OnDeviceSizeInBytes, PJRT_Buffer* buffer; size_t on_device_size_in_bytes;);
PJRT_ARGS(Buffer_Delete, PJRT_Buffer* buffer;);
PJRT_ARGS(Buffer_IsDeleted, PJRT_Buffer* buffer; bool is_deleted;);
PJRT_ARGS(Buffer_CopyRawToHost, PJRT_Buffer* buffer; void* dst; int64_t offset; int64_t transfer_size;
          PJRT_Event * event;);
PJRT_ARGS(Buffer_CopyToDevice, PJRT_Buffer* buffer; PJRT_Device * dst_device; PJRT_Buffer * dst_buffer;);
PJRT_ARGS(Buffer_CopyToMemory, PJRT_Buffer* buffer; PJRT_Memory * dst_memory; PJRT_Buffer * dst_buffer;);
PJRT_ARGS(Buffer_IsOnCpu, PJRT_Buffer* buffer; bool is_on_cpu;);
PJRT_ARGS(Buffer_Device, PJRT_Buffer* buffer; PJRT_Device * device;);
PJRT_ARGS(Buffer_Memory, PJRT_Buffer* buffer; PJRT_Memory * memory;);
PJRT_ARGS(Buffer_ReadyEvent, PJRT_Buffer* buffer; PJRT_Event * event;);
PJRT_ARGS(Buffer_UnsafePointer, PJRT_Buffer* buffer; uintptr_t buffer_pointer;);
PJRT_ARGS(Buffer_IncreaseExternalReferenceCount, PJRT_Buffer* buffer;);
PJRT_ARGS(Buffer_DecreaseExternalReferenceCount, PJRT_Buffer* buffer;);
PJRT_ARGS(Buffer_OpaqueDeviceMemoryDataPointer, PJRT_Buffer* buffer; void* device_memory_ptr;);

PJRT_ARGS(CopyToDeviceStream_Destroy, PJRT_CopyToDeviceStream* stream;);
PJRT_ARGS(CopyToDeviceStream_AddChunk, PJRT_CopyToDeviceStream* stream; PJRT_Chunk * chunk;
          PJRT_Event * transfer_complete;);
PJRT_ARGS(CopyToDeviceStream_TotalBytes, PJRT_CopyToDeviceStream* stream; int64_t total_bytes;);
PJRT_ARGS(CopyToDeviceStream_GranuleSize, PJRT_CopyToDeviceStream* stream; int64_t granule_size_in_bytes;);
PJRT_ARGS(CopyToDeviceStream_CurrentBytes, PJRT_CopyToDeviceStream* stream; int64_t current_bytes;);

PJRT_ARGS(TopologyDescription_Destroy, PJRT_TopologyDescription* topology;);
PJRT_ARGS(TopologyDescription_PlatformVersion, PJRT_TopologyDescription* topology; const char* platform_version;
          size_t platform_version_size;);
PJRT_ARGS(TopologyDescription_PlatformName, const PJRT_TopologyDescription* topology; const char* platform_name;
          size_t platform_name_size;);
PJRT_ARGS(TopologyDescription_GetDeviceDescriptions, const PJRT_TopologyDescription* topology;
          PJRT_DeviceDescription* const* descriptions; size_t num_descriptions;);
PJRT_ARGS(TopologyDescription_Attributes, PJRT_TopologyDescription* topology; const PJRT_NamedValue* attributes;
          size_t num_attributes;);

// Every slot of the table, in order. The two that cannot answer with an error come as V.
#define DRAGOMAN_PJRT_SLOTS(X, V)                     \
  V(Error_Destroy)                                    \
  V(Error_Message)                                    \
  X(Error_GetCode)                                    \
  X(Plugin_Initialize)                                \
  X(Plugin_Attributes)                                \
  X(Event_Destroy)                                    \
  X(Event_IsReady)                                    \
  X(Event_Error)                                      \
  X(Event_Await)                                      \
  X(Event_OnReady)                                    \
  X(Client_Create)                                    \
  X(Client_Destroy)                                   \
  X(Client_PlatformName)                              \
  X(Client_ProcessIndex)                              \
  X(Client_PlatformVersion)                           \
  X(Client_Devices)                                   \
  X(Client_AddressableDevices)                        \
  X(Client_LookupDevice)                              \
  X(Client_LookupAddressableDevice)                   \
  X(Client_AddressableMemories)                       \
  X(Client_Compile)                                   \
  X(Client_DefaultDeviceAssignment)                   \
  X(Client_BufferFromHostBuffer)                      \
  X(DeviceDescription_Id)                             \
  X(DeviceDescription_ProcessIndex)                   \
  X(DeviceDescription_Attributes)                     \
  X(DeviceDescription_Kind)                           \
  X(DeviceDescription_DebugString)                    \
  X(DeviceDescription_ToString)                       \
  X(Device_GetDescription)                            \
  X(Device_IsAddressable)                             \
  X(Device_LocalHardwareId)                           \
  X(Device_AddressableMemories)                       \
  X(Device_DefaultMemory)                             \
  X(Device_MemoryStats)                               \
  X(Memory_Id)                                        \
  X(Memory_Kind)                                      \
  X(Memory_DebugString)                               \
  X(Memory_ToString)                                  \
  X(Memory_AddressableByDevices)                      \
  X(Executable_Destroy)                               \
  X(Executable_Name)                                  \
  X(Executable_NumReplicas)                           \
  X(Executable_NumPartitions)                         \
  X(Executable_NumOutputs)                            \
  X(Executable_SizeOfGeneratedCodeInBytes)            \
  X(Executable_GetCostAnalysis)                       \
  X(Executable_OutputMemoryKinds)                     \
  X(Executable_OptimizedProgram)                      \
  X(Executable_Serialize)                             \
  X(LoadedExecutable_Destroy)                         \
  X(LoadedExecutable_GetExecutable)                   \
  X(LoadedExecutable_AddressableDevices)              \
  X(LoadedExecutable_Delete)                          \
  X(LoadedExecutable_IsDeleted)                       \
  X(LoadedExecutable_Execute)                         \
  X(Executable_DeserializeAndLoad)                    \
  X(LoadedExecutable_Fingerprint)                     \
  X(Buffer_Destroy)                                   \
  X(Buffer_ElementType)                               \
  X(Buffer_Dimensions)                                \
  X(Buffer_UnpaddedDimensions)                        \
  X(Buffer_DynamicDimensionIndices)                   \
  X(Buffer_GetMemoryLayout)                           \
  X(Buffer_OnDeviceSizeInBytes)                       \
  X(Buffer_Device)                                    \
  X(Buffer_Memory)                                    \
  X(Buffer_Delete)                                    \
  X(Buffer_IsDeleted)                                 \
  X(Buffer_CopyToDevice)                              \
  X(Buffer_ToHostBuffer)                              \
  X(Buffer_IsOnCpu)                                   \
  X(Buffer_ReadyEvent)                                \
  X(Buffer_UnsafePointer)                             \
  X(Buffer_IncreaseExternalReferenceCount)            \
  X(Buffer_DecreaseExternalReferenceCount)            \
  X(Buffer_OpaqueDeviceMemoryDataPointer)             \
  X(CopyToDeviceStream_Destroy)                       \
  X(CopyToDeviceStream_AddChunk)                      \
  X(CopyToDeviceStream_TotalBytes)                    \
  X(CopyToDeviceStream_GranuleSize)                   \
  X(CopyToDeviceStream_CurrentBytes)                  \
  X(TopologyDescription_Create)                       \
  X(TopologyDescription_Destroy)                      \
  X(TopologyDescription_PlatformName)                 \
  X(TopologyDescription_PlatformVersion)              \
  X(TopologyDescription_GetDeviceDescriptions)        \
  X(TopologyDescription_Serialize)                    \
  X(TopologyDescription_Attributes)                   \
  X(Compile)                                          \
  X(Executable_OutputElementTypes)                    \
  X(Executable_OutputDimensions)                      \
  X(Buffer_CopyToMemory)                              \
  X(Client_CreateViewOfDeviceBuffer)                  \
  X(Executable_Fingerprint)                           \
  X(Client_TopologyDescription)                       \
  X(Executable_GetCompiledMemoryStats)                \
  X(Memory_Kind_Id)                                   \
  X(ExecuteContext_Create)                            \
  X(ExecuteContext_Destroy)                           \
  X(Buffer_CopyRawToHost)                             \
  X(AsyncHostToDeviceTransferManager_Destroy)         \
  X(AsyncHostToDeviceTransferManager_TransferData)    \
  X(Client_CreateBuffersForAsyncHostToDevice)         \
  X(AsyncHostToDeviceTransferManager_RetrieveBuffer)  \
  X(AsyncHostToDeviceTransferManager_Device)          \
  X(AsyncHostToDeviceTransferManager_BufferCount)     \
  X(AsyncHostToDeviceTransferManager_BufferSize)      \
  X(AsyncHostToDeviceTransferManager_SetBufferError)  \
  X(AsyncHostToDeviceTransferManager_AddMetadata)     \
  X(Client_DmaMap)                                    \
  X(Client_DmaUnmap)                                  \
  X(Client_CreateUninitializedBuffer)                 \
  X(Client_UpdateGlobalProcessInfo)                   \
  X(TopologyDescription_Deserialize)                  \
  X(Client_CreateAliasBuffer)                         \
  X(Client_FulfillAliasBuffer)                        \
  X(LoadedExecutable_GetDeviceAssignment)             \
  X(Client_CreateErrorBuffer)                         \
  X(AsyncHostToDeviceTransferManager_TransferLiteral) \
  X(Buffer_CopyRawToHostFuture)                       \
  X(Device_PoisonExecution)                           \
  X(Device_CreateAsyncTrackingEvent)                  \
  X(AsyncTrackingEvent_Destroy)                       \
  X(Executable_GetCompileOptions)                     \
  X(Buffer_DonateWithControlDependency)               \
  X(Event_Create)                                     \
  X(Event_Set)

// Slots whose args are not declared above are never served; their args stay opaque.
#define PJRT_DECLARE_ARGS(function) struct PJRT_##function##_Args;
DRAGOMAN_PJRT_SLOTS(PJRT_DECLARE_ARGS, PJRT_DECLARE_ARGS)
#undef PJRT_DECLARE_ARGS

#define PJRT_DECLARE_SLOT(function) PJRT_Error* (*PJRT_##function)(PJRT_##function##_Args * args);
#define PJRT_DECLARE_VOID_SLOT(function) void (*PJRT_##function)(PJRT_##function##_Args * args);
struct PJRT_Api {
  size_t struct_size;
  PJRT_Extension_Base* extension_start;
  PJRT_Api_Version pjrt_api_version;
  DRAGOMAN_PJRT_SLOTS(PJRT_DECLARE_SLOT, PJRT_DECLARE_VOID_SLOT)
};
#undef PJRT_DECLARE_SLOT
#undef PJRT_DECLARE_VOID_SLOT

}  // extern "C"
