/* What every kernel shares: the export mark and integer types. */
#ifndef VERIDICAL_KERNEL_COMMON_H
#define VERIDICAL_KERNEL_COMMON_H

#include <stdint.h>
#include <stddef.h>

#define VERIDICAL_EXPORT __attribute__((visibility("default")))

#endif
