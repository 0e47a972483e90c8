/*
 * libvulkan_compute: the messages of the Khronos validation layer. For tests and development:
 * contexts made with VkcOptions.validation let that layer check how Vulkan is used.
 *
 * vulkan_compute.h includes this header, since its release 0.1 declared the same.
 */
#ifndef VULKAN_COMPUTE_VALIDATION_H
#define VULKAN_COMPUTE_VALIDATION_H

#include "vulkan_compute.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The number of warnings and errors that the validation layer has given in this process, over all
 * contexts made with VkcOptions.validation, destroyed ones included. */
VKC_API uint32_t vkc_validation_message_count(void);

/* The text of validation message number index, from 0, or NULL where there is none; of a long list
 * only the first 100 are kept. Valid until the process ends. */
VKC_API const char* vkc_validation_message(uint32_t index);

#ifdef __cplusplus
}
#endif

#endif /* VULKAN_COMPUTE_VALIDATION_H */
